"""Keeps what a job leaves at its `artifacts_path`, in the store of its namespace."""

import errno
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seedjob_operator.seedserver.folders import discard, entries, make_readable
from seedjob_operator.seedserver.records import JobRecord, StoredArtifacts
from seedjob_operator.seedserver.shortage import is_shortage

Entry = dict[str, str | int]
"""A kept file: `path` within the tree (with surrogates for what isn't UTF-8), `size_bytes`, `sha256`."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of a job's artifacts, and a line for its log where its user should know something."""

    stored: StoredArtifacts | None
    note: str | None = None


def take(record: JobRecord, *, work: Path, store: Path) -> str | None:
    """Move what stands at the job's `artifacts_path` into the store; say why not. Doing it again gives the same.

    Raises:
        OSError: the disk is full, though what else the job left was discarded; try again when it isn't.
    """
    target, source = _place(record, store), None
    if record.artifacts_path is None or target.exists():
        return None
    try:
        if _finish_move(target):
            return None
        source = _inside(work, record.artifacts_path)
        if source is None:
            return f"seed: nothing was left at {record.artifacts_path}: no artifacts are kept"
        _move(source, target)
    except OSError as error:
        if is_shortage(error):
            _discard_but(source, work.resolve())
            raise
        return f"seed: the artifacts could not be kept: {error.strerror}"
    return None


def listed(record: JobRecord, *, store: Path) -> Kept:
    """List what was taken, if anything was.

    Raises:
        OSError: the disk is full; try again when it isn't.
    """
    target = _place(record, store)
    if not target.exists():
        return Kept(stored=None)
    try:
        dropped = _drop_links_outside(target)
        listing, size = _write_manifest(target)
    except OSError as error:  # whatever a job made of its files, its end is recorded
        if is_shortage(error):
            raise
        return Kept(stored=None, note=f"seed: the artifacts could not be listed: {error.strerror}")
    note = (
        f"seed: {dropped} links in the artifacts led elsewhere, or over too many others, and were left out"
        if dropped
        else None
    )
    return Kept(stored=StoredArtifacts(location=str(target), size_bytes=size, file_count=len(listing)), note=note)


def _place(record: JobRecord, store: Path) -> Path:
    return store / record.namespace / record.id


def remove(record: JobRecord, *, store: Path) -> None:
    """Remove what a job has in the store, also what could not be listed."""
    target = _place(record, store)
    for path in (target, _partial_of(target), _manifest_of(target)):
        discard(path)


def manifest(tree: Path) -> list[Entry] | None:
    """Give the files of a kept tree with their sizes and checksums; None where nothing is kept."""
    try:
        found: list[Entry] = json.loads(_manifest_of(tree).read_text())
    except FileNotFoundError:
        return None
    return found


def kept_file(tree: Path, path: str) -> Path | None:
    """Find a file of a kept tree; None where there is none, or where it leads out of the tree."""
    found = _real(tree / path)
    return found if found is not None and found.is_relative_to(tree.resolve()) and found.is_file() else None


def _manifest_of(tree: Path) -> Path:
    return tree.with_name(tree.name + ".files.json")


def _write_manifest(tree: Path) -> tuple[list[Entry], int]:
    """Write the list of files; give it and how many bytes they are: a job may have given one any number of names."""
    listing: list[Entry] = []
    known: dict[tuple[int, int], Entry] = {}
    for path in sorted(str(each.relative_to(tree)) for each in _files(tree)):
        real = kept_file(tree, path)
        if real is None:
            continue
        found = real.stat()
        file = (found.st_dev, found.st_ino)
        if file not in known:
            known[file] = {"size_bytes": found.st_size, "sha256": _checksum(real)}
        listing.append({"path": path, **known[file]})
    partial = _manifest_of(tree).with_suffix(".partial")
    partial.write_text(json.dumps(listing))
    partial.rename(_manifest_of(tree))
    return listing, sum(int(entry["size_bytes"]) for entry in known.values())


def _checksum(path: Path) -> str:
    if not os.access(path, os.R_OK):  # a job may have taken away its own right to read what it made
        path.chmod(0o600)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inside(work: Path, wanted: str) -> Path | None:
    """Find a path in the job's folder, which is the root of absolute ones; None if it isn't there or leads out.

    An empty folder is nothing: in a container there always is one.
    """
    root = work.resolve()
    relative = str(PurePosixPath("/") / wanted).lstrip("/")
    found = _real(root / relative)
    if found is None or not os.path.exists(found) or not found.is_relative_to(root):  # noqa: PTH110  # bears any length
        return None
    make_readable(found)
    return None if found.is_dir() and next(found.iterdir(), None) is None else found


def _real(path: Path) -> Path | None:
    """Follow a path's links to their end; None where they are too many, or lead elsewhere than they say.

    In /proc there are such: the root of a process in a container says `/`, and is another one.
    """
    try:
        real = Path(os.path.realpath(path))  # unlike `resolve`, it bears links that lead round in a circle
    except (RecursionError, OSError):
        return None
    try:
        led_to = path.stat()
    except OSError:
        return None if os.path.lexists(real) else real
    try:
        return real if os.path.samestat(led_to, real.lstat()) else None
    except OSError:
        return None


def _move(source: Path, target: Path) -> None:
    """Move by renaming: at once, whole, and without room for a second copy."""
    if source.is_dir():
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.rename(target)
        return
    partial = _partial_of(target)
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.rename(partial / source.name)
    partial.rename(target)


def _finish_move(target: Path) -> bool:
    """Finish the move of a file in whose middle an earlier server was killed; False if there was none."""
    partial = _partial_of(target)
    if not partial.is_dir() or next(partial.iterdir(), None) is None:
        return False
    partial.rename(target)
    return True


def _partial_of(target: Path) -> Path:
    return target.with_name(target.name + ".partial")


def _discard_but(source: Path | None, work: Path) -> None:
    """Make room: discard all of a job's disk but what is to be kept, and the folders in which that stands."""
    while source is not None and source != work:
        for path in source.parent.iterdir():
            if path != source:
                discard(path)
        source = source.parent


def _drop_links_outside(target: Path) -> int:
    root = target.resolve()
    outside = [path for path in entries(target) if path.is_symlink() and not _leads_inside(path, root)]
    for path in outside:
        path.unlink()
    return len(outside)


def _leads_inside(link: Path, root: Path) -> bool:
    """Whether a link leads to something in a tree, though it may not be there.

    The system itself is asked first: it follows some 40 links, and a longer chain would be walked anew for each of its own.
    """
    try:
        link.stat()
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
            return False
    real = _real(link)
    return real is not None and real.is_relative_to(root)


def _files(folder: Path) -> list[Path]:
    """Give a tree's files, and the links to them: a name such as `best` may be all that its user knows."""
    return [path for path in entries(folder) if path.is_file()]

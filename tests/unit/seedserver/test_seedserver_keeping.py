"""What a job left is taken into the store once and whole, wherever a server was killed, and whatever was full."""

import errno
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver import artifacts
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.records import JobRecord

JOB = new_record("acme", CreateJob(name="a", command="x", image="x", gpu="none", artifacts_path="out/model"), now=0)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    (store / "acme").mkdir(parents=True)
    return store


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "out").mkdir(parents=True)
    for path in ("out/model", "out/scrap", "cache"):
        (work / path).write_text("12345")
    return work


def kept(record: JobRecord, store: Path) -> list[str]:
    stored = artifacts.listed(record, store=store).stored
    return [] if stored is None else [path.name for path in Path(stored.location).iterdir()]


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_file_is_kept_wherever_a_server_was_killed_in_its_move(
    store: Path, work: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    left, rename = renames, Path.rename

    def until_killed(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", until_killed)
        try:
            artifacts.take(JOB, work=work, store=store)
        except KeyboardInterrupt:
            assert renames < 2
    assert artifacts.take(JOB, work=work, store=store) is None
    assert kept(JOB, store) == ["model"]
    assert not list((store / "acme").glob("*.partial"))


def test_a_full_disk_costs_a_job_all_but_its_artifacts(
    store: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, **_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", full)
        with pytest.raises(OSError, match="No space left"):
            artifacts.take(JOB, work=work, store=store)
    assert [path.name for path in work.rglob("*")] == ["out", "model"], "what was discarded may be the room it needs"
    assert artifacts.take(JOB, work=work, store=store) is None
    assert kept(JOB, store) == ["model"]


def test_a_long_chain_of_links_costs_no_more_than_its_links(
    store: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job could otherwise hold up its own end for hours. The system follows no such chain either."""
    count, read, readlink = 2000, 0, os.readlink
    for number in range(count):
        (work / "out" / str(number)).symlink_to(str(number - 1) if number else "model")
    record = replace(JOB, artifacts_path="out")
    artifacts.take(record, work=work, store=store)

    def counted(path: str) -> str:
        nonlocal read
        read += 1
        return readlink(path)

    monkeypatch.setattr(os, "readlink", counted)
    assert artifacts.listed(record, store=store).note is not None
    assert read < 50 * count
    links = [path for path in (store / "acme" / JOB.id).iterdir() if path.is_symlink()]
    assert all(path.exists() for path in links)
    assert 20 < len(links) < 100, "those that the system follows"


def test_a_file_is_listed_by_each_of_its_names_and_read_once(
    store: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trainers leave a link to their best or last file. A job that leaves very many must not hold up its own end."""
    for name in ("best", "last"):
        (work / "out" / name).symlink_to("model")
    read, digest = 0, hashlib.file_digest

    def counted(file: Any, kind: str) -> object:
        nonlocal read
        read += 1
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    record = replace(JOB, artifacts_path="out")
    artifacts.take(record, work=work, store=store)
    stored = artifacts.listed(record, store=store).stored
    assert stored is not None
    assert (stored.file_count, stored.size_bytes) == (4, 10)
    listing = artifacts.manifest(store / "acme" / JOB.id) or []
    assert [entry["path"] for entry in listing] == ["best", "last", "model", "scrap"]
    assert {(entry["size_bytes"], entry["sha256"]) for entry in listing} == {(5, hashlib.sha256(b"12345").hexdigest())}
    assert read == 2


def misleading_link(link: Path, *, decoy: bool = True) -> int:
    """Make a link that says it leads to a file beside it, if there is one, and leads to another that this open file is."""
    shown = link.with_name("shown")
    opened = os.open(shown, os.O_CREAT | os.O_RDONLY)
    shown.unlink()
    if decoy:
        link.with_name("shown (deleted)").touch()
    link.symlink_to(f"/proc/self/fd/{opened}")
    return opened


@pytest.mark.parametrize("decoy", [True, False])
def test_a_link_that_leads_elsewhere_than_it_says_is_left_out(store: Path, work: Path, decoy: bool) -> None:
    """Links of /proc can: a job in a container must not have the server serve what is outside."""
    (work / "out" / "model").unlink()
    (work / "out" / "model").mkdir()
    opened = misleading_link(work / "out" / "model" / "link", decoy=decoy)
    artifacts.take(JOB, work=work, store=store)
    tree = store / "acme" / JOB.id
    assert artifacts.kept_file(tree, "shown (deleted)") == (tree / "shown (deleted)" if decoy else None)
    assert artifacts.kept_file(tree, "link") is None, "though it were in the list"
    (tree.parent / "another's").touch()
    assert artifacts.kept_file(tree, "../another's") is None
    kept = artifacts.listed(JOB, store=store)
    os.close(opened)
    assert kept.note is not None
    assert [entry["path"] for entry in artifacts.manifest(tree) or ()] == ["shown (deleted)"] * decoy


def test_a_place_that_leads_elsewhere_than_it_says_is_nothing(store: Path, work: Path) -> None:
    (work / "out" / "model").unlink()
    opened = misleading_link(work / "out" / "model")
    note = artifacts.take(JOB, work=work, store=store)
    os.close(opened)
    assert note is not None
    assert (work / "out" / "shown (deleted)").exists()


def test_what_was_taken_is_removed_though_it_was_never_listed(store: Path, work: Path) -> None:
    artifacts.take(replace(JOB, artifacts_path="out"), work=work, store=store)
    (store / "acme" / f"{JOB.id}.partial").mkdir()
    artifacts.remove(JOB, store=store)
    assert list((store / "acme").iterdir()) == []

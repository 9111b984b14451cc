"""Where things stand in the data folder."""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seedjob_operator.seedserver.supervisor import files


class FolderInUseError(Exception):
    """Another server uses the data folder."""


@dataclass(frozen=True)
class Folders:
    """The data folder of one server. All of it is for its owner only: it holds tokens and environments."""

    root: Path

    def prepare(self) -> None:
        """Make the folders, and take the data folder for as long as this process lives.

        Raises:
            FolderInUseError: another server has it.
            OSError: they can't be made.
        """
        for folder in (self.root, self.jobs, self.artifacts):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # A record lock belongs to this process alone. A flock would pass to a supervisor that is just being
            # started, and outlive a killed server until that has been executed.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            os.close(lock)
            raise FolderInUseError(str(self.root)) from error
        # Whoever starts the server vouches for the repositories, whoever's files they are.
        self.git_config.write_text("[safe]\n\tdirectory = *\n")

    @property
    def records(self) -> Path:
        """The database."""
        return self.root / "seed.sqlite"

    @property
    def git_config(self) -> Path:
        """Git's settings for clones."""
        return self.root / "gitconfig"

    @property
    def token(self) -> Path:
        """The token that was made here, so that it stays the same over restarts."""
        return self.root / "token"

    @property
    def link_key(self) -> Path:
        """The key that signs links to artifacts."""
        return self.root / "link-key"

    @property
    def jobs(self) -> Path:
        """A folder for each job."""
        return self.root / "jobs"

    @property
    def artifacts(self) -> Path:
        """The artifact stores of the namespaces."""
        return self.root / "artifacts"

    def artifacts_of(self, namespace: str) -> Path:
        """Give a namespace's artifact store."""
        return self.artifacts / namespace

    def job(self, job_id: str) -> Path:
        """Give a job's own folder."""
        return self.jobs / job_id

    def log(self, job_id: str) -> Path:
        """Give a job's log."""
        return self.job(job_id) / files.LOG

    def work(self, job_id: str) -> Path:
        """Give a job's HOME and working directory."""
        return self.job(job_id) / files.WORK

    def make_fresh(self, job_id: str) -> None:
        """Make a job's folder as if it had never run, but for its log; the lock stays the same for whoever has it open."""
        folder = self.job(job_id)
        self.take_back(job_id)
        for path in folder.iterdir() if folder.is_dir() else ():
            if not _stays(path):
                discard(path)
        discard(folder / files.WORK)

    def take_back(self, job_id: str) -> None:
        """Take back the right to use a job's folder: the job may have taken that away."""
        _open(self.job(job_id))

    def remove_job(self, job_id: str) -> None:
        """Remove a job's folder with its log."""
        discard(self.job(job_id))

    def tidy(self, *, known: set[str], running: set[str]) -> None:
        """Remove what a killed server left: the folders of jobs without a record, the orders of jobs that don't run."""
        for folder in self.jobs.iterdir():
            if folder.name not in known:
                discard(folder)
            elif folder.name not in running:
                drop_order(folder)


def _stays(path: Path) -> bool:
    """Whether something in a job's folder is kept for its next turn, if it is what it was."""
    if path.name == files.LOCK:
        return files.plain_size(str(path)) is not None
    return path.name in (files.LOG, files.WORK) and path.is_dir() and not path.is_symlink()


def drop_order(folder: Path) -> None:
    """Remove a job's order, whole or in part: it has the values of its environment."""
    discard(folder / files.ORDER)
    discard(folder / (files.ORDER + files.PARTIAL))


def discard(path: Path) -> None:
    """Remove a file, or a folder with all that is in it. What can't be removed is left.

    The folders within are brought up to the top one by one: so no path becomes too long, and two open folders are
    enough, however deep a job has nested its own.
    """
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        _open(path)
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _empty(top)
        finally:
            os.close(top)
        path.rmdir()


def _empty(top: int) -> None:
    waiting = _emptied(top, top)
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(OSError):
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                waiting += _emptied(folder, top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _emptied(folder: int, top: int) -> list[str]:
    """Remove a folder's files, and bring its folders up to the top; give their names there."""
    raised = []
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                os.unlink(name, dir_fd=folder)
                continue
            with contextlib.suppress(OSError):  # see `_open`
                os.chmod(name, 0o700, dir_fd=folder)
            there = name if folder == top else secrets.token_hex(16)
            if folder != top:
                os.rename(name, there, src_dir_fd=folder, dst_dir_fd=top)
            raised.append(there)
    return raised


def make_readable(tree: Path) -> None:
    """Take back the right to list and remove what is in a job's folders: it may have taken that away from itself.

    Raises:
        OSError: not all of it can be reached, for example because its paths are too long.
    """
    for _ in entries(tree):
        pass


def entries(tree: Path) -> Iterator[Path]:
    """Give all that is below a folder, without following links out of it; each folder is made readable on the way."""
    waiting = [tree]
    while waiting:
        folder = waiting.pop()
        _open(folder)
        try:
            with os.scandir(folder) as scanned:
                found = list(scanned)
        except (PermissionError, NotADirectoryError):
            continue
        waiting += [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
        yield from (Path(entry.path) for entry in found)


def _open(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else's: a container's user may have made it
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)

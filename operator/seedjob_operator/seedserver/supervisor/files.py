"""The files through which the server and a job's supervisor speak, all in the job's own folder.

`ORDER` is what to run; as long as it is there the job hasn't begun, and an emptied one never begins. `LOCK` is held by the supervisor while it lives.
`STATE` says which processes run; `RESULT` is the end. A record is text of `key=value` parts, each ended by NUL, because
neither a command nor an environment can contain one.
"""

import errno
import fcntl
import os

ORDER = "order"
LOCK = "lock"
STATE = "state"
RESULT = "result"
LOG = "log"
WORK = "work"
ERRORS = "supervisor.err"
PARTIAL = ".partial"

# What an order has any number of: each a part of its own, so that no text of a user's can end it and begin another.
ENV_PREFIX = "env."
OPTION_PREFIX = "option."
ENGINE_PREFIX = "engine."
REMOVAL_PREFIX = "removal."

_RESERVED = 4096

EXITED = "exited"
STOPPED = "stopped"
TIMED_OUT = "timed_out"
REFUSED = "refused"


_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)


def is_missing(error: OSError) -> bool:
    """Whether a file of a job's folder isn't there. The job can reach that, and put something else in its place."""
    return error.errno in _NOT_THERE


def write_record(path: str, record: dict[str, str]) -> None:
    """Write a record so that a reader sees all of it or nothing, into the room that was reserved for it, if any was.

    Raises:
        OSError: the system can't, for example because the disk is full; nothing is left of it then.
    """
    content = "".join(f"{key}={value}\0" for key, value in record.items()).encode("utf-8", "surrogateescape")
    partial = path + PARTIAL
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600)  # not emptied: that would give the room back
    try:
        _write(descriptor, content)
        os.ftruncate(descriptor, len(content))
    except OSError:
        os.unlink(partial)  # noqa: PTH108  # pathlib takes as long to import as the rest of the supervisor
        raise
    finally:
        os.close(descriptor)
    os.rename(partial, path)  # noqa: PTH104  # as above


def reserve(path: str) -> None:
    """Take room for a record that must be written even when the job has filled the disk.

    Raises:
        OSError: there is none.
    """
    descriptor = os.open(path + PARTIAL, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        _write(descriptor, bytes(_RESERVED))
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def read_record(path: str) -> dict[str, str] | None:
    """Read a record; None where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # as above
            content = file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        if is_missing(error):
            return None
        raise
    parts = (part.partition("=") for part in content.split("\0") if part)
    return {key: value for key, _, value in parts}


def number_in(record: dict[str, str], key: str) -> int:
    """Give a number of a record; 0 where there is none."""
    text = record.get(key, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def parts_of(record: dict[str, str], prefix: str) -> dict[str, str]:
    """Give the parts of a record whose keys begin with a prefix, by the rest of their keys, in their order."""
    return {key[len(prefix) :]: value for key, value in record.items() if key.startswith(prefix)}


def boot_id() -> str:
    """Give what changes with each start of the machine; empty where the system doesn't tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123  # as above
            return file.read().strip()
    except OSError:
        return ""


def take_lock(folder: str) -> int | None:
    """Take the job's lock for as long as this process lives; None where another process has it."""
    descriptor = os.open(f"{folder}/{LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def withdraw_order(folder: str) -> bool:
    """Take back an order that nobody has begun, so that nobody can any more; False if a supervisor has it.

    It is emptied and not removed, because only a job that has begun has none.
    """
    try:
        descriptor = take_lock(folder)
    except OSError as error:
        if is_missing(error):  # there is nothing to begin
            return True
        raise
    if descriptor is None:
        return False
    try:
        os.truncate(f"{folder}/{ORDER}", 0)
    except OSError as error:
        if not is_missing(error):
            raise
    finally:
        os.close(descriptor)
    return True


def is_locked(folder: str) -> bool:
    """Whether a supervisor lives for this job, as far as its folder tells."""
    try:
        descriptor = take_lock(folder)
    except OSError as error:
        if is_missing(error):
            return False
        raise
    if descriptor is None:
        return True
    os.close(descriptor)
    return False

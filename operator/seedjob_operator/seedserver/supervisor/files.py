"""The files through which the server and a job's supervisor speak, all in the job's own folder.

`ORDER` is what to run; as long as it is there the job hasn't begun, and an emptied one never begins. `LOCK` is held by the supervisor while it lives.
`STATE` says which processes run; `RESULT` is the end. A record is text of `key=value` parts, each ended by NUL, because
neither a command nor an environment can contain one.

The job can reach all of that and put anything in its place. So every file there is opened by `open_plain` alone, which
waits for nobody and follows no link, and what isn't a plain file of a sensible size counts as missing.
"""

import errno
import fcntl
import os
import stat
import time

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

_RESERVED = 4096  # a file system's block: more than a state or result has
_LONGEST = 65536  # more than any record but an order has; a job may have put a file of any size there
LONGEST_ORDER = 1 << 26  # it has all of the job's environment
LARGEST_NUMBER = 10**18 - 1  # whatever is read as a number fits into 64 bits, as the database's do

EXITED = "exited"
STOPPED = "stopped"
TIMED_OUT = "timed_out"
REFUSED = "refused"


# Something else stands in a file's place: a folder, a link, a FIFO or socket.
_FOREIGN = (errno.EISDIR, errno.ELOOP, errno.ENXIO)
_NOT_THERE = (*_FOREIGN, errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENODEV, errno.ENAMETOOLONG)


def is_missing(error: OSError) -> bool:
    """Whether a file of a job's folder isn't there, or not for us. The job can reach that, and put something else there."""
    return error.errno in _NOT_THERE


def open_plain(path: str, flags: int) -> int:
    """Open a plain file, without waiting for anybody and without following a link.

    Raises:
        OSError: there is none, which `is_missing` tells, or the system can't.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ENXIO, "not a plain file")


def plain_size(path: str) -> int | None:
    """Give the size of a plain file; None where there is none."""
    try:
        found = os.lstat(path)
    except OSError as error:
        if is_missing(error):
            return None
        raise
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def read_plain(path: str, *, most: int = _LONGEST) -> bytes | None:
    """Read a plain file; None where there is none, or one that is larger than any of ours."""
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except OSError as error:
        if is_missing(error):
            return None
        raise
    with open(descriptor, "rb") as file:  # noqa: PTH123  # pathlib takes as long to import as the rest of the supervisor
        content = file.read(most + 1)
    return content if len(content) <= most else None


def write_record(path: str, record: dict[str, str]) -> None:
    """Write a record so that a reader sees all of it or nothing, into the room that was reserved for it, if any was.

    Whatever else the job has put in its place is moved aside.

    Raises:
        OSError: the system can't, for example because the disk is full; nothing is left of it then.
    """
    content = "".join(f"{key}={value}\0" for key, value in record.items()).encode("utf-8", "surrogateescape")
    partial = path + PARTIAL
    descriptor = _open_in_place(partial)  # not emptied: that would give the room back
    try:
        _write(descriptor, content)
        os.ftruncate(descriptor, len(content))
    except OSError:
        os.unlink(partial)  # noqa: PTH108  # see above
        raise
    finally:
        os.close(descriptor)
    try:
        os.rename(partial, path)  # noqa: PTH104  # see above
    except IsADirectoryError:
        _move_aside(path)
        os.rename(partial, path)  # noqa: PTH104  # see above


def _open_in_place(path: str) -> int:
    try:
        return open_plain(path, os.O_WRONLY | os.O_CREAT)
    except OSError as error:
        if error.errno not in _FOREIGN:
            raise
    _move_aside(path)
    return open_plain(path, os.O_WRONLY | os.O_CREAT)


def _move_aside(path: str) -> None:
    os.rename(path, f"{path}.{time.time_ns()}")  # noqa: PTH104  # see above


def reserve(path: str) -> None:
    """Take room for a record that must be written even when the job has filled the disk.

    Raises:
        OSError: there is none.
    """
    descriptor = open_plain(path + PARTIAL, os.O_WRONLY | os.O_CREAT)
    try:
        _write(descriptor, bytes(_RESERVED))
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def read_record(path: str, *, most: int = _LONGEST) -> dict[str, str] | None:
    """Read a record; None where there is none."""
    content = read_plain(path, most=most)
    if content is None:
        return None
    parts = (part.partition("=") for part in content.decode("utf-8", "surrogateescape").split("\0") if part)
    return {key: value for key, _, value in parts}


def number_of(text: str, *, most: int = LARGEST_NUMBER) -> int | None:
    """Give the number that a text is; None if it is none, or a larger one than there can be."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(LARGEST_NUMBER)):
        return None
    number = int(text)
    return number if number <= most else None


def number_in(record: dict[str, str], key: str, *, most: int = LARGEST_NUMBER) -> int:
    """Give a number of a record; 0 where there is none, or a larger one than there can be."""
    return number_of(record.get(key, ""), most=most) or 0


def parts_of(record: dict[str, str], prefix: str) -> dict[str, str]:
    """Give the parts of a record whose keys begin with a prefix, by the rest of their keys, in their order."""
    return {key[len(prefix) :]: value for key, value in record.items() if key.startswith(prefix)}


def boot_id() -> str:
    """Give what changes with each start of the machine; empty where the system doesn't tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123  # see above
            return file.read().strip()
    except OSError:
        return ""


def take_lock(folder: str) -> int | None:
    """Take the job's lock for as long as this process lives; None where another process has it."""
    descriptor = open_plain(f"{folder}/{LOCK}", os.O_RDWR | os.O_CREAT)
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
        os.close(open_plain(f"{folder}/{ORDER}", os.O_WRONLY | os.O_TRUNC))
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

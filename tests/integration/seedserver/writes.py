"""Kills a process at any change that its code makes to files, wherever that stands: Python itself tells of each (PEP 578).

A place is what is done, the code that does it, and the kind of file. So a new write is a new place by itself. A kill is
before a change, or, at an opened file, behind it: the file is there then, and nothing is in it. Starts of processes
count too. What SQLite writes isn't told: `crashing` has the commits for that.

Nothing but light imports: a supervisor is armed with this too.
"""

import os
import sys
from _thread import get_ident

_CHANGES = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod"),
    "os.posix_spawn",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PRODUCT = f"{os.sep}seedjob_operator{os.sep}"


def arm(data: str, *, note: str = "", kill_at: str = "", time: int = 0, torn: bool = False, once: str = "") -> None:
    """Note in a file all places at which this process changes files in `data`, or kill it at one.

    The first `time` times it is let pass there, and it is killed only while there is no file `once`.
    """
    busy: set[int] = set()  # threads, each of which tells of what it does here too
    passed: list[str] = []

    def hook(event: str, args: tuple[object, ...]) -> None:
        thread = get_ident()
        if thread in busy or not _is_change(event, args):
            return
        busy.add(thread)
        try:
            here = _place(event, args, data)
            if here and note:
                with open(note, "a") as file:  # noqa: PTH123  # see above
                    file.write(here + "\n")
            if here and here == kill_at:
                passed.append(here)
                if len(passed) > time and _is_first(once):
                    _kill(args if torn else None)
        finally:
            busy.remove(thread)

    sys.addaudithook(hook)


def _kill(opened: tuple[object, ...] | None) -> None:
    try:
        if opened is not None:
            os.close(os.open(str(opened[0]), int(str(opened[2])), 0o600))
    finally:  # a file that isn't there may be asked for too
        os.kill(os.getpid(), 9)


def _is_change(event: str, args: tuple[object, ...]) -> bool:
    return event in _CHANGES or (event == "open" and isinstance(args[2], int) and bool(args[2] & _WRITES))


def _is_first(once: str) -> bool:
    try:
        os.close(os.open(once, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _place(event: str, args: tuple[object, ...], data: str) -> str:
    target = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes)) else ""
    if isinstance(args[0], os.PathLike):
        target = str(args[0])
    if os.path.isabs(target) and not target.startswith(data) and event != "os.posix_spawn":  # noqa: PTH117  # as above
        return ""
    frame = sys._getframe(2)  # the hook's caller
    while (
        _PRODUCT not in frame.f_code.co_filename or frame.f_code.co_name == "open_plain"
    ):  # all files are opened there
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    where = frame.f_code.co_filename.rpartition(_PRODUCT)[2]
    return f"{event} {where}:{frame.f_code.co_name}:{frame.f_lineno} {_kind(target)}".rstrip()


def _kind(target: str) -> str:
    """Give a file's name without what is another at each run."""
    name = os.path.basename(target)  # noqa: PTH119  # as above
    head, dot, tail = name.partition(".")
    head = "job" if head.startswith("job_") else head
    return "#" if len(name) == 32 or name.isdigit() else head + dot + tail

"""All processes that a supervisor's job has started, also those that left its session.

On Linux the supervisor is its descendants' reaper (`PR_SET_CHILD_SUBREAPER`): whoever loses its parent becomes its own
child. So no process can get away, and having no children means that nothing is left.
"""

import os
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2); as the next, a number of the system's that costs no import
_SIGKILL = 9
_KILL_FOR_SECONDS = 10.0  # what SIGKILL hasn't ended then waits in the system itself, such as for a lost disk


def become_reaper() -> None:
    """Become the parent of all orphans among the descendants. Elsewhere than on Linux there is no such thing."""
    if sys.platform != "linux":
        return
    import _ctypes  # noqa: PLC0415  # `ctypes` itself takes three times as long to import

    this_program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # dlopen(3) takes NULL; the stubs don't know
    prctl = _ctypes.dlsym(this_program, "prctl")
    _ctypes.call_function(prctl, (_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def descendants(root: int) -> list[int]:
    """Give the ids of all living processes below `root`, nearest first."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found = list(children.get(root, ()))
    for pid in found:  # grows while it is read
        found.extend(children.get(pid, ()))
    return found


def _parents() -> list[tuple[int, int]]:
    found = []
    try:
        names = os.listdir("/proc")  # noqa: PTH208  # pathlib takes as long to import as the rest of the supervisor
    except OSError:  # there is no such folder, or no descriptor to read it
        return []
    for name in names:
        if not name.isdigit():
            continue
        stat = _stat(name)
        if stat and stat[0] != b"Z":
            found.append((int(name), int(stat[1])))
    return found


def _stat(pid: str) -> list[bytes]:
    """Give a process's fields from its state on (proc(5)); the name before them may contain anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # as above
            return file.read().rpartition(b")")[2].split()
    except OSError:  # it is gone, or as above
        return []


def start_time(pid: int) -> str:
    """Give what, with its id, names a process for good: its start in clock ticks since boot; empty if unknown."""
    stat = _stat(str(pid))
    return stat[19].decode() if stat else ""


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have gone or changed its user."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def send_group(pgid: int, number: int) -> None:
    """Send a signal to a process group that may have gone."""
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):
        return


def kill_all() -> bool:
    """Kill and reap all descendants, also those that start meanwhile; False if some can't be killed."""
    deadline = time.monotonic() + _KILL_FOR_SECONDS
    own = os.getpid()
    while time.monotonic() < deadline:
        if not _reap():
            return True
        for pid in descendants(own):
            send(pid, _SIGKILL)
        time.sleep(0.002)
    return False


def _reap() -> bool:
    """Reap who has ended; whether any child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True

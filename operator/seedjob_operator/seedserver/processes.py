"""Watches, signals and cleans up after supervisors, whether this server started them or an earlier one."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psutil

from seedjob_operator.seedserver.supervisor import files
from seedjob_operator.seedserver.supervisor.descendants import descendants, send, start_time

_POLL_SECONDS = 0.1  # between two looks at what the system doesn't tell
_LOOKS = 20  # two seconds: a supervisor says who it is some 10 ms after it took the lock, on a busy machine later
_LARGEST_ID = (1 << 31) - 1  # of a process: `os.kill` raises for a larger number, which a job may have written
_SWEEPS = 50  # of a job that starts processes as fast as they are killed, each sweep finds fewer; but it must end
_RECORDING_SECONDS = 10.0  # how often it is looked whether it still only records


class Supervisor:
    """A living supervisor. Its id can't become another process's while this object is open."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.overdue = False
        """Whether it was killed, because it didn't end when it had to."""
        self._descriptor = _descriptor_of(pid)
        self._closed = False
        self._due: asyncio.TimerHandle | None = None

    async def ended(self) -> None:
        """Return when it has ended; it is reaped if it was started here."""
        if self._descriptor is None:
            while not _has_ended(self.pid):  # noqa: ASYNC110  # no pidfd tells it here
                await asyncio.sleep(_POLL_SECONDS)
            return
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(self._descriptor)
        _reap(self.pid)

    def terminate(self) -> None:
        """Ask it to end its job."""
        if self._closed:
            return
        try:
            if self._descriptor is None:
                os.kill(self.pid, signal.SIGTERM)
            else:
                signal.pidfd_send_signal(self._descriptor, signal.SIGTERM)
        except ProcessLookupError:
            pass

    def end_within(self, seconds: float) -> None:
        """Kill it with all that it has started if it hasn't ended by then. Of two such times the earlier one holds."""
        loop = asyncio.get_running_loop()
        if self._closed or (self._due is not None and self._due.when() <= loop.time() + seconds):
            return
        if self._due is not None:
            self._due.cancel()
        self._due = loop.call_later(seconds, self._kill)

    def _kill(self) -> None:
        self._due = None
        if _only_records(self.pid):  # it waits for room on the disk, and what it knows isn't to be lost
            self.end_within(_RECORDING_SECONDS)
            return
        self.overdue = True
        for pid in (*descendants(self.pid), self.pid):
            send(pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        if self._due is not None:
            self._due.cancel()
        if self._descriptor is not None and not self._closed:
            os.close(self._descriptor)
        self._closed = True


def watch(pid: int) -> Supervisor | None:
    """Take a process as a supervisor; None if it is gone already."""
    try:
        return Supervisor(pid)
    except ProcessLookupError:
        return None


def _descriptor_of(pid: int) -> int | None:
    """Give a descriptor that tells when a process ends; None where it has to be asked for again and again."""
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        raise
    except OSError:  # no descriptor is free, or a sandbox allows none
        return None


def _only_records(pid: int) -> bool:
    """Whether a supervisor's job has ended but for its record: nothing runs below it, and nobody stopped it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_STOPPED and not descendants(pid)
    except psutil.Error:
        return False
    except OSError:  # there is no descriptor to look with: nobody knows, and what it knows would be lost
        return True


def _has_ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody reaps is as good as gone."""
    if _reap(pid) or not psutil.pid_exists(pid):
        return True
    try:
        ended = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except OSError:  # there is no descriptor even to look: ask again
        return False
    if ended:
        _reap(pid)  # it may have ended since the first try
    return ended


def find(folder: Path) -> Supervisor | None:
    """Find the living supervisor of a job that an earlier server started."""
    state = files.read_record(str(folder / files.STATE))
    if state is None or not files.is_locked(str(folder)):
        return None
    pid = files.number_in(state, "pid", most=_LARGEST_ID)
    if not pid:
        return None
    supervisor = watch(pid)
    if supervisor is None:
        return None
    if start_time(pid) == state.get("start_time"):  # it is the same process, and we hold it now
        return supervisor
    supervisor.close()
    return None


async def find_holder(folder: Path) -> Supervisor | None:
    """Find who has a job; None if nobody has.

    One that is just beginning holds the lock before it says who it is, and of another the job may have removed that. Who
    holds it and is found by neither is no supervisor.
    """
    for _ in range(_LOOKS):
        found = find(folder)
        if found is not None or not files.is_locked(str(folder)):
            return found
        found = await asyncio.to_thread(_find_by_command_line, folder)
        if found is not None:
            return found
        await asyncio.sleep(_POLL_SECONDS)
    return None


def _find_by_command_line(folder: Path) -> Supervisor | None:
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if "-S" in line and line[-1] == str(folder):  # see `launch.start_supervisor`
                return Supervisor(process.pid)
        except (psutil.Error, OSError):
            continue
    return None


def kill_strays(folder: Path, *, seen_alive: bool) -> int:
    """Kill the processes of a job whose supervisor was killed; give how many there were.

    They are known by their working directories and the HOME that they were given, and by their sessions where this
    server has seen the supervisor alive: else the sessions' ids may be others' by now.
    """
    state = files.read_record(str(folder / files.STATE)) or {}
    nodes = {files.number_of(pid, most=_LARGEST_ID) for pid in state.get("nodes", "").split(",")}
    sessions = {pid for pid in nodes if pid} if seen_alive else set()
    # The folder itself may be anything by now; a process is told where it is by the system, and its HOME by us.
    places = (str(folder.parent.resolve() / folder.name / files.WORK), str(folder / files.WORK))
    killed = 0
    for _ in range(_SWEEPS):
        strays = [process for process in psutil.process_iter() if _belongs(process, places, sessions)]
        for process in strays:
            _kill(process)
        killed += len(strays)
        if not strays:
            break
        psutil.wait_procs(strays, timeout=1)
    return killed


def _belongs(process: psutil.Process, places: tuple[str, str], sessions: set[int]) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return False
        in_folder = Path(process.cwd()).is_relative_to(places[0])
        return in_folder or process.environ().get("HOME") in places or os.getsid(process.pid) in sessions
    except (psutil.Error, OSError):
        return False


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()


def _reap(pid: int) -> bool:
    """Take the exit of a child of ours; False while it runs, or if it isn't ours."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False

"""Runs the processes of one try, one per node, to the end of all that they started."""

# The public `signal` builds enumerations at import: 6 ms per job. `_signal` has no stubs.
import _signal  # type: ignore[import-not-found,unused-ignore]
import os
import select
import time

from seedjob_operator.seedserver.supervisor.descendants import descendants, kill_all, send, send_group
from seedjob_operator.seedserver.supervisor.files import STOPPED, TIMED_OUT
from seedjob_operator.seedserver.supervisor.joblog import JobLog

_CHUNK = 65536  # as much as a pipe has room for
_FOREVER = 3600.0  # poll(2) takes no more than 24 days in milliseconds; waking once an hour costs nothing


class Signals:
    """What the supervisor is told by signals: to stop, and that a process ended."""

    def __init__(self) -> None:
        self.stop = False
        self.awake, self._writer = os.pipe()
        os.set_blocking(self.awake, False)
        os.set_blocking(self._writer, False)
        _signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
            _signal.signal(number, self._told_to_stop)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)

    def _told_to_stop(self, *_: object) -> None:
        self.stop = True

    def drain(self) -> None:
        """Forget the wake-ups so far."""
        try:
            os.read(self.awake, _CHUNK)
        except BlockingIOError:
            return


class Usage:
    """What ended processes have used: CPU seconds, and the largest one's memory in KiB."""

    def __init__(self) -> None:
        self.cpu_seconds = 0.0
        self.peak_memory_kb = 0

    def add(self, *, cpu_seconds: float, memory_kb: int) -> None:
        """Count an ended process, with the children that it waited for."""
        self.cpu_seconds += cpu_seconds
        self.peak_memory_kb = max(self.peak_memory_kb, memory_kb)


class Try:
    """The processes of one try.

    `codes` are those of ended nodes, 128+N for one that signal N killed. `interruption` says that we ended the try,
    and why (`files.STOPPED`, `files.TIMED_OUT`): how its processes took that changes nothing about it.

    `contained` says that the processes are an engine's program, which passes signals on to what it runs.
    """

    def __init__(
        self, *, log: JobLog, signals: Signals, usage: Usage, grace: float, deadline: float, contained: bool = False
    ) -> None:
        self.codes: dict[int, int] = {}
        self.first_failure: int | None = None
        self.interruption: str | None = None
        self._log, self._signals, self._usage = log, signals, usage
        self._grace, self._deadline, self._contained = grace, deadline, contained
        self._ranks: dict[int, int] = {}
        self._sources: dict[int, str] = {}
        self._poll = select.poll()
        self._poll.register(signals.awake, select.POLLIN)
        self._kill_at: float | None = None

    @property
    def pids(self) -> list[int]:
        """The ids of the nodes' processes."""
        return list(self._ranks)

    def start(self, rank: int, arguments: list[str], environment: dict[str, str]) -> None:
        """Start a node's process in a session of its own, in the current folder.

        Raises:
            OSError: the system can't; nothing was started for this node.
        """
        readers, writers = zip(*(os.pipe() for _ in "oe"), strict=True)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writers[0], 1),
            (os.POSIX_SPAWN_DUP2, writers[1], 2),
        ]
        # Python ignores some, and so may whoever started the server (a shell's `&` ignores SIGINT and SIGQUIT).
        defaults = [number for number in range(1, 32) if number not in (_signal.SIGKILL, _signal.SIGSTOP)]
        try:
            pid = os.posix_spawn(
                arguments[0],
                arguments,
                environment,
                file_actions=actions,
                setsid=True,
                setsigmask=[],
                setsigdef=defaults,
            )
        except OSError:
            for descriptor in readers:
                os.close(descriptor)
            raise
        finally:
            for descriptor in writers:
                os.close(descriptor)
        self._ranks[pid] = rank
        for reader, stream in zip(readers, "oe", strict=True):
            os.set_blocking(reader, False)
            self._sources[reader] = f"{rank}{stream}"
            self._poll.register(reader, select.POLLIN)

    def run(self) -> None:
        """Return when all nodes have ended and nothing that they started is left."""
        while len(self.codes) < len(self._ranks):
            self._wait()
            self._reap()
            self._end_if_due()
        if not kill_all():
            self._log.note("seed: some processes of this job could not be killed")
        for descriptor in list(self._sources):
            while self._read(descriptor):
                pass
            self._close(descriptor)

    def _wait(self) -> None:
        until = self._deadline if self._kill_at is None else self._kill_at
        pause = min(max(until - time.monotonic(), 0.0), _FOREVER)
        for descriptor, _ in self._poll.poll(pause * 1000 + 1):
            if descriptor == self._signals.awake:
                self._signals.drain()
            elif not self._read(descriptor):
                self._close(descriptor)

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self._log.feed(self._sources[descriptor], data)
        return bool(data)

    def _close(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._log.close_source(self._sources.pop(descriptor))
        os.close(descriptor)

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            self._bury(ended.si_pid)

    def _bury(self, pid: int) -> None:
        if pid in self._ranks:  # not reaped yet, so that its group's id can't be another's
            send_group(pid, _signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._usage.add(cpu_seconds=usage.ru_utime + usage.ru_stime, memory_kb=usage.ru_maxrss)
        if pid not in self._ranks:
            return
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code < 0 else code
        self.codes[self._ranks[pid]] = code
        if code and self.first_failure is None:
            self.first_failure = self._ranks[pid]

    def _end_if_due(self) -> None:
        now = time.monotonic()
        self._notice_interruption(now)
        if self._kill_at is None:
            if self.interruption is not None or self.first_failure is not None:
                self.terminate()
        elif now >= self._kill_at:
            self._kill_at = now + _FOREVER
            for pid in [*self._living(), *descendants(os.getpid())]:
                send(pid, _signal.SIGKILL)

    def _notice_interruption(self, now: float) -> None:
        if self.interruption is not None or not self._living():
            return
        if self._signals.stop:
            self.interruption = STOPPED
        elif now >= self._deadline:
            self.interruption = TIMED_OUT

    def terminate(self) -> None:
        """Ask all processes to end; who is still there after the grace is killed."""
        living = self._living()
        self._kill_at = time.monotonic() + self._grace
        if not living:
            return
        for pid in living:
            send_group(pid, _signal.SIGTERM)
        # Told by us too, a container may have ended by the time its engine's program tells it, and its exit code is lost.
        if self._contained:
            return
        for pid in descendants(os.getpid()):
            if _group(pid) not in living:
                send(pid, _signal.SIGTERM)

    def _living(self) -> list[int]:
        return [pid for pid, rank in self._ranks.items() if rank not in self.codes]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0

"""A job from its order to its result: fetch the repository, try, try again, record the end."""

import os
import stat
import time

from seedjob_operator.seedserver.supervisor import files
from seedjob_operator.seedserver.supervisor.descendants import become_reaper, start_time
from seedjob_operator.seedserver.supervisor.joblog import JobLog
from seedjob_operator.seedserver.supervisor.processes import Signals, Try, Usage

_SHELL = "/bin/sh"
_RETRY_SECONDS = 1.0  # soon for who waits, and no load while the disk is full
_OWNERS = 0o700  # the right to use a folder
_LONGEST_REASON = 1000
"""Characters: the sentence that it is, with what it quotes of the job cut off; all of that is in the log."""
_ENGINE_FAILED = 125  # what podman's and docker's `run` end with for a fault of their own
_REMOVALS = 2  # podman can't remove a container whose monitor was killed too, but can when asked again


def main(folder: str) -> None:
    """Run the job of a folder, unless it was begun or is being run already."""
    lock = files.take_lock(folder)
    order = files.read_record(f"{folder}/{files.ORDER}", most=files.LONGEST_ORDER)
    if lock is None or not order:
        return
    become_reaper()
    supervisor = Supervisor(folder, order)
    supervisor.begin()
    supervisor.record(supervisor.run())
    os._exit(0)  # nothing is left to tidy up, and the interpreter's own end takes milliseconds


class Refusal(Exception):  # noqa: N818  # it ends the job, and is no fault of this program
    """The job can't be run; the message says why, for its user."""


class Supervisor:
    """Runs one job. Its order's fields are those that `launch.Order` writes."""

    def __init__(self, folder: str, order: dict[str, str]) -> None:
        self._folder, self._work, self._order = folder, f"{folder}/{files.WORK}", order
        self._log = JobLog(f"{folder}/{files.LOG}", limit=int(order["log_limit"]))
        self._signals, self._usage = Signals(), Usage()
        self._retries = 0
        self._deadline = time.monotonic() + float(order["timeout_seconds"])
        self._env = files.parts_of(order, files.ENV_PREFIX)

    def begin(self) -> None:
        """Say that the job has begun: from here on nobody else may start it."""
        os.chdir(self._work)
        if self._order["open_files"]:
            _limit_open_files(int(self._order["open_files"]))
        self._write_state([])
        os.unlink(f"{self._folder}/{files.ORDER}")  # noqa: PTH108  # see files

    def run(self) -> dict[str, str]:
        """Run the job to its end; give the result without the times."""
        try:
            if self._order["note"]:
                self._log.note(self._order["note"])
            return self._stopped() or self._fetch() or self._stopped() or self._tries()
        except Refusal as refusal:
            self._log.note(f"seed: {refusal}")
            return self._result(files.REFUSED, reason=str(refusal)[:_LONGEST_REASON])

    def _stopped(self) -> dict[str, str] | None:
        """Give the result of a job that was told to stop before its command was started: it is not, then."""
        return self._result(files.STOPPED) if self._signals.stop else None

    def record(self, result: dict[str, str]) -> None:
        """Write the end, which makes the result final. Nobody else knows it: while the machine can't, it is tried again."""
        while True:
            try:
                files.write_record(f"{self._folder}/{files.RESULT}", result)
            except PermissionError:
                if not self._take_folder_back():
                    return
            except OSError as error:
                if files.is_missing(error):
                    return  # for example, the job removed its own folder: the server sees that
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _take_folder_back(self) -> bool:
        """Give us the job's folder back, from which the job has taken our rights; False if that isn't what it did."""
        try:
            mode = os.lstat(self._folder).st_mode
            if not stat.S_ISDIR(mode) or mode & _OWNERS == _OWNERS:
                return False
            os.chmod(self._folder, _OWNERS)  # noqa: PTH101  # see files
        except OSError:
            return False
        return True

    def _fetch(self) -> dict[str, str] | None:
        """Clone the repository, if there is one, into the working directory; a result only where the job has to end already."""
        source, repo, git = self._order["repo_path"], self._order["repo"], self._order["git"]
        if not repo:
            return None
        if not git:
            raise Refusal("git isn't installed where the Seed server runs, so the repo can't be cloned")
        if not source:
            raise Refusal(f"repo {repo} isn't among the repositories of this Seed server")
        branch = ["--branch", self._order["branch"]] if self._order["branch"] else []
        options = ["clone", "--quiet", "--no-hardlinks", "--single-branch", *branch]
        # Not the job's: a GIT_DIR that is meant for its command would lead the clone elsewhere.
        own = {"HOME": self._work, "LANG": "C.UTF-8", "PATH": f"{os.path.dirname(git)}:{os.defpath}"}  # noqa: PTH120  # see files
        settings = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": self._order["git_config"]}
        fetch = self._new_try(contained=False)
        self._start(fetch, 0, [git, *options, "--", source, "."], own | settings)
        fetch.run()
        if fetch.interruption is not None:
            return self._result(fetch.interruption)
        if fetch.first_failure is not None and not self._signals.stop:
            at = f" at branch {self._order['branch']}" if self._order["branch"] else ""
            raise Refusal(f"repo {repo}{at} can't be cloned: git's own words are in the log")
        return None

    def _tries(self) -> dict[str, str]:
        allowed = int(self._order["max_retries"])
        while True:
            code, interruption = self._try()
            if interruption is not None:
                return self._result(interruption, exit_code=code)
            if code == 0 or self._retries == allowed:
                return self._result(files.EXITED, exit_code=code)
            if self._signals.stop:
                return self._result(files.STOPPED, exit_code=code)
            if time.monotonic() >= self._deadline:
                return self._result(files.TIMED_OUT, exit_code=code)
            self._retries += 1
            self._log.note(f"seed: exit code {code}; retry {self._retries} of {allowed}")

    def _try(self) -> tuple[int, str | None]:
        """Run all nodes once; give the exit code (the first failed node's), and why we ended it, if we did."""
        current = self._new_try(contained=bool(self._order["engine"]))
        nodes = int(self._order["num_nodes"])
        try:
            for rank in range(nodes):
                mine = {**self._env, **dict.fromkeys(self._order["rank_names"].split(","), str(rank))}
                self._start(current, rank, *self._command(rank, mine))
        except Refusal:
            current.terminate()
            current.run()
            self._remove_containers(nodes)
            raise
        try:  # noqa: SIM105  # contextlib would cost each supervisor a millisecond
            self._write_state(current.pids)
        except OSError:  # a full disk must not end the job: only what a killed supervisor leaves is harder to find
            pass
        current.run()
        self._remove_containers(nodes)
        failed = current.first_failure
        if failed is None:
            return 0, current.interruption
        if self._order["engine"] and current.codes[failed] == _ENGINE_FAILED:
            self._log.note(f"seed: exit code {_ENGINE_FAILED} is the engine's own where it can't run the image")
        if nodes > 1 and current.interruption is None:
            self._log.note(f"seed: node {failed} failed with exit code {current.codes[failed]}; all nodes were ended")
        return current.codes[failed], current.interruption

    def _command(self, rank: int, environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """Give a node's command line and environment: a shell's, or those of the program that runs it in an image."""
        order, shell = self._order, ["-c", self._order["command"]]
        if not order["engine"]:
            return [_SHELL, *shell], environment
        options = files.parts_of(order, files.OPTION_PREFIX).values()
        name = f"--name={order['container']}-{rank}"
        command = [order["engine"], "run", name, *options, "--", order["image"], *shell]
        self._make_mounted(order["mounted"])
        return command, environment | files.parts_of(order, files.ENGINE_PREFIX)

    def _make_mounted(self, folder: str) -> None:
        """Make the folder that stands at the artifacts' path; a repository may have something else there."""
        if not folder:
            return
        try:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  # see files
        except OSError as error:
            raise Refusal(f"artifacts_path can't be mounted: {error.strerror}") from error
        if os.path.realpath(folder) != f"{os.path.realpath(self._work)}{folder.removeprefix(self._work)}":
            raise Refusal("artifacts_path can't be mounted: a link of the repo leads elsewhere")

    def _remove_containers(self, nodes: int) -> None:
        """Remove what is left of a try's containers: docker's don't end with the program that started them."""
        if not self._order["engine"]:
            return
        names = [f"{self._order['container']}-{rank}" for rank in range(nodes)]
        environment = files.parts_of(self._order, files.ENGINE_PREFIX)
        quiet = [(os.POSIX_SPAWN_OPEN, descriptor, "/dev/null", os.O_RDWR, 0) for descriptor in range(3)]
        command = [*files.parts_of(self._order, files.REMOVAL_PREFIX).values(), *names]
        for _ in range(_REMOVALS):
            try:
                pid = os.posix_spawn(command[0], command, environment, file_actions=quiet)
            except OSError:
                return
            if os.waitpid(pid, 0)[1] == 0:
                return

    def _new_try(self, *, contained: bool) -> Try:
        return Try(
            log=self._log,
            signals=self._signals,
            usage=self._usage,
            grace=float(self._order["grace_seconds"]),
            deadline=self._deadline,
            contained=contained,
        )

    def _start(self, current: Try, rank: int, arguments: list[str], environment: dict[str, str]) -> None:
        try:
            current.start(rank, arguments, environment)
        except OSError as error:
            raise Refusal(f"node {rank} can't be started: {error.strerror}") from error

    def _write_state(self, pids: list[int]) -> None:
        own = os.getpid()
        state = {
            "pid": str(own),
            "start_time": start_time(own),
            "boot_id": files.boot_id(),
            "retries": str(self._retries),
            "nodes": ",".join(map(str, pids)),
            "grace_seconds": self._order["grace_seconds"],
            "timeout_seconds": self._order["timeout_seconds"],
        }
        files.write_record(f"{self._folder}/{files.STATE}", state)

    def _result(self, outcome: str, *, exit_code: int | None = None, reason: str = "") -> dict[str, str]:
        return {
            "outcome": outcome,
            "exit_code": "" if exit_code is None else str(exit_code),
            "reason": reason,
            "retries": str(self._retries),
            "ended_at": str(time.time_ns() // 1000),
            "cpu_seconds": f"{self._usage.cpu_seconds:.3f}",
            "peak_memory_kb": str(self._usage.peak_memory_kb),
        }


def _limit_open_files(soft: int) -> None:
    """Give the job, and so this process, the soft limit that the server was started with, in the place of its raised one."""
    import resource  # noqa: PLC0415  # a third of a millisecond, which not every server makes necessary

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:  # noqa: SIM105  # contextlib would cost each supervisor a millisecond
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (ValueError, OSError):  # the hard one is lower by now
        pass

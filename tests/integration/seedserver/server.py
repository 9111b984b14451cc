"""The real server as a process, and what a user would ask of it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.folders import discard

_T = TypeVar("_T")
NAMESPACE = "acme"
TOKEN = "test-token"
UNTIL_GO = "until [ -e go ]; do sleep 0.05; done"
"""A command that waits for `SeedServer.go`: a test never has to be quick enough for a job."""
ENDED = ("succeeded", "failed", "cancelled", "timed_out")


def until(what: str, look: Callable[[], _T | None], *, seconds: float = 90.0) -> _T:
    """Look until there is something that counts as true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.03)
    return found


class SeedServer:
    """A server on a free port, with its data in a folder that survives its restarts."""

    def __init__(self, data: Path, *flags: str, faults: bool = True) -> None:
        self.data = data
        self._faults = ["--enable-faults"] if faults else []
        self._flags: Sequence[str] = flags
        self._process: subprocess.Popen[str] | None = None
        self.first_words = ""
        self.http = httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=90, trust_env=False)

    def start(self) -> "SeedServer":
        """Start it, and wait until it says that it listens."""
        own = ["--listen", "127.0.0.1:0", "--data", str(self.data)]
        own += [] if "--tokens" in self._flags else ["--namespace", NAMESPACE, "--token", TOKEN]
        plan = [] if "--plan" in self._flags else ["--plan", "unlimited"]
        fixed = ["--grace-seconds", "1", "--containers", "never"]  # an engine of the machine would fetch images
        arguments = [*own, *self._faults, *fixed, *plan, *self._flags]
        with (self.data.parent / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seedjob_operator.seedserver", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        self.first_words = self._process.stdout.readline()
        self.url = self.first_words.split(" listening on ")[1].split(" ")[0]
        return self

    @property
    def pid(self) -> int:
        """The process id of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop; give its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        assert process.stdout is not None
        process.stdout.close()
        return process.wait(120)

    def clean_up(self) -> None:
        """Stop it, end whatever its jobs would still run, and remove what they made: nothing else removes trees so deep."""
        try:
            self.stop()
        finally:
            self.http.close()
            self._kill_what_is_left()
            for tree in (self.data / "artifacts", *self.data.glob("jobs/*/work")):
                discard(tree)

    def _kill_what_is_left(self) -> None:
        """Kill the jobs' processes, some of which may be ending just now, and wait until none writes any more."""
        left = self.processes()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=30)

    # --- the API ---

    def ask(self, method: str, template: str, name: str = "", **options: Any) -> httpx.Response:
        """Send a request for an operation."""
        where = wire.path(template, namespace=options.pop("namespace", NAMESPACE), name=name)
        return self.http.request(method, self.url + where, **options)

    def create(self, name: str, command: str, **fields: Any) -> dict[str, Any]:
        """Create a job that must be accepted."""
        answer = self.try_create({"name": name, "command": command, "gpu": "none", "image": "x"} | fields)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def try_create(self, body: object) -> httpx.Response:
        """Send a body to the create operation."""
        return self.ask("POST", wire.CREATE_JOB, json=body)

    def job(self, name: str) -> dict[str, Any]:
        """Give a job that exists."""
        answer = self.ask("GET", wire.GET_JOB, name)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, name: str, *statuses: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a job has one of some statuses (left out: has ended)."""

        def look() -> dict[str, Any] | None:
            job = self.job(name)
            return job if job["status"] in (statuses or ENDED) else None

        return until(f"{name} is {' or '.join(statuses or ENDED)}", look, seconds=seconds)

    def go(self, name: str) -> None:
        """Let a running job go on behind `UNTIL_GO`."""
        work = self.data / "jobs" / self.job(name)["id"] / "work"
        until(f"{name} has its folder", work.is_dir)
        (work / "go").touch()

    def wait_for_line(self, name: str, words: str) -> None:
        """Wait until a job's log has a line."""
        until(f"{words!r} in the log of {name}", lambda: words in self.lines(name))

    def lines(self, name: str, **query: Any) -> list[str]:
        """Give the messages of a job's log."""
        answer = self.ask("GET", wire.GET_LOGS, name, params=query)
        assert answer.status_code == 200, answer.text
        return [line["message"] for line in answer.json()["data"]]

    def cancel(self, name: str) -> httpx.Response:
        """Cancel a job."""
        return self.ask("POST", wire.CANCEL_JOB, name)

    def delete(self, name: str, **query: Any) -> httpx.Response:
        """Delete a job's record."""
        return self.ask("DELETE", wire.DELETE_JOB, name, params=query)

    def control(self, method: str, path: str, **body: Any) -> Any:
        """Use the control interface."""
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body or None)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    # --- what runs on the machine ---

    def processes(self, *, supervisors: bool = True) -> list[psutil.Process]:
        """Give all processes of this server's jobs, by their folders."""
        found = []
        for process in psutil.process_iter():
            try:
                supervisor = any(str(self.data / "jobs") in part for part in process.cmdline())
                in_folder = process.environ().get("HOME", "").startswith(str(self.data))
            except psutil.Error:
                continue
            if in_folder or (supervisor and supervisors):
                found.append(process)
        return found

    def supervisor(self, name: str) -> psutil.Process:
        """Wait for a job's supervisor."""
        folder = str(self.data / "jobs" / self.job(name)["id"])

        def look() -> list[psutil.Process]:
            lines = [(process, command_of(process)) for process in self.processes()]
            return [process for process, line in lines if "-S" in line and any(folder in part for part in line)]

        return until(f"the supervisor of {name}", look)[0]


def command_of(process: psutil.Process) -> list[str]:
    """Give a process's command line, empty where it has just ended: what a job's shell waits with lives for a moment."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie doesn't."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    """Kill a process as a crash would."""
    os.kill(pid, signal.SIGKILL)

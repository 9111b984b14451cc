"""What the demo runs: a cluster, the local Seed server and the operator; all of it ends with the demo."""

import contextlib
import dataclasses
import http.client
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from seedjob_operator.devcluster.console import Progress, duration
from seedjob_operator.devcluster.demo.samples import make_repositories
from seedjob_operator.devcluster.errors import DevClusterError
from seedjob_operator.devcluster.guarded import GuardedProcess
from seedjob_operator.devcluster.ports import held_ports

SEED_NAMESPACE: Final = "demo"
PARTNER_NAMESPACE: Final = "partner"
JOB_GRACE_SECONDS: Final = 3
_STOP_SECONDS: Final = 5.0
_START_SECONDS: Final = 90.0
_COMMAND: Final = Path(sys.executable).with_name("seedjob-operator")
_LAST_LINES: Final = 8
_SOON_SECONDS: Final = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """Kubernetes as the demo uses it: by kubectl, in one namespace."""

    kubectl: Path
    kubeconfig: Path
    namespace: str

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl and give what it prints.

        Raises:
            DevClusterError: it refuses; the text is its own.
        """
        command = [str(self.kubectl), "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)
        if done.returncode != 0:
            raise DevClusterError(f"kubectl {' '.join(arguments[:3])}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """Apply manifests.

        Raises:
            DevClusterError: one is refused; the text says which, and why.
        """
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        self.run("apply", "-f", "-", stdin=text)

    def change(self, name: str, spec: Mapping[str, Any]) -> None:
        """Change a SeedJob's spec as its user would.

        Raises:
            DevClusterError: that is refused; the text says why.
        """
        self.run("patch", "sj", name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def seedjobs(self) -> dict[str, dict[str, Any]]:
        """Give all SeedJobs by name."""
        return {item["metadata"]["name"]: item for item in json.loads(self.run("get", "sj", "-o", "json"))["items"]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Platform:
    """The local Seed server."""

    url: str
    token: str

    def has_job(self, name: str) -> bool:
        """Ask whether the platform has a job of that name.

        Raises:
            DevClusterError: it doesn't answer.
        """
        address = f"{self.url}/{SEED_NAMESPACE}/job/{name}"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.token}"})  # noqa: S310  # our own server
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310  # our own server
                return True
        except urllib.error.HTTPError as error:
            if error.code == http.client.NOT_FOUND:
                return False
            raise DevClusterError(f"the local Seed server answered {error.code}") from error
        except OSError as error:
            raise DevClusterError(f"the local Seed server doesn't answer: {error}") from error


class _Running:
    """A program of ours, with its log. One that ends is started again, as its pod would be."""

    def __init__(self, name: str, start: Callable[[], GuardedProcess], log: Path, progress: Progress) -> None:
        self._name, self._start, self._log, self._progress = name, start, log, progress
        self.process = start()
        self._started = time.monotonic()

    def check(self) -> None:
        """See that it runs.

        Raises:
            DevClusterError: it ended soon after its start; the text has its last lines.
        """
        code = self.process.poll()
        if code is None:
            return
        if time.monotonic() - self._started < _SOON_SECONDS:
            last = "\n  ".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
            raise DevClusterError(f"{self._name} ended with exit code {code}; {self._log} ends with:\n  {last}")
        self._progress.say(f"{self._name} ended with exit code {code}; it is started again, as a cluster would")
        self.process, self._started = self._start(), time.monotonic()


class Stage:
    """The platform and the operator, running."""

    def __init__(self, directory: Path, cluster: Cluster, progress: Progress) -> None:
        self._directory = directory
        self._cluster = cluster
        self._progress = progress
        self._running: list[_Running] = []
        self._held = contextlib.ExitStack()
        platform_port, self._metrics_port = self._held.enter_context(held_ports(2))
        self.platform = Platform(url=f"http://127.0.0.1:{platform_port}", token=secrets.token_urlsafe(16))

    @property
    def operator_log(self) -> Path:
        """Where the operator logs."""
        return self._directory / "operator.log"

    def check(self) -> None:
        """See that all parts run.

        Raises:
            DevClusterError: one ended.
        """
        for running in self._running:
            running.check()

    def start(self, examples: Path) -> None:
        """Start both parts and wait until the operator is ready.

        Raises:
            DevClusterError: one doesn't come up.
        """
        repositories = self._directory / "repos"
        make_repositories(examples / "repos", repositories)
        self._start_platform(repositories)
        self._start_operator()
        self._wait("the local Seed server and the operator", f"http://127.0.0.1:{self._metrics_port}/readyz")

    def stop(self) -> None:
        """Stop both, together."""
        for running in self._running:
            running.process.begin_to_stop()
        for running in self._running:
            running.process.stop()
        self._held.close()

    def _start_platform(self, repositories: Path) -> None:
        flags = ["--listen", self.platform.url.removeprefix("http://"), "--data", self._directory / "platform"]
        flags += ["--tokens", self._written_tokens()]
        flags += ["--repos", repositories, "--grace-seconds", JOB_GRACE_SECONDS, "--on-stop", "end"]
        flags += ["--containers", "never"]  # the samples are small scripts that need the server's own Python
        self._start("the local Seed server", "platform.log", ["seed-server", *map(str, flags)], {})

    def _written_tokens(self) -> Path:
        """Write who may use the platform: a command line can be read by every user of the machine."""
        user = {"name": "demo", "tokens": [self.platform.token], "namespaces": [SEED_NAMESPACE, PARTNER_NAMESPACE]}
        path = self._directory / "tokens.yaml"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"users": [user | {"plan": "unlimited"}]}))  # JSON is YAML
        return path

    def _start_operator(self) -> None:
        settings = {
            "KUBECONFIG": str(self._cluster.kubeconfig),
            "WATCH_NAMESPACES": self._cluster.namespace,
            "LEASE_NAMESPACE": self._cluster.namespace,
            "SEED_API_URL": self.platform.url,
            "SEED_API_TOKEN": self.platform.token,
            "SEED_NAMESPACE": SEED_NAMESPACE,
            "SEED_REQUESTS_PER_MINUTE": "1000",
            "METRICS_PORT": str(self._metrics_port),
            "METRICS_ADDRESS": "127.0.0.1",
        }
        self._start("the operator", self.operator_log.name, ["run"], settings)

    def _start(self, name: str, log_name: str, arguments: list[str], settings: dict[str, str]) -> None:
        log = self._directory / log_name
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SEED_")}

        def start() -> GuardedProcess:
            with log.open("ab") as output:
                return GuardedProcess.start(
                    [_COMMAND, *arguments],
                    output=output,
                    errors=output,
                    environment=clean | settings,
                    directory=self._directory,
                    grace_seconds=_STOP_SECONDS,
                )

        self._running.append(_Running(name, start, log, self._progress))

    def _wait(self, what: str, address: str) -> None:
        began = time.monotonic()
        while not _answers(address):
            self.check()
            waited = time.monotonic() - began
            if waited > _START_SECONDS:
                raise DevClusterError(f"{what} were not ready after {duration(waited)}; see {self._directory}/*.log")
            self._progress.update(f"waiting for {what}, {duration(waited)}")
            time.sleep(0.1)
        self._progress.say(f"{what} are ready after {time.monotonic() - began:.1f} s")


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  # our own operator
        return bool(answer.status == http.client.OK)
    return False


@contextlib.contextmanager
def running(directory: Path, cluster: Cluster, *, examples: Path, progress: Progress) -> Iterator[Stage]:
    """Run both parts for as long as the block lasts."""
    stage = Stage(directory, cluster, progress)
    try:
        stage.start(examples)
        yield stage
    finally:
        stage.stop()

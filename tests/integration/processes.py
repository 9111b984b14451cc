"""The real processes that integration tests run: the local Seed server and the operator, each to be killed at will."""

import atexit
import base64
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from seedjob_operator.devcluster.ports import held_ports

_T = TypeVar("_T")
COMMAND = Path(sys.executable).with_name("seedjob-operator")
TOKEN = "test-token-that-must-never-be-shown"
SEED_NAMESPACE = "acme"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP: without one httpx reads all authorities anew for each request, which takes twenty times as long."""


_HELD = contextlib.ExitStack()
atexit.register(_HELD.close)


def own_port() -> int:
    """Give a port that is ours until this process ends: a server on it may start late, die and return; nobody else gets it."""
    (port,) = _HELD.enter_context(held_ports(1))
    return port


def ask(method: str, url: str, **more: Any) -> httpx.Response:
    """Send one request over plain HTTP, on a connection of its own: whoever answers may be killed at any moment."""
    return httpx.request(method, url, timeout=60, trust_env=False, verify=_NO_TLS, **more)


def wait_for(what: str, look: Callable[[], _T | None], *, seconds: float = 90.0, every: float = 0.1) -> _T:
    """Look until there is an answer that counts as true.

    Raises:
        AssertionError: there was none in time; it names what was waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(every)


def side_by_side(*stories: Callable[[], None]) -> None:
    """Tell several stories at once: each mostly waits, and none touches what another one looks at.

    Raises:
        ExceptionGroup: some went wrong; each error names its story.
    """
    with concurrent.futures.ThreadPoolExecutor(len(stories)) as threads:
        told = [(threads.submit(story), story) for story in stories]
    wrong = []
    for future, story in told:
        error = future.exception()
        if error is not None:
            error.add_note(f"in {getattr(story, '__name__', story)}")
            wrong.append(error)
    if wrong:
        raise BaseExceptionGroup(f"{len(wrong)} of {len(stories)} stories went wrong", wrong)


@dataclasses.dataclass
class Process:
    """A child process with its output in a file."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        with self.log.open("ab") as output:
            self.running = subprocess.Popen(
                [str(COMMAND), *self.arguments], env=dict(self.environment), stdout=output, stderr=output
            )

    def kill(self) -> None:
        """Kill it as a crash would: no chance to do anything more."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, and give its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.running is None:
            return 0
        self.running.send_signal(number)
        code = self.running.wait(90)
        self.running = None
        return code

    @property
    def output(self) -> str:
        """All that it printed, over all its starts."""
        return self.log.read_text() if self.log.exists() else ""


class Platform:
    """A local Seed server. `users`: who may use it beside the administrator, as its file of tokens has them."""

    def __init__(
        self,
        folder: Path,
        *,
        repos: Path | None = None,
        users: Sequence[Mapping[str, Any]] = (),
        namespaces: Sequence[str] = (SEED_NAMESPACE,),
        flags: Sequence[str] = (),
    ) -> None:
        self.port = own_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        tokens = folder / "tokens.yaml"
        administrator = {"name": "administrator", "tokens": [TOKEN], "namespaces": list(namespaces)}
        tokens.write_text(json.dumps({"users": [administrator, *users]}))
        arguments = ["seed-server", "--listen", f"127.0.0.1:{self.port}", "--data", str(folder / "platform")]
        arguments += ["--tokens", str(tokens), "--plan", "unlimited", "--enable-faults"]
        arguments += ["--grace-seconds", "3", "--containers", "never", *flags]
        if repos is not None:
            arguments += ["--repos", str(repos)]
        self.process = Process(arguments, os.environ, folder / "platform.log")
        self._data = folder / "platform"

    def start(self) -> "Platform":
        """Start it, and wait until it answers."""
        self.process.start()
        wait_for("the Seed server answers", self._answers)
        return self

    def _answers(self) -> bool:
        try:
            return self.get(f"/{SEED_NAMESPACE}/jobs").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def get(self, path: str) -> httpx.Response:
        """Ask it as a user would."""
        return self._use("GET", path)

    def _use(self, method: str, path: str, **more: Any) -> httpx.Response:
        return ask(method, f"{self.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"}, **more)

    def job(self, name: str) -> dict[str, Any] | None:
        """Give a job as the platform has it, or None."""
        answer = self.get(f"/{SEED_NAMESPACE}/job/{name}")
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()

    def jobs(self) -> list[dict[str, Any]]:
        """Give all jobs of the platform (the newest hundred)."""
        found: list[dict[str, Any]] = self.get(f"/{SEED_NAMESPACE}/jobs?per_page=100").raise_for_status().json()["data"]
        return found

    def create(self, name: str, command: str = "sleep 300") -> None:
        """Create a job as somebody would in the platform's console."""
        body = {"name": name, "command": command, "image": "python:3.13", "gpu": "none"}
        self._use("POST", f"/auth/v1/seed/{SEED_NAMESPACE}/jobs", json=body).raise_for_status()

    def cancel(self, name: str) -> None:
        """Cancel a job as somebody would in the platform's console."""
        self._use("POST", f"/auth/v1/seed/{SEED_NAMESPACE}/jobs/{name}/cancel")

    def delete(self, name: str) -> None:
        """Delete a job's record as somebody would in the platform's console."""
        self._use("DELETE", f"/auth/v1/seed/{SEED_NAMESPACE}/jobs/{name}")

    def has_artifacts(self, job_id: str) -> bool:
        """Look into its artifact store for what a job left."""
        return any(path.is_file() for path in (self._data / "artifacts").rglob("*") if job_id in path.parts)

    def ledger(self) -> list[dict[str, Any]]:
        """Give all creates that it ever accepted."""
        rows: list[dict[str, Any]] = self.control("GET", "/ledger")["creates"]
        return rows

    def drop_next_creates(self, count: int) -> None:
        """Have it do the work of the next creates, and then close the connection without an answer."""
        self.control("POST", "/faults", operation="create", kind="drop", count=count)

    def fail(self, operation: str, status: int, count: int | None = None, **more: Any) -> None:
        """Have it answer the next requests of an operation with an error; without a count, until it is healed."""
        self.control("POST", "/faults", operation=operation, kind="fail", status=status, count=count, **more)

    def lose_all_records(self) -> None:
        """Crash, lose all that is stored, and come back."""
        self.process.kill()
        shutil.rmtree(self._data)
        self.start()

    def rotate(self, old: str, new: str) -> None:
        """Let a new token do what an old one could, and end that."""
        ask("POST", f"{self.url}/_control/credentials", json={"old": old, "new": new}).raise_for_status()

    def heal(self) -> None:
        """Switch all faults off."""
        ask("DELETE", f"{self.url}/_control/faults").raise_for_status()

    def requests(self, operation: str) -> int:
        """Count the requests of an operation so far."""
        return int(self.control("GET", "/requests")["counts"][operation])

    def control(self, method: str, path: str, **body: Any) -> Any:
        """Use its control interface."""
        answer = ask(method, f"{self.url}/_control{path}", json=body or None)
        return answer.raise_for_status().json()


class Operator:
    """One replica of the operator."""

    def __init__(self, folder: Path, kubeconfig: Path, *, name: str = "operator", **settings: str) -> None:
        self.metrics_port = own_port()
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SEED_", "KUBE"))}
        environment = {
            **clean,
            "KUBECONFIG": str(kubeconfig),
            "METRICS_PORT": str(self.metrics_port),
            "METRICS_ADDRESS": "127.0.0.1",
            "LEASE_NAMESPACE": "default",
            **settings,
        }
        self.process = Process(["run"], environment, folder / f"{name}.log")

    def start(self) -> "Operator":
        """Start it."""
        self.process.start()
        return self

    def crash_and_return(self) -> None:
        """Kill it and start it at once; a lease of its own stands for the wait until the dead one's runs out."""
        self.process.kill()
        lease = f"after-{uuid.uuid4().hex[:8]}"
        self.process.environment = {**self.process.environment, "LEASE_NAME": lease}
        self.start()

    def ask(self, path: str) -> tuple[int, str]:
        """Ask its HTTP endpoint; 0 where it doesn't answer."""
        try:
            answer = ask("GET", f"http://127.0.0.1:{self.metrics_port}{path}")
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def wait_until_ready(self) -> "Operator":
        """Wait until it says that it is ready."""
        wait_for("the operator is ready", lambda: self.ask("/readyz")[0] == httpx.codes.OK)
        return self

    def metric(self, name: str) -> float:
        """Give the sum of a metric over all its labels."""
        lines = [line for line in self.ask("/metrics")[1].splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


class Cluster:
    """Kubernetes as a user sees it, in one namespace: by kubectl, but for the looks that are taken again and again."""

    def __init__(self, kubectl: Path, kubeconfig: Path, namespace: str) -> None:
        # Not in its home: what another cluster offered that once had the same port stands there.
        cache = kubeconfig.parent / "kubectl-cache"
        common = ["--kubeconfig", str(kubeconfig), "--cache-dir", str(cache), "--namespace", namespace]
        self._command = [str(kubectl), *common]
        self.namespace = namespace
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._url = cluster["server"]
        self._token = config["users"][0]["user"]["token"]
        self._trust = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )

    def run(self, *arguments: str, check: bool = True, text: str | None = None) -> str:
        """Run kubectl and give what it prints."""
        done = subprocess.run([*self._command, *arguments], input=text, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + ("" if check else done.stderr)

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Apply manifests."""
        self.run("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))

    def get(self, plural: str, name: str) -> dict[str, Any] | None:
        """Give one of our objects, or None, without the cost of a kubectl."""
        answer = httpx.get(
            f"{self._url}/apis/seed.dev/v1alpha1/namespaces/{self.namespace}/{plural}/{name}",
            headers={"Authorization": f"Bearer {self._token}"},
            verify=self._trust,
            timeout=30,
            trust_env=False,
        )
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()

    def seedjob(self, name: str) -> dict[str, Any] | None:
        """Give a SeedJob, or None."""
        return self.get("seedjobs", name)

    def change(self, name: str, *, metadata: Mapping[str, Any] | None = None, **spec: Any) -> None:
        """Change fields of a SeedJob's spec, or of its metadata; None takes a field out."""
        patch: dict[str, Any] = {"spec": spec} if spec else {}
        patch |= {"metadata": metadata} if metadata else {}
        self.run("patch", "sj", name, "--type=merge", "-p", json.dumps(patch))

    def annotate(self, name: str, **annotations: str | None) -> None:
        """Set annotations of ours, named without `seed.dev/` and with `_` for `-`; None takes one away."""
        named = {f"seed.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.change(name, metadata={"annotations": named})

    def delete(self, *names: str) -> None:
        """Delete SeedJobs without waiting for the end of it."""
        self.run("delete", "sj", *names, "--wait=false")

    def status(self, name: str) -> dict[str, Any]:
        """Give a SeedJob's status, empty where there is none."""
        found: dict[str, Any] = (self.seedjob(name) or {}).get("status", {})
        return found

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        """Give one condition of a SeedJob, empty where it isn't there."""
        found = [one for one in self.status(name).get("conditions", []) if one["type"] == kind]
        return found[0] if found else {}

    def wait_for_phase(self, name: str, *phases: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a SeedJob is in one of some phases, and give its status."""

        def look() -> dict[str, Any] | None:
            status = self.status(name)
            return status if status.get("phase") in phases else None

        return wait_for(f"{name} in {' or '.join(phases)}", look, seconds=seconds, every=0.25)

    def wait_for_reason(self, name: str, kind: str, reason: str, *, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a condition of a SeedJob has a reason, and give the condition."""

        def look() -> dict[str, Any] | None:
            condition = self.condition(name, kind)
            return condition if condition.get("reason") == reason else None

        return wait_for(f"{name}: {kind} {reason}", look, seconds=seconds, every=0.25)

    def wait_until_gone(self, name: str, *, seconds: float = 90.0) -> None:
        """Wait until a SeedJob is gone."""
        wait_for(f"{name} is gone", lambda: self.seedjob(name) is None, seconds=seconds, every=0.25)

    def wait_for_event(self, name: str, reason: str) -> list[str]:
        """Wait for an Event about a SeedJob, which comes after the status that it tells of; give the reasons so far."""

        def look() -> list[str] | None:
            told = self.events(name)
            return told if reason in told else None

        return wait_for(f"{name}: the Event {reason}", look, every=0.25)

    def events(self, name: str) -> list[str]:
        """Give the reasons of the Events about a SeedJob, oldest first."""
        text = self.run("get", "events", "-o", "json", f"--field-selector=involvedObject.name={name}")
        items = sorted(json.loads(text)["items"], key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [event["reason"] for event in items]


def secret(name: str, **data: str) -> dict[str, Any]:
    """Give a Secret's manifest."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def config_map(name: str, **data: str) -> dict[str, Any]:
    """Give a ConfigMap's manifest."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def connection(name: str, endpoint: str, *, secret_name: str = "seed", **spec: Any) -> dict[str, Any]:
    """Give a SeedConnection's manifest."""
    required = {
        "endpoint": endpoint,
        "namespace": SEED_NAMESPACE,
        "secretRef": {"name": secret_name, "key": "token"},
    }
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedConnection",
        "metadata": {"name": name},
        "spec": required | spec,
    }


def seedjob(name: str, command: str, **spec: Any) -> dict[str, Any]:
    """Give a manifest of a small job; fields of `spec.job` are given as `job={...}`."""
    job = {"image": "python:3.13", "command": command, "gpu": {"type": "none"}} | spec.pop("job", {})
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedJob",
        "metadata": {"name": name} | spec.pop("metadata", {}),
        "spec": {"job": job} | spec,
    }

"""Starts etcd, kube-apiserver and kube-controller-manager in a folder of their own, and stops them whatever happens."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import filelock

from seedjob_operator.devcluster import credentials
from seedjob_operator.devcluster.assets import Assets
from seedjob_operator.devcluster.console import Progress, terminal
from seedjob_operator.devcluster.errors import DevClusterError, NotReadyError, PartDiedError
from seedjob_operator.devcluster.finding import Binary
from seedjob_operator.devcluster.flags import Layout, apiserver_flags, controller_manager_flags, etcd_flags
from seedjob_operator.devcluster.part import Part
from seedjob_operator.devcluster.ports import held_ports
from seedjob_operator.devcluster.readiness import wait_until_ready

_ATTEMPTS: Final = 3
# kube-apiserver would wait a minute for open watches; all it knows is in etcd, which closes its files in this time.
_STOP_SECONDS: Final = 1.0
_SERVED_SECONDS: Final = 30.0


class ControlPlane:
    """A Kubernetes API of one's own, on free ports of 127.0.0.1.

    Use it as a context manager, or call `start` and `stop`. The programs end with this process, also when that is
    killed. What they store stays in `directory`: a later start there goes on with the same objects and credentials,
    on other ports.
    """

    def __init__(
        self,
        assets: Assets,
        *,
        directory: Path,
        progress: Progress | None = None,
        ready_within_seconds: float = 120.0,
    ) -> None:
        self._assets = assets
        self._layout = Layout(directory=directory.absolute())
        self._progress = progress or terminal()
        self._ready_within_seconds = ready_within_seconds
        self._lock = filelock.FileLock(self._layout.directory / "lock", timeout=0)
        self._etcd: Part | None = None
        self._apiserver: Part | None = None
        self._controller_manager: Part | None = None
        self._held = contextlib.ExitStack()
        self._ports = (0, 0)
        self._token = ""

    @property
    def directory(self) -> Path:
        """Where its data, logs, certificates and kubeconfig are."""
        return self._layout.directory

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig."""
        return self._layout.kubeconfig

    @property
    def url(self) -> str:
        """Where kube-apiserver listens, such as `https://127.0.0.1:41234`."""
        return f"https://127.0.0.1:{self._ports[1]}"

    @property
    def certificate(self) -> Path:
        """What a client has to trust, in PEM."""
        return self._layout.certificate

    @property
    def token(self) -> str:
        """The administrator's bearer token. It is a secret of this machine's: keep it out of logs."""
        return self._token

    @property
    def kubectl(self) -> Path:
        """The kubectl to use with it."""
        return self._assets.kubectl.path

    def start(self) -> None:
        """Start all parts and wait until the API is ready (about 4 s).

        Raises:
            PartDiedError: a part ended by itself; the text ends with its log's last lines.
            NotReadyError: the API was not ready in time.
            DevClusterError: another control plane runs in this folder.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise DevClusterError(
                f"Another control plane runs in {self.directory}: stop it, or name another folder."
            ) from None
        try:
            self._start_on_free_ports()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all parts and wait until they are gone; the folder stays."""
        clients = [part for part in (self._controller_manager, self._apiserver) if part is not None]
        for part in clients:
            part.begin_to_stop()
        for part in [*clients, *([self._etcd] if self._etcd is not None else [])]:
            part.stop()
        self._controller_manager = self._apiserver = self._etcd = None
        self._held.close()
        self._lock.release()

    def check(self) -> None:
        """See that all parts run.

        Raises:
            PartDiedError: one ended by itself; the text ends with its log's last lines.
        """
        for part in (self._etcd, self._apiserver, self._controller_manager):
            if part is not None:
                part.check()

    def restart_apiserver(self) -> None:
        """Stop kube-apiserver and start it again on the same port; clients see their connections end.

        Raises:
            PartDiedError: it did not come up again.
            NotReadyError: it was not ready in time.
        """
        self.stop_apiserver()
        self.start_apiserver()

    def stop_apiserver(self) -> None:
        """Take the API away: connections are refused until `start_apiserver`. The other parts run on."""
        if self._apiserver is not None:
            self._apiserver.stop()
            self._apiserver = None

    def start_apiserver(self) -> None:
        """Bring the API back after `stop_apiserver`, on the same port.

        Raises:
            PartDiedError: it did not come up again.
            NotReadyError: it was not ready in time.
        """
        etcd_port, port = self._ports
        self._apiserver = self._part(
            self._assets.kube_apiserver, apiserver_flags(self._layout, port, etcd_port=etcd_port)
        )
        self._wait_until_ready()

    def run_kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = False, timeout_seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator.

        Args:
            arguments: as on a command line, `"get", "sj"`.
            stdin: what `-f -` reads.
            check: raise when kubectl fails.
            timeout_seconds: how long it may take.

        Raises:
            DevClusterError: `check` is set and kubectl failed; the text has what it said.
            subprocess.TimeoutExpired: it took too long.
        """
        answer = subprocess.run(
            [self.kubectl, *arguments],
            env=os.environ
            | {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.directory / "kubectl-cache")},
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        if check and answer.returncode != 0:
            self.check()
            said = answer.stderr.strip() or answer.stdout.strip()
            raise DevClusterError(f"kubectl {' '.join(arguments)} ended with exit code {answer.returncode}: {said}")
        return answer

    def apply_crds(self, folder: Path) -> None:
        """Apply the CustomResourceDefinitions of a folder and wait until their resources are served.

        Raises:
            DevClusterError: the API server refuses one, or doesn't serve it within 30 s; the text says why.
        """
        self.run_kubectl("apply", "--server-side", "-f", str(folder), check=True)
        self.run_kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(folder), check=True)
        listed = self.run_kubectl("get", "-f", str(folder), "-o", "name", check=True).stdout.split()
        for name in (line.partition("/")[2] for line in listed):
            self._wait_until_served(name)

    def _wait_until_served(self, resource: str) -> None:
        """Established comes a moment before the server finds the resource at its path."""
        deadline = time.monotonic() + _SERVED_SECONDS
        while (answer := self.run_kubectl("get", resource, "--all-namespaces")).returncode != 0:
            if time.monotonic() > deadline:
                raise NotReadyError(f"{resource} is Established and yet not served: {answer.stderr.strip()}")
            time.sleep(0.1)

    def _start_on_free_ports(self) -> None:
        self._token = self._layout.write_credentials()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start_servers()
            except PartDiedError as error:
                if "address already in use" not in str(error) or attempt == _ATTEMPTS:
                    raise
                self._progress.say("another program took a port first: trying others")
                self._stop_servers()
            else:
                break
        if self._assets.kube_controller_manager is not None:
            self._controller_manager = self._part(
                self._assets.kube_controller_manager, controller_manager_flags(self._layout)
            )

    def _start_servers(self) -> None:
        shutil.rmtree(self._layout.certificates, ignore_errors=True)
        etcd_port, apiserver_port = self._held.enter_context(held_ports(2))
        self._ports = (etcd_port, apiserver_port)
        self._etcd = self._part(self._assets.etcd, etcd_flags(self._layout, etcd_port))
        self.start_apiserver()
        credentials.write_kubeconfig(self.kubeconfig, url=self.url, certificate=self.certificate, token=self._token)

    def _stop_servers(self) -> None:
        for part in (self._apiserver, self._etcd):
            if part is not None:
                part.stop()
        self._apiserver = self._etcd = None
        self._held.close()

    def _wait_until_ready(self) -> None:
        wait_until_ready(
            self.url,
            certificate=self.certificate,
            token=self._token,
            still_runs=self.check,
            progress=self._progress,
            within_seconds=self._ready_within_seconds,
        )

    def _part(self, binary: Binary, flags: list[str]) -> Part:
        return Part.start(binary, flags, directory=self.directory, grace_seconds=_STOP_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

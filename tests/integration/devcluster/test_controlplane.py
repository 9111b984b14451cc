"""`ControlPlane` with the real programs: it starts in seconds, works, and leaves nothing running."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from integration.devcluster.living import processes_of, wait_for_program, wait_until_none
from seedjob_operator.devcluster import Assets, ControlPlane, DevClusterError, controlplane
from seedjob_operator.devcluster.errors import NotReadyError, PartDiedError
from seedjob_operator.devcluster.finding import Binary
from seedjob_operator.devcluster.ports import held_ports
from unit.devcluster.recording import Recording


def control_plane_in(directory: Path, assets: Assets) -> ControlPlane:
    return ControlPlane(assets, directory=directory, progress=Recording())


class TestUse:
    """On the control plane that all tests share."""

    def test_kubectl_works_as_an_administrator(self, control_plane: ControlPlane, namespace: str) -> None:
        control_plane.run_kubectl("-n", namespace, "create", "configmap", "c", "--from-literal=a=b", check=True)
        answer = control_plane.run_kubectl("-n", namespace, "get", "configmap", "c", "-o", "jsonpath={.data.a}")
        assert answer.stdout == "b"

    def test_our_resources_are_served_from_the_first_moment(self, control_plane: ControlPlane, namespace: str) -> None:
        answer = control_plane.run_kubectl("-n", namespace, "get", "sj,sc")
        assert (answer.returncode, answer.stderr.strip()) == (0, "No resources found")

    def test_kubectl_finds_the_servers_version_readable(self, control_plane: ControlPlane) -> None:
        """A build without its version answers `v0.0.0-master+$Format:%H$`, which kubectl can't parse."""
        answer = control_plane.run_kubectl("version", "-o", "json", check=True)
        assert json.loads(answer.stdout)["serverVersion"]["gitVersion"].startswith("v1.")
        assert answer.stderr == "", "a warning about versions that are too far apart"

    def test_what_kubectl_says_is_in_the_error(self, control_plane: ControlPlane) -> None:
        with pytest.raises(DevClusterError, match=r"kubectl get nonsense ended with exit code 1: .*nonsense"):
            control_plane.run_kubectl("get", "nonsense", check=True)

    def test_a_manifest_can_come_from_standard_input(self, control_plane: ControlPlane, namespace: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-stdin", "namespace": namespace}}
        control_plane.run_kubectl("apply", "-f", "-", stdin=json.dumps(manifest), check=True)
        assert control_plane.run_kubectl("-n", namespace, "get", "configmap", "from-stdin").returncode == 0

    def test_a_service_accounts_token_is_accepted_and_bound_by_rbac(
        self, control_plane: ControlPlane, namespace: str
    ) -> None:
        control_plane.run_kubectl("-n", namespace, "create", "serviceaccount", "robot", check=True)
        token = control_plane.run_kubectl("-n", namespace, "create", "token", "robot", check=True).stdout.strip()
        bare = [
            "--kubeconfig=/dev/null",
            f"--server={control_plane.url}",
            f"--certificate-authority={control_plane.certificate}",
        ]
        who = control_plane.run_kubectl(
            *bare, f"--token={token}", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"
        )
        assert who.stdout == f"system:serviceaccount:{namespace}:robot", who.stderr
        forbidden = control_plane.run_kubectl(*bare, f"--token={token}", "-n", namespace, "get", "secrets")
        assert "is forbidden" in forbidden.stderr

    def test_nobody_gets_in_without_a_token(self, control_plane: ControlPlane) -> None:
        bare = [
            "--kubeconfig=/dev/null",
            f"--server={control_plane.url}",
            f"--certificate-authority={control_plane.certificate}",
        ]
        answer = control_plane.run_kubectl(*bare, "--token=wrong", "get", "secrets", "-A")
        assert answer.returncode != 0
        assert "Unauthorized" in answer.stderr or "logged in" in answer.stderr

    def test_it_listens_to_this_machine_alone(self, control_plane: ControlPlane) -> None:
        ours = [
            p
            for p in psutil.process_iter(["cmdline"])
            if str(control_plane.directory) in " ".join(p.info["cmdline"] or [])
        ]
        listening = [c.laddr.ip for p in ours for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
        assert len(listening) >= 2
        assert set(listening) == {"127.0.0.1"}

    def test_the_token_is_not_in_its_representation(self, control_plane: ControlPlane) -> None:
        assert control_plane.token not in repr(control_plane)


class TestLife:
    """Each with a control plane of its own."""

    def test_it_leaves_nothing_running_and_waits_for_no_watches(self, assets: Assets, tmp_path: Path) -> None:
        with control_plane_in(tmp_path, assets) as running:
            assert len(processes_of(tmp_path)) == 4, "etcd and kube-apiserver, each with its guard"
            began = time.monotonic()
        assert time.monotonic() - began < 45, "kube-apiserver alone would wait a minute for them; 2 s on idle cores"
        assert processes_of(tmp_path) == []
        running.stop()  # once more is no error

    def test_two_at_once_know_nothing_of_each_other(self, assets: Assets, tmp_path: Path) -> None:
        with control_plane_in(tmp_path / "a", assets) as a, control_plane_in(tmp_path / "b", assets) as b:
            a.run_kubectl("create", "namespace", "only-in-a", check=True)
            assert "NotFound" in b.run_kubectl("get", "namespace", "only-in-a").stderr
            assert a.url != b.url

    def test_a_folder_has_one_control_plane_at_a_time(self, assets: Assets, tmp_path: Path) -> None:
        second = control_plane_in(tmp_path, assets)
        with control_plane_in(tmp_path, assets) as first:
            with pytest.raises(DevClusterError, match=rf"Another control plane runs in {tmp_path}: stop it"):
                second.start()
            first.check()

    def test_a_later_start_finds_the_same_objects_and_token(self, assets: Assets, tmp_path: Path) -> None:
        with control_plane_in(tmp_path, assets) as running:
            running.run_kubectl("create", "namespace", "kept", check=True)
            token = running.token
        with control_plane_in(tmp_path, assets) as running:
            assert running.run_kubectl("get", "namespace", "kept").returncode == 0
            assert running.token == token

    def test_the_api_server_comes_back_where_it_was(self, assets: Assets, tmp_path: Path) -> None:
        with control_plane_in(tmp_path, assets) as running:
            url, config = running.url, running.kubeconfig.read_text()
            running.run_kubectl("create", "namespace", "kept", check=True)
            running.stop_apiserver()
            assert "refused" in running.run_kubectl("get", "namespaces").stderr
            running.start_apiserver()
            assert (running.url, running.kubeconfig.read_text()) == (url, config)
            assert running.run_kubectl("get", "namespace", "kept").returncode == 0
            running.restart_apiserver()
            assert running.run_kubectl("get", "namespace", "kept").returncode == 0

    def test_a_port_that_another_program_took_meanwhile_is_given_up(
        self, assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        progress = Recording()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            answers = iter([[taken.getsockname()[1]]])

            @contextlib.contextmanager
            def unlucky_once(count: int) -> Iterator[list[int]]:
                with held_ports(count) as ports:
                    yield (next(answers, []) + ports)[:count]

            monkeypatch.setattr(controlplane, "held_ports", unlucky_once)
            with ControlPlane(assets, directory=tmp_path, progress=progress) as running:
                assert running.run_kubectl("get", "namespaces").returncode == 0
        assert "another program took a port first: trying others" in progress.said


class TestFailure:
    def stand_in(self, folder: Path, name: str, script: str) -> Binary:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return Binary(name=name, path=path, origin="a test")

    def complaint(self, running: ControlPlane) -> str:
        """What `check` raises within a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                running.check()
            except PartDiedError as error:
                return str(error)
            time.sleep(0.05)
        return "nothing"

    def test_a_part_that_ends_at_once_is_named_with_the_end_of_its_log(self, assets: Assets, tmp_path: Path) -> None:
        etcd = self.stand_in(tmp_path, "etcd", "for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 3")
        broken = dataclasses.replace(assets, etcd=etcd)
        folder = tmp_path / "cp"
        with pytest.raises(PartDiedError) as caught:
            control_plane_in(folder, broken).start()
        assert str(caught.value) == (
            f"etcd ended with exit code 3; {folder}/etcd.log ends with:\n  line 3\n  line 4\n  line 5\n  line 6\n  line 7"
        )
        assert processes_of(folder) == [], "the others are stopped when one fails"

    def test_a_part_that_dies_later_is_named_too(self, assets: Assets, tmp_path: Path) -> None:
        with control_plane_in(tmp_path, assets) as running:
            running.check()
            for process in psutil.process_iter(["name", "cmdline"]):
                if process.info["name"] == "kube-apiserver" and str(tmp_path) in " ".join(
                    process.info["cmdline"] or []
                ):
                    process.kill()
            assert "kube-apiserver ended with exit code 137" in self.complaint(running)

    def test_one_that_never_gets_ready_is_given_up_with_its_last_answer(self, assets: Assets, tmp_path: Path) -> None:
        silent = dataclasses.replace(assets, kube_apiserver=self.stand_in(tmp_path, "kube-apiserver", "exec sleep 600"))
        folder = tmp_path / "cp"
        control_plane = ControlPlane(silent, directory=folder, progress=Recording(), ready_within_seconds=0.5)
        with pytest.raises(NotReadyError, match=rf"was not ready after .*its log is {folder}/kube-apiserver.log"):
            control_plane.start()
        assert processes_of(folder) == []


class TestCommand:
    """`python -m seedjob_operator.devcluster up`, as a user runs it."""

    @contextlib.contextmanager
    def up(self, directory: Path, crds: Path) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "seedjob_operator.devcluster", "up"]
        with subprocess.Popen(
            [*command, "--directory", directory, "--crds", crds],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def kubeconfig_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)])
    def test_it_prints_the_kubeconfig_line_and_leaves_nothing_running(
        self, assets: Assets, tmp_path: Path, number: signal.Signals, code: int
    ) -> None:
        crds = Path(__file__).parents[3] / "crds"
        with self.up(tmp_path / "cp", crds) as process:
            assert self.kubeconfig_line(process) == f"export KUBECONFIG={tmp_path}/cp/kubeconfig"
            environment = os.environ | {"KUBECONFIG": str(tmp_path / "cp" / "kubeconfig")}
            answer = subprocess.run(
                [assets.kubectl.path, "get", "sj"], env=environment, capture_output=True, check=True
            )
            assert b"No resources found" in answer.stderr
            process.send_signal(number)
            assert process.wait(90) == code
        assert wait_until_none(tmp_path / "cp", seconds=60) == []

    @pytest.mark.parametrize("begun", ["", "/etcd", "/kube-apiserver"])
    def test_ctrl_c_while_it_starts_leaves_nothing_running_and_shows_no_traceback(
        self, assets: Assets, tmp_path: Path, begun: str
    ) -> None:
        with self.up(tmp_path / "cp", tmp_path / "no-crds") as process:
            wait_for_program(tmp_path / "cp", begun)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=90)
        assert wait_until_none(tmp_path / "cp", seconds=60) == []
        if begun:  # before that it may still be Python that starts
            assert "Traceback" not in errors
            assert process.returncode in {0, 130}

"""What a user sees of the resources in a terminal: `kubectl explain`, `kubectl get`, and a refusal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from integration.resources.kubernetes_api import KubernetesApi
from integration.resources.manifests import seedconnection, seedjob
from seedjob_operator.devcluster import ControlPlane

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kubectl(api: KubernetesApi, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Runs kubectl; its memory of what the server offers is empty at first, as on a new machine."""
    cache = tmp_path_factory.mktemp("kubectl-cache")
    common = [str(control_plane.kubectl), f"--kubeconfig={control_plane.kubeconfig}", f"--cache-dir={cache}"]

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*common, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    # The server publishes what it tells about a CRD a moment after it serves it.
    deadline = time.monotonic() + 90
    while run("explain", "seedconnections.spec").returncode or run("explain", "sj.spec").returncode:
        assert time.monotonic() < deadline, run("explain", "sj.spec").stderr
        time.sleep(0.2)
    return run


class TestExplain:
    @pytest.mark.parametrize(
        ("path", "says"),
        [
            (
                "sj",
                "SeedJob runs one GPU batch job on the Seed platform and shows its phase, progress, cost and result.",
            ),
            ("sj.spec.job.gpu", "GPUs of each node; a job without GPUs says type none."),
            ("sj.spec.job.gpu.count", "Left out: the platform gives 1. Not allowed with type none."),
            ("sj.spec.job.memoryGB", "Left out: the platform gives 32."),
            ("sj.spec.job.env", "Environment variables, in the shape that a container's have, at most 200."),
            ("sj.spec.job.env.valueFrom.secretKeyRef.key", "Key in the Secret's data whose value is used."),
            ("sj.spec.deletionPolicy", "Orphan leaves it running, unwatched and at your cost. Left out: Delete."),
            ("sj.status.conditions.reason", "Why, in one PascalCase word that programs can rely on."),
            ("seedconn.spec.secretRef", "The Secret with the credential."),
        ],
    )
    def test_a_field_is_explained(self, kubectl: Kubectl, path: str, says: str) -> None:
        shown = kubectl("explain", path)
        assert shown.returncode == 0, shown.stderr
        assert says in " ".join(shown.stdout.split())

    def test_the_fields_below_are_listed(self, kubectl: Kubectl) -> None:
        shown = kubectl("explain", "sj.spec.job.gpu").stdout
        assert "count\t<integer>" in shown
        assert "enum: 1, 2, 4, 8" in shown
        assert "type\t<string> -required-" in shown


STATUS = {
    "phase": "Running",
    "gpu": "4xA100-80GB",
    "progressText": "67 %",
    "costText": "12.80 USD",
    "jobName": "finetune-0123456789ab-1",
    "attempt": 1,
    "runtimeSeconds": 4210,
    "conditions": [
        {
            "type": "Synced",
            "status": "True",
            "reason": "Answered",
            "message": "",
            "lastTransitionTime": "2025-01-31T12:00:00Z",
        },
        {
            "type": "Ready",
            "status": "False",
            "reason": "JobRunning",
            "message": "",
            "lastTransitionTime": "2025-01-31T12:00:00Z",
        },
    ],
}


def columns(table: str) -> list[list[str]]:
    """The cells of kubectl's table without the age, which passes."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()][:-1] for line in table.splitlines()]


class TestGet:
    @pytest.fixture
    def running(self, api: KubernetesApi, namespace: str) -> str:
        """A namespace with one SeedJob that runs."""
        path = api.create(seedjob(name="finetune", job={"region": "us-east-1"}, namespace=namespace))
        assert api.merge(f"{path}/status", {"status": STATUS}).code == 200
        return namespace

    def test_seedjobs(self, kubectl: Kubectl, running: str) -> None:
        assert columns(kubectl("get", "sj", "-n", running).stdout) == [
            ["NAME", "PHASE", "GPU", "PROGRESS", "COST", "REASON"],
            ["finetune", "Running", "4xA100-80GB", "67 %", "12.80 USD", "JobRunning"],
        ]

    def test_seedjobs_wide(self, kubectl: Kubectl, running: str) -> None:
        header, row = columns(kubectl("get", "sj", "-n", running, "-o", "wide").stdout)
        assert header[-4:] == ["JOB", "REGION", "RUNTIME", "ATTEMPT"]
        assert row[-4:] == ["finetune-0123456789ab-1", "us-east-1", "4210", "1"]

    def test_all_has_seedjobs(self, kubectl: Kubectl, running: str) -> None:
        assert "seedjob.seed.dev/finetune" in kubectl("get", "all", "-n", running).stdout

    def test_seedconnections(self, kubectl: Kubectl, api: KubernetesApi, namespace: str) -> None:
        path = api.create(seedconnection(name="acme", namespace=namespace))
        ready = {
            "type": "Ready",
            "status": "False",
            "reason": "Unauthorized",
            "message": "",
            "lastTransitionTime": "2025-01-31T12:00:00Z",
        }
        assert api.merge(f"{path}/status", {"status": {"conditions": [ready], "activeJobs": 3}}).code == 200
        assert columns(kubectl("get", "seedconn", "-n", namespace).stdout) == [
            ["NAME", "READY", "REASON", "NAMESPACE", "ACTIVE"],
            ["acme", "False", "Unauthorized", "acme", "3"],
        ]


class TestApply:
    def test_a_refusal_lists_every_mistake_on_a_line_of_its_own(self, kubectl: Kubectl, namespace: str) -> None:
        job = {"image": ..., "gpu": {"type": "none", "count": 2}, "env": [{"name": "2ND", "value": "x"}]}
        shown = kubectl("apply", "-f", "-", stdin=yaml.safe_dump(seedjob(job=job, namespace=namespace)))
        assert shown.returncode == 1
        lines = [line for line in shown.stderr.splitlines() if line.startswith("* ")]
        assert sorted(line.split(": ")[0] for line in lines) == [
            "* spec.job.env[0].name",
            "* spec.job.gpu.count",
            "* spec.job.image",
        ]

    def test_applying_twice_changes_nothing(self, kubectl: Kubectl, namespace: str) -> None:
        """Defaults and the rules on updates must not get into the way of GitOps, which applies all the time."""
        job = {"env": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]}
        manifest = yaml.safe_dump(seedjob(job=job, namespace=namespace))
        assert "created" in kubectl("apply", "-f", "-", stdin=manifest).stdout
        assert "unchanged" in kubectl("apply", "-f", "-", stdin=manifest).stdout

    def test_the_definitions_apply_without_a_warning(self, kubectl: Kubectl) -> None:
        crds = Path(__file__).parents[3] / "crds"
        shown = kubectl("apply", "--server-side", "--force-conflicts", "-f", str(crds))
        assert shown.returncode == 0, shown.stderr
        assert [line for line in shown.stderr.splitlines() if "version difference" not in line] == []

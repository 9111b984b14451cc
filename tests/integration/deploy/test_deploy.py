"""The manifests of `deploy/` on the real API server, and the operator with exactly the rights that they give."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.processes import SEED_NAMESPACE, TOKEN, Cluster, Operator, Platform, seedjob, wait_for
from seedjob_operator.devcluster import ControlPlane

DEPLOY = Path(__file__).parents[3] / "deploy"
SYSTEM = "seedjob-system"
READY = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
ACCOUNT = f"system:serviceaccount:{SYSTEM}:seedjob-operator"


@pytest.fixture
def deployed(control_plane: ControlPlane) -> ControlPlane:
    """A cluster in which `kubectl apply -k deploy/` was run."""
    control_plane.run_kubectl("apply", "-k", str(DEPLOY), check=True)
    return control_plane


@pytest.fixture
def service_account(deployed: ControlPlane, tmp_path: Path) -> Path:
    """A kubeconfig with a token of the ServiceAccount, and nothing else."""
    token = deployed.run_kubectl("create", "token", "seedjob-operator", "-n", SYSTEM, check=True).stdout.strip()
    cluster = {"server": deployed.url, "certificate-authority": str(deployed.certificate)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": SYSTEM}}],
        "current-context": "x",
    }
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A running local Seed server."""
    started = Platform(tmp_path).start()
    yield started
    started.process.stop()


def test_a_whole_job_with_the_rights_of_the_service_account(
    service_account: Path, control_plane: ControlPlane, namespace: str, platform: Platform, tmp_path: Path
) -> None:
    """Least privilege that is too little would show only in production."""
    cluster = Cluster(control_plane.kubectl, control_plane.kubeconfig, namespace)
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys"},
            "stringData": {"key": "v", "token": TOKEN},
        },
        {
            "apiVersion": "seed.dev/v1alpha1",
            "kind": "SeedConnection",
            "metadata": {"name": "acme"},
            "spec": {
                "endpoint": platform.url,
                "namespace": SEED_NAMESPACE,
                "secretRef": {"name": "keys", "key": "token"},
            },
        },
        seedjob(
            "whole",
            "test $KEY = v; sleep 300",
            job={"env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}]},
            connectionRef={"name": "acme"},
        ),
    )
    operator = Operator(
        tmp_path, service_account, SEED_ALLOWED_ENDPOINTS=platform.url, WATCH_NAMESPACES="", LEASE_NAMESPACE=""
    ).start()
    try:
        name = cluster.wait_for_phase("whole", "Running")["jobName"]
        assert cluster.wait_for_event("whole", "Started") == ["Submitted", "Started"]
        wait_for(
            "the connection says that it is ready",
            lambda: cluster.run("get", "seedconnection", "acme", "-o", READY) == "True",
        )
        cluster.run("delete", "sj", "whole", "--wait=false")
        cluster.wait_until_gone("whole")
        assert platform.job(name) is None
        lease = control_plane.run_kubectl("get", "lease", "seedjob-operator", "-n", SYSTEM)
        assert lease.returncode == 0
        refused = [line for line in operator.process.output.splitlines() if ACCOUNT in line]
        assert not refused, "the API server names whom it refuses"
    finally:
        operator.process.kill()


@pytest.mark.parametrize(
    ("verb", "resource", "why"),
    [
        ("list", "secrets", "it could enumerate credentials"),
        ("list", "configmaps", "it reads those that are referred to, and no others"),
        ("create", "seedjobs.seed.dev", "jobs are the users'"),
        ("create", "pods", "it runs nothing in the cluster"),
        ("update", "customresourcedefinitions.apiextensions.k8s.io", "an administrator installs them"),
        ("get", "leases.coordination.k8s.io", "only in its own namespace"),
    ],
)
def test_what_it_may_not_do(deployed: ControlPlane, verb: str, resource: str, why: str) -> None:
    """Each right that it doesn't have is one that nobody can abuse."""
    answer = deployed.run_kubectl("auth", "can-i", verb, resource, "--as", ACCOUNT, "-n", "default")
    assert answer.stdout.strip() == "no", why


def test_its_pods_pass_pod_security_restricted(deployed: ControlPlane) -> None:
    """The namespace enforces `restricted`: a pod that isn't would never start."""
    listed = deployed.run_kubectl("get", "deployment", "seedjob-operator", "-n", SYSTEM, "-o", "json", check=True)
    template = json.loads(listed.stdout)["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": SYSTEM},
        "spec": template["spec"],
    }
    created = deployed.run_kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    assert created.returncode == 0, created.stderr
    assert "would violate" not in created.stderr
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    refused = deployed.run_kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    assert "violates PodSecurity" in refused.stderr, "the check itself must be able to fail"


def test_two_replicas_and_probes(deployed: ControlPlane) -> None:
    """One acts, one stands by; Kubernetes knows how each is."""
    listed = deployed.run_kubectl("get", "deployment", "seedjob-operator", "-n", SYSTEM, "-o", "json", check=True)
    spec = json.loads(listed.stdout)["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["replicas"] == 2
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_applying_again_changes_nothing(deployed: ControlPlane) -> None:
    """GitOps applies every few minutes."""
    again = deployed.run_kubectl("apply", "-k", str(DEPLOY), check=True).stdout
    assert all(line.endswith("unchanged") for line in again.splitlines()), again


def test_kustomize_warns_of_nothing(control_plane: ControlPlane) -> None:
    """A deprecated field in our kustomization would shout at everyone who installs it."""
    built = control_plane.run_kubectl("kustomize", str(DEPLOY), check=True)
    assert built.stderr == ""

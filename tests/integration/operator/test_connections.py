"""Accounts side by side, and credentials that change under a running operator."""

import asyncio
import json
from typing import Any

from integration.processes import SEED_NAMESPACE, TOKEN, Cluster, Operator, Platform, seedjob, wait_for
from seedjob_operator.controller.kubernetes import Kubernetes
from seedjob_operator.controller.references import Reference, ReferenceWatch
from seedjob_operator.devcluster import ControlPlane


def secret(name: str, **data: str) -> dict[str, Any]:
    """Give a Secret's manifest."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def connection(name: str, endpoint: str, *, secret_name: str) -> dict[str, Any]:
    """Give a SeedConnection's manifest."""
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedConnection",
        "metadata": {"name": name},
        "spec": {
            "endpoint": endpoint,
            "namespace": SEED_NAMESPACE,
            "secretRef": {"name": secret_name, "key": "token"},
        },
    }


def ready(cluster: Cluster, name: str) -> dict[str, Any]:
    """Give a SeedConnection's condition `Ready`, empty where it isn't there."""
    text = cluster.run("get", "seedconnection", name, "-o", "json", "--ignore-not-found")
    found = (json.loads(text).get("status") or {}).get("conditions", []) if text.strip() else []
    return next((one for one in found if one["type"] == "Ready"), {})


def wait_for_ready(cluster: Cluster, name: str, reason: str) -> dict[str, Any]:
    """Wait until a SeedConnection says a reason."""

    def look() -> dict[str, Any] | None:
        found = ready(cluster, name)
        return found if found.get("reason") == reason else None

    return wait_for(f"{name}: {reason}", look, seconds=90, every=0.25)


def test_a_connection_through_its_troubles(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """One operator, never restarted: each reason is left behind once its cause is gone, and the job runs in the end."""
    cluster.apply(connection("acme", platform.url, secret_name="acme"))
    cluster.apply(seedjob("own", "sleep 300", connectionRef={"name": "acme"}), seedjob("default", "true"))
    wait_for_ready(cluster, "acme", "SecretNotFound")
    cluster.apply(secret("acme", other="x"))
    wait_for_ready(cluster, "acme", "SecretKeyMissing")
    cluster.apply(secret("acme", token="wrong"))
    wait_for_ready(cluster, "acme", "Unauthorized")
    assert "Unauthorized" in cluster.run("describe", "sj", "own")
    cluster.apply(secret("acme", token=TOKEN))
    wait_for_ready(cluster, "acme", "Synced")
    cluster.wait_for_phase("own", "Running", seconds=90)
    cluster.wait_for_phase("default", "Succeeded", seconds=90)
    assert len(platform.ledger()) == 2
    assert TOKEN not in operator.process.output
    cluster.run("delete", "seedconnection", "acme", "--wait=false")
    wait_for("it says for whom it waits", lambda: "unfinished SeedJobs own:" in attention(cluster, "acme"), seconds=60)
    cluster.run("delete", "sj", "own", "--wait=false")
    cluster.wait_until_gone("own")
    wait_for("the connection is gone", lambda: not exists(cluster, "acme"), seconds=60)


async def test_the_watch_of_one_secret(cluster: Cluster, control_plane: ControlPlane) -> None:
    """It tells when the Secret appears, changes and goes, and of no other one."""
    kubernetes = await Kubernetes.connect(control_plane.kubeconfig)
    told: asyncio.Queue[Reference] = asyncio.Queue()
    wanted = Reference("secrets", cluster.namespace, "wanted")
    watch = ReferenceWatch(kubernetes, on_change=told.put_nowait)
    try:
        watch.watch({wanted})
        cluster.apply(secret("other", k="1"))
        cluster.apply(secret("wanted", k="1"))
        assert await asyncio.wait_for(told.get(), 60) == wanted
        cluster.apply(secret("wanted", k="2"))
        assert await asyncio.wait_for(told.get(), 60) == wanted
        cluster.run("delete", "secret", "wanted")
        assert await asyncio.wait_for(told.get(), 60) == wanted
        assert told.empty()
    finally:
        await watch.close()
        await kubernetes.close()


def test_an_unused_connection_is_deleted_without_an_operator(cluster: Cluster) -> None:
    """Nobody uses it, so nothing holds it."""
    cluster.apply(connection("spare", "https://api.seed.example", secret_name="none"))
    cluster.run("delete", "seedconnection", "spare", "--timeout=60s")
    assert not exists(cluster, "spare")


def exists(cluster: Cluster, name: str) -> bool:
    """Tell whether a SeedConnection is there."""
    return bool(cluster.run("get", "seedconnection", name, "-o", "name", "--ignore-not-found").strip())


def attention(cluster: Cluster, name: str) -> str:
    """Give the message of a SeedConnection's condition `Attention`, empty where it isn't there."""
    text = cluster.run("get", "seedconnection", name, "-o", "json")
    found = (json.loads(text).get("status") or {}).get("conditions", [])
    return str(next((one["message"] for one in found if one["type"] == "Attention"), ""))

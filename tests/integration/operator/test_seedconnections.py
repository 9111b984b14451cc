"""Accounts side by side, and credentials that change under a running operator."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.operator.conftest import end
from integration.processes import TOKEN, Cluster, Operator, Platform, connection, secret, seedjob, wait_for
from seedjob_operator.controller.kubernetes import Kubernetes
from seedjob_operator.controller.references import Reference, ReferenceWatch
from seedjob_operator.devcluster import ControlPlane

RESEARCH, TRADING = "token-of-research", "token-of-trading"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A Seed server with two accounts beside the administrator's, each with a namespace of its own."""
    users = [
        {"name": "research", "tokens": [RESEARCH], "namespaces": ["research"]},
        {"name": "trading", "tokens": [TRADING], "namespaces": ["trading"]},
    ]
    started = Platform(tmp_path, users=users, namespaces=("acme", "research", "trading")).start()
    yield started
    end(started)


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
    cluster.wait_for_reason("own", "Synced", "Unauthorized")
    assert "Unauthorized" in cluster.run("describe", "sj", "own")
    cluster.apply(secret("acme", token=TOKEN))
    wait_for_ready(cluster, "acme", "Synced")
    cluster.wait_for_phase("own", "Running", seconds=90)
    cluster.wait_for_phase("default", "Succeeded", seconds=90)
    assert len(platform.ledger()) == 2
    assert TOKEN not in operator.process.output
    cluster.run("delete", "seedconnection", "acme", "--wait=false")
    wait_for("it says for whom it waits", lambda: "unfinished SeedJobs own:" in attention(cluster, "acme"))
    cluster.run("delete", "sj", "own", "--wait=false")
    cluster.wait_until_gone("own")
    wait_for("the connection is gone", lambda: not exists(cluster, "acme"))


def test_two_accounts_side_by_side(cluster: Cluster, platform: Platform, operator: Operator, tmp_path: Path) -> None:
    """Each job runs on its own account, under the same name even; one account's credential is rotated during its run."""
    finished = tmp_path / "finished"
    cluster.apply(
        secret("research", token=RESEARCH),
        connection("research", platform.url, secret_name="research", namespace="research"),
        secret("trading", token=f"ci-key${TRADING}"),
        connection("trading", platform.url, secret_name="trading", namespace="trading", scheme="API-Key"),
    )
    wait = f"until test -f {finished}; do sleep 0.2; done; exit 6"
    cluster.apply(
        seedjob("research", wait, jobName="nightly", connectionRef={"name": "research"}),
        seedjob("trading", wait, jobName="nightly", connectionRef={"name": "trading"}),
        seedjob("default", "true", jobName="nightly"),
    )
    for name in ("research", "trading"):
        cluster.wait_for_phase(name, "Running", seconds=90)
    cluster.wait_for_phase("default", "Succeeded", seconds=90)
    platform.rotate(TRADING, f"{TRADING}-2")
    refused = cluster.wait_for_reason("trading", "Synced", "Unauthorized", seconds=90)
    assert (refused["status"], cluster.status("trading")["phase"]) == ("False", "Running")
    assert cluster.condition("research", "Synced")["status"] == "True"
    cluster.apply(secret("trading", token=f"ci-key${TRADING}-2"))
    cluster.wait_for_reason("trading", "Synced", "Synced", seconds=90)
    finished.touch()
    for name in ("research", "trading"):
        assert cluster.wait_for_phase(name, "Failed", seconds=90)["exitCode"] == 6
    made = sorted((row["namespace"], row["name"]) for row in platform.ledger())
    assert made == [("acme", "nightly"), ("research", "nightly"), ("trading", "nightly")]
    for token in (TOKEN, RESEARCH, TRADING):
        assert token not in operator.process.output


def test_a_secret_that_appears_wakes_who_waits(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """A job that has waited for long looks once a minute by itself; the watch tells it much earlier."""
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}]
    cluster.apply(seedjob("patient", "true", job={"env": env}))
    cluster.wait_for_reason("patient", "Submitted", "SecretNotFound")
    has_waited(cluster, "patient", timedelta(hours=1))
    wait_for("it sleeps for long", lambda: is_still(operator, 6.0), seconds=120)
    created = time.monotonic()
    cluster.apply(secret("late", k="v"))
    wait_for("it was submitted", platform.ledger, seconds=120)
    assert time.monotonic() - created < 45, "it was found by the look that comes every 54 to 60 s"
    cluster.wait_for_phase("patient", "Succeeded", seconds=90)


def has_waited(cluster: Cluster, name: str, time_: timedelta) -> None:
    """Have a SeedJob's hold begin earlier than it did."""
    conditions = cluster.status(name)["conditions"]
    for condition in conditions:
        condition["lastTransitionTime"] = (datetime.now(UTC) - time_).strftime("%Y-%m-%dT%H:%M:%SZ")
    patch = json.dumps({"status": {"conditions": conditions}})
    cluster.run("patch", "sj", name, "--subresource=status", "--type=merge", "-p", patch)


def is_still(operator: Operator, seconds: float) -> bool:
    """Tell whether the operator looked at no SeedJob for so long."""
    before = operator.metric("seedjob_reconciles_total")
    time.sleep(seconds)  # that nothing happens can only be seen by waiting
    return operator.metric("seedjob_reconciles_total") == before


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

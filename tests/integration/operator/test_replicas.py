"""Two replicas: one acts, the other takes over, and nothing is done twice."""

import json
from typing import Any

import pytest

from integration.processes import Cluster, Operator, Platform, seedjob, wait_for


def leads(operator: Operator) -> bool:
    """Tell whether a replica says that it is the leader."""
    return operator.metric("seedjob_leader") == 1


@pytest.mark.timeout(240)
def test_the_standby_takes_over(cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
    """A leader that dies is followed; a standby is ready, writes nothing, and asks for nothing but a probe."""
    first: Operator = operators(platform, LOG_FORMAT="json").wait_until_ready()
    wait_for("the first leads", lambda: leads(first))
    second: Operator = operators(platform).wait_until_ready()
    cluster.apply(seedjob("before", "sleep 300"))
    cluster.wait_for_phase("before", "Running")
    assert not leads(second)
    assert second.metric("seedjob_kubernetes_writes_total") == 0
    assert second.metric("seedjob_remote_requests_total") <= 2

    first.process.kill()
    cluster.apply(seedjob("after", "true"))

    wait_for("the second leads", lambda: leads(second), seconds=90)
    cluster.wait_for_phase("after", "Succeeded", seconds=90)
    assert len(platform.ledger()) == 2
    about = [line for line in lines_of(first) if line.get("seedjob") == f"{cluster.namespace}/before"]
    assert about
    assert {line["attempt"] for line in about} == {1}


def test_a_leader_that_stops_gives_the_lease_back(cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
    """A rollout need not wait for the lease to run out."""
    first: Operator = operators(platform).wait_until_ready()
    wait_for("the first leads", lambda: leads(first))
    second: Operator = operators(platform).wait_until_ready()
    before = holder(cluster)
    assert before
    assert first.process.stop() == 0
    assert holder(cluster) != before
    wait_for("the second leads", lambda: leads(second), seconds=90)


def test_two_shards_split_the_work(cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
    """Each SeedJob belongs to one of them; a shard of another count waits, and is ready while it waits."""
    lease = f"shards-{cluster.namespace}"
    shards: list[Operator] = [operators(platform, SHARD=f"{index}/2", LEASE_NAME=lease) for index in range(2)]
    for shard in shards:
        shard.wait_until_ready()
    wait_for("both shards act", lambda: all(leads(shard) for shard in shards))
    other: Operator = operators(platform, SHARD="0/3", LEASE_NAME=lease).wait_until_ready()
    names = [f"shared-{number}" for number in range(8)]
    cluster.apply(*(seedjob(name, "true") for name in names))
    for name in names:
        cluster.wait_for_phase(name, "Succeeded")
    assert len(platform.ledger()) == len(names)
    assert not leads(other)
    assert other.metric("seedjob_kubernetes_writes_total") == 0
    wait_for("each counts its own", lambda: sum(shard.metric("seedjob_seedjobs") for shard in shards) == len(names))


def holder(cluster: Cluster) -> str:
    """Tell who holds the lease; empty where nobody does."""
    (lease,) = json.loads(cluster.run("get", "lease", "-o", "json"))["items"]
    return str(lease["spec"].get("holderIdentity") or "")


def lines_of(operator: Operator) -> list[dict[str, Any]]:
    """Give what was logged with LOG_FORMAT=json: each line is an object, and says which SeedJob it is about."""
    return [json.loads(line) for line in operator.process.output.splitlines()]

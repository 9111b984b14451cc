"""Two replicas: one acts, the other takes over, and nothing is done twice."""

import json

import pytest

from integration.processes import Cluster, Operator, Platform, seedjob, wait_for


def leads(operator: Operator) -> bool:
    """Tell whether a replica says that it is the leader."""
    return operator.metric("seedjob_leader") == 1


@pytest.mark.timeout(240)
def test_the_standby_takes_over(cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
    """A leader that dies is followed within 15 s; a standby is ready, writes nothing, and asks for nothing but a probe."""
    first: Operator = operators(platform).wait_until_ready()
    wait_for("the first leads", lambda: leads(first))
    second: Operator = operators(platform).wait_until_ready()
    cluster.apply(seedjob("before", "sleep 300"))
    cluster.wait_for_phase("before", "Running")
    assert not leads(second)
    assert second.metric("seedjob_kubernetes_writes_total") == 0
    assert second.metric("seedjob_remote_requests_total") <= 2

    first.process.kill()
    cluster.apply(seedjob("after", "true"))

    wait_for("the second leads", lambda: leads(second), seconds=15)
    cluster.wait_for_phase("after", "Succeeded")
    assert len(platform.ledger()) == 2


def test_a_leader_that_stops_gives_the_lease_back(cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
    """A rollout need not wait for the lease to run out."""
    first: Operator = operators(platform).wait_until_ready()
    wait_for("the first leads", lambda: leads(first))
    second: Operator = operators(platform).wait_until_ready()
    assert first.process.stop() == 0
    wait_for("the second leads", lambda: leads(second), seconds=6)


def test_lines_about_a_job_say_which(cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
    """With LOG_FORMAT=json each line is an object with the SeedJob and its attempt."""
    operator: Operator = operators(platform, LOG_FORMAT="json").wait_until_ready()
    cluster.apply(seedjob("told", "true"))
    cluster.wait_for_phase("told", "Succeeded")
    lines = [json.loads(line) for line in operator.process.output.splitlines()]
    about = [line for line in lines if line.get("seedjob") == f"{cluster.namespace}/told"]
    assert about
    assert {line["attempt"] for line in about} == {1}


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

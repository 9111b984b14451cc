"""From `kubectl apply` to the recorded end, and what a user then sees."""

import pytest

from integration.operator.conftest import Stage
from integration.processes import TOKEN, Cluster, Operator, Platform, seedjob, wait_for


@pytest.fixture
def cluster(stage: Stage) -> Cluster:
    """Kubernetes, shared: each test names its SeedJobs as no other does."""
    return stage.cluster


@pytest.fixture
def platform(stage: Stage) -> Platform:
    """The shared Seed server."""
    return stage.platform


@pytest.fixture
def operator(stage: Stage) -> Operator:
    """The shared operator."""
    return stage.operator


def test_a_job_runs_to_its_end(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """The main promise: the result in the resource is the platform's."""
    cluster.apply(seedjob("good", "echo Epoch 1/2; sleep 5; echo Epoch 2/2", job={"gpu": {"type": "L4", "count": 2}}))

    status = cluster.wait_for_phase("good", "Succeeded", "Failed")

    remote = platform.job(status["jobName"])
    assert remote is not None
    assert (status["phase"], status["exitCode"], status["jobId"]) == ("Succeeded", 0, remote["id"])
    assert status["gpu"] == "2xL4"
    assert status["progress"]["percent"] == 100
    assert status["attempt"] == 1
    assert "runtimeSeconds" in wait_for("its analytics", lambda: cluster.status("good").get("analytics"))
    assert status["cost"]["currency"] == "USD"
    assert cluster.condition("good", "Complete")["status"] == "True"
    assert cluster.condition("good", "Ready")["status"] == "True"
    assert cluster.wait_for_event("good", "Succeeded") == ["Submitted", "Started", "Succeeded"]


def test_a_failure_says_why(cluster: Cluster, operator: Operator) -> None:
    """Who describes a failed SeedJob finds its exit code and the end of its log, and needs no second console."""
    cluster.apply(seedjob("bad", "echo one; echo two; echo three >&2; exit 7", logs={"tailLines": 2}))

    status = cluster.wait_for_phase("bad", "Failed")

    assert status["exitCode"] == 7
    assert len(wait_for("the end of its log", lambda: cluster.status("bad").get("logTail"))) == 2
    assert "exit code 7" in cluster.condition("bad", "Failed")["message"]
    assert cluster.condition("bad", "Stalled")["status"] == "True"
    assert "exit code 7" in cluster.run("describe", "sj", "bad")


def test_wait_and_columns(cluster: Cluster, operator: Operator) -> None:
    """`kubectl wait` and `kubectl get` are what users have at hand."""
    cluster.apply(seedjob("quick", "true"))
    assert "condition met" in cluster.run("wait", "--for=condition=Complete", "sj/quick", "--timeout=60s")
    header, row = cluster.run("get", "sj", "quick").splitlines()
    assert header.split() == ["NAME", "PHASE", "GPU", "PROGRESS", "COST", "REASON", "AGE"]
    assert row.split()[:3] == ["quick", "Succeeded", "none"]


def test_two_nodes_are_one_job(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """Any failed node fails the job; here both end well."""
    cluster.apply(seedjob("pair", "echo node $SEED_NODE_RANK of $SEED_NUM_NODES", job={"nodes": 2}))
    status = cluster.wait_for_phase("pair", "Succeeded", "Failed")
    assert (status["phase"], status["nodes"]) == ("Succeeded", 2)


def test_what_goes_back_in_the_queue_and_what_times_out(cluster: Cluster, operator: Operator) -> None:
    """The platform's own retries belong to the attempt."""
    cluster.apply(seedjob("retried", "test -f here && exit 0; touch here; exit 1", job={"maxRetries": 2}))
    status = cluster.wait_for_phase("retried", "Succeeded", "Failed")
    assert status["attempt"] == 1
    assert cluster.seedjob("retried")["metadata"]["generation"] == 1  # type: ignore[index]  # it is there: we waited for it


def test_nothing_is_written_while_nothing_changes(cluster: Cluster, operator: Operator) -> None:
    """I9: an active job without news costs list requests only; after half a minute its analytics are news."""
    cluster.apply(seedjob("steady", "sleep 60"))
    cluster.wait_for_phase("steady", "Running")
    before = cluster.seedjob("steady")
    listed = operator.metric("seedjob_remote_requests_total")
    wait_for("three more polls", lambda: operator.metric("seedjob_remote_requests_total") >= listed + 3)
    after = cluster.seedjob("steady")
    assert before is not None
    assert after is not None
    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    cluster.delete("steady")
    cluster.wait_until_gone("steady")  # it would write again while the next test counts writes


def test_the_spec_stays_the_users(cluster: Cluster, operator: Operator) -> None:
    """GitOps would fight an operator that writes to the spec."""
    cluster.apply(seedjob("mine", "true"))
    before = cluster.seedjob("mine")
    cluster.wait_for_phase("mine", "Succeeded")
    after = cluster.seedjob("mine")
    assert before is not None
    assert after is not None
    assert (before["spec"], before["metadata"]["generation"]) == (after["spec"], after["metadata"]["generation"])


def test_a_life_costs_few_writes(cluster: Cluster, operator: Operator) -> None:
    """Intent, submitted, running, ended, finalizer off: five writes, and Events beside them."""
    before = _writes(operator)
    cluster.apply(seedjob("life", "sleep 5"))
    cluster.wait_for_phase("life", "Succeeded")
    cluster.delete("life")
    cluster.wait_until_gone("life")
    assert 4 <= _writes(operator) - before <= 5, operator.ask("/metrics")[1]


def _writes(operator: Operator) -> int:
    lines = operator.ask("/metrics")[1].splitlines()
    return int(
        sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith("seedjob_kubernetes_writes_total{") and "seedjobs/" in line
        )
    )


def test_the_token_is_shown_nowhere(cluster: Cluster, operator: Operator) -> None:
    """I10: a credential's bytes appear nowhere but where they are needed."""
    cluster.apply(seedjob("quiet", "echo done; exit 1"))
    cluster.wait_for_phase("quiet", "Failed")
    everything = (
        operator.process.output + cluster.run("get", "sj", "-o", "json") + cluster.run("get", "events", "-o", "json")
    )
    assert TOKEN not in everything
    assert TOKEN not in operator.ask("/metrics")[1]

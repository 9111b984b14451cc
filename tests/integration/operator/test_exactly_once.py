"""One attempt is one remote job, whatever crashes and whoever doesn't answer. Counted in the platform's own ledger."""

import random
from collections import Counter

import pytest

from chance import draw_seed
from integration.operator.conftest import Stage
from integration.processes import Cluster, Operator, Platform, seedjob, wait_for


def creates(platform: Platform) -> Counter[str]:
    """Count the accepted creates by the job's name."""
    return Counter(row["name"] for row in platform.ledger())


def wait_until_accepted(platform: Platform, count: int) -> None:
    """Wait until the platform has accepted so many creates."""
    wait_for(f"{count} creates were accepted", lambda: sum(creates(platform).values()) >= count)


@pytest.mark.timeout(420)
@pytest.mark.parametrize("half", [1, 2])
def test_dropped_answers_and_a_kill_at_that_moment(
    cluster: Cluster, platform: Platform, operator: Operator, half: int
) -> None:
    """The worst moment: the platform made the job, nobody told us, and then we die. Twenty times, in two halves."""
    names = [f"once-{half}-{number}" for number in range(10)]
    for accepted, name in enumerate(names, start=1):
        platform.drop_next_creates(1)
        cluster.apply(seedjob(name, "sleep 300"))
        wait_until_accepted(platform, accepted)
        operator.crash_and_return()

    for name in names:
        status = cluster.wait_for_phase(name, "Queued", "Running", seconds=90)
        assert platform.job(status["jobName"])["id"] == status["jobId"]  # type: ignore[index]  # None would fail the test, too

    ledger = creates(platform)
    assert len(ledger) == len(names)
    assert set(ledger.values()) == {1}


@pytest.mark.timeout(240)
def test_kills_at_random_moments(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """Whatever was going on when the operator died, the next one goes on from there."""
    moments = random.Random(draw_seed())
    names = [f"any-{number}" for number in range(8)]
    cluster.apply(*(seedjob(name, "sleep 6; exit 4") for name in names))
    for _ in range(6):
        pause = moments.uniform(0.05, 2.5)
        with pytest.raises(AssertionError):
            wait_for("never", lambda: None, seconds=pause, every=0.02)
        operator.crash_and_return()

    for name in names:
        assert cluster.wait_for_phase(name, "Failed", "Succeeded", seconds=120)["exitCode"] == 4
    ledger = creates(platform)
    assert (len(ledger), set(ledger.values())) == (len(names), {1})


def test_a_wiped_status_is_rebuilt(stage: Stage) -> None:
    """The intent and the platform know all that the status said."""
    cluster, platform = stage.cluster, stage.platform
    cluster.apply(seedjob("wiped", "sleep 300"))
    before = cluster.wait_for_phase("wiped", "Running")
    cluster.run("patch", "sj", "wiped", "--subresource=status", "--type=merge", "-p", '{"status": null}')
    after = cluster.wait_for_phase("wiped", "Running")
    assert (after["jobId"], after["jobName"]) == (before["jobId"], before["jobName"])
    assert creates(platform)[before["jobName"]] == 1


def test_a_finished_job_is_never_run_again(stage: Stage) -> None:
    """Finished stays finished: also over a restart, and when the platform has forgotten it."""
    cluster, platform, operator = stage.cluster, stage.platform, stage.operator
    cluster.apply(seedjob("ended", "true"))
    status = cluster.wait_for_phase("ended", "Succeeded")
    platform.delete(status["jobName"])
    operator.crash_and_return()
    operator.wait_until_ready()
    cluster.run("annotate", "sj", "ended", "example.com/touched=yes")
    cluster.apply(seedjob("after", "true"))
    cluster.wait_for_phase("after", "Succeeded")
    assert cluster.status("ended")["phase"] == "Succeeded"
    assert creates(platform)[status["jobName"]] == 1

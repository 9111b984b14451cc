"""No remote job outlives its owner, unless its policy says so, and says so aloud."""

import httpx
import pytest

from integration.processes import Cluster, Operator, Platform, seedjob, wait_for


def test_delete_while_running(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """`Delete`: cancelled, waited for, removed; only then does the object go."""
    cluster.apply(seedjob("running", "sleep 300"))
    name = cluster.wait_for_phase("running", "Running")["jobName"]
    cluster.run("delete", "sj", "running", "--wait=false")
    cluster.wait_until_gone("running")
    assert platform.job(name) is None


def test_delete_after_the_end_takes_the_record_along(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """The record would otherwise stay for nobody."""
    cluster.apply(seedjob("ended", "true"))
    name = cluster.wait_for_phase("ended", "Succeeded")["jobName"]
    cluster.run("delete", "sj", "ended", "--wait=false")
    cluster.wait_until_gone("ended")
    assert platform.job(name) is None


def test_cancel_keeps_the_record(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """`Cancel`: nothing runs on, and the console still shows what was."""
    cluster.apply(seedjob("kept", "sleep 300", deletionPolicy="Cancel"))
    name = cluster.wait_for_phase("kept", "Running")["jobName"]
    cluster.run("delete", "sj", "kept", "--wait=false")
    cluster.wait_until_gone("kept")
    assert platform.job(name)["status"] == "cancelled"  # type: ignore[index]  # None would fail the test, too


def test_orphan_leaves_it_running_and_says_so(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """`Orphan`: an Event that names the job, a warning, and a counter: nothing runs unseen."""
    cluster.apply(seedjob("loose", "sleep 300", deletionPolicy="Orphan"))
    name = cluster.wait_for_phase("loose", "Running")["jobName"]
    cluster.run("delete", "sj", "loose", "--wait=false")
    cluster.wait_until_gone("loose")
    assert platform.job(name)["status"] == "running"  # type: ignore[index]  # None would fail the test, too
    assert cluster.events("loose")[-1] == "Orphaned"
    assert name in cluster.run("get", "events")
    assert name in operator.process.output
    assert operator.metric("seedjob_orphaned_total") == 1


@pytest.mark.parametrize("keep", [True, False])
def test_artifacts_go_only_where_asked(cluster: Cluster, platform: Platform, operator: Operator, keep: bool) -> None:
    """`deleteArtifacts` can't be undone, so it is said explicitly both ways."""
    job = {"artifactsPath": "out"}
    cluster.apply(seedjob("made", "mkdir out; echo 1 > out/model", job=job, deleteArtifacts=not keep))
    status = cluster.wait_for_phase("made", "Succeeded")
    assert status["artifacts"]["fileCount"] == 1
    assert platform.has_artifacts(status["jobId"])
    cluster.run("delete", "sj", "made", "--wait=false")
    cluster.wait_until_gone("made")
    assert platform.has_artifacts(status["jobId"]) is keep


def test_deletion_waits_for_the_platform(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """Unreachable: the object stays and says how to force it, and goes by itself once the platform is back."""
    cluster.apply(seedjob("stuck", "sleep 300"))
    name = cluster.wait_for_phase("stuck", "Running")["jobName"]
    platform.process.kill()
    cluster.run("delete", "sj", "stuck", "--wait=false")
    blocked = cluster.wait_for_reason("stuck", "Ready", "DeletionBlocked")
    assert "seed.dev/force-orphan" in blocked["message"]
    platform.start()
    cluster.wait_until_gone("stuck", seconds=120)
    assert platform.job(name) is None


def test_force_orphan_lets_go(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """What the message of a blocked deletion promises."""
    cluster.apply(seedjob("forced", "sleep 300"))
    cluster.wait_for_phase("forced", "Running")
    platform.process.kill()
    cluster.run("delete", "sj", "forced", "--wait=false")
    cluster.wait_for_reason("forced", "Ready", "DeletionBlocked")
    cluster.run("annotate", "sj", "forced", "seed.dev/force-orphan=true")
    cluster.wait_until_gone("forced", seconds=15)
    assert "Orphaned" in cluster.events("forced")
    platform.start()


def test_killed_between_the_steps_of_a_deletion(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """The finalizer holds the object until the next operator has finished the work."""
    cluster.apply(seedjob("cut", "trap '' TERM; while true; do sleep 1; done"))
    name = cluster.wait_for_phase("cut", "Running")["jobName"]
    cluster.run("delete", "sj", "cut", "--wait=false")
    cluster.wait_for_phase("cut", "Cancelling")
    operator.crash_and_return()
    cluster.wait_until_gone("cut", seconds=120)
    assert platform.job(name) is None


def test_a_never_submitted_object_goes_at_once(cluster: Cluster, operator: Operator) -> None:
    """What was never sent needs no platform to be cleaned up."""
    cluster.apply(seedjob("held", "true", suspend=True))
    cluster.wait_for_phase("held", "Suspended")
    cluster.run("delete", "sj", "held", "--wait=false")
    cluster.wait_until_gone("held", seconds=10)


def test_a_cancel_in_the_console_is_told_as_what_it_is(
    cluster: Cluster, platform: Platform, operator: Operator
) -> None:
    """What was changed behind our back isn't called the user's doing."""
    cluster.apply(seedjob("behind", "sleep 300"))
    platform.cancel(cluster.wait_for_phase("behind", "Running")["jobName"])
    cluster.wait_for_phase("behind", "Failed")
    assert cluster.condition("behind", "Failed")["reason"] == "CancelledRemotely"


def test_an_outage_changes_no_phase(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """Unreachable is not failed."""
    cluster.apply(seedjob("through", "sleep 40; exit 5"))
    cluster.wait_for_phase("through", "Running")
    platform.process.kill()
    synced = cluster.wait_for_reason("through", "Synced", "PlatformUnavailable")
    assert synced["status"] == "Unknown"
    assert cluster.status("through")["phase"] == "Running"
    assert operator.ask("/readyz")[0] == httpx.codes.OK
    platform.start()
    wait_for("synced again", lambda: cluster.condition("through", "Synced").get("status") == "True", seconds=60)
    assert cluster.wait_for_phase("through", "Failed", "Succeeded", seconds=90)["exitCode"] == 5

"""No remote job outlives its owner, unless its policy says so, and says so aloud."""

from pathlib import Path

import httpx
import pytest

from integration.operator.conftest import Stage
from integration.processes import Cluster, Operator, Platform, seedjob, side_by_side, wait_for


def test_each_policy(stage: Stage) -> None:
    """Deleted while it runs, after its end and before it was sent, by each policy: told side by side."""
    cluster, platform, operator = stage.cluster, stage.platform, stage.operator
    orphaned = operator.metric("seedjob_orphaned_total")

    def gone_after_deletion(name: str) -> None:
        cluster.delete(name)
        cluster.wait_until_gone(name, seconds=90)

    def while_it_runs() -> None:
        """`Delete`: cancelled, waited for, removed; only then does the object go."""
        cluster.apply(seedjob("running", "sleep 300"))
        name = cluster.wait_for_phase("running", "Running", seconds=90)["jobName"]
        gone_after_deletion("running")
        assert platform.job(name) is None

    def after_its_end() -> None:
        """The record would otherwise stay for nobody."""
        cluster.apply(seedjob("ended", "true"))
        name = cluster.wait_for_phase("ended", "Succeeded", seconds=90)["jobName"]
        gone_after_deletion("ended")
        assert platform.job(name) is None

    def before_it_was_sent() -> None:
        """What was never sent needs no platform to be cleaned up."""
        cluster.apply(seedjob("held", "true", suspend=True))
        cluster.wait_for_phase("held", "Suspended", seconds=90)
        gone_after_deletion("held")

    def keeping_the_record() -> None:
        """`Cancel`: nothing runs on, and the console still shows what was."""
        cluster.apply(seedjob("kept", "sleep 300", deletionPolicy="Cancel"))
        name = cluster.wait_for_phase("kept", "Running", seconds=90)["jobName"]
        gone_after_deletion("kept")
        assert (platform.job(name) or {})["status"] == "cancelled"

    def leaving_it_running() -> None:
        """`Orphan`: an Event that names the job, a warning, and a counter: nothing runs unseen."""
        cluster.apply(seedjob("loose", "sleep 300", deletionPolicy="Orphan"))
        name = cluster.wait_for_phase("loose", "Running", seconds=90)["jobName"]
        gone_after_deletion("loose")
        assert (platform.job(name) or {})["status"] == "running"
        assert cluster.events("loose")[-1] == "Orphaned"
        assert name in cluster.run("get", "events")
        assert name in operator.process.output
        assert operator.metric("seedjob_orphaned_total") == orphaned + 1

    def with_artifacts(name: str, *, keep: bool) -> None:
        """`deleteArtifacts` can't be undone, so it is said explicitly both ways."""
        job = {"artifactsPath": "out"}
        cluster.apply(seedjob(name, "mkdir out; echo 1 > out/model", job=job, deleteArtifacts=not keep))
        status = cluster.wait_for_phase(name, "Succeeded", seconds=90)
        assert status["artifacts"]["fileCount"] == 1
        assert platform.has_artifacts(status["jobId"])
        gone_after_deletion(name)
        assert platform.has_artifacts(status["jobId"]) is keep

    side_by_side(
        while_it_runs,
        after_its_end,
        before_it_was_sent,
        keeping_the_record,
        leaving_it_running,
        lambda: with_artifacts("valued", keep=True),
        lambda: with_artifacts("waste", keep=False),
    )


@pytest.mark.timeout(240)
def test_the_platform_is_away(cluster: Cluster, platform: Platform, operator: Operator, tmp_path: Path) -> None:
    """A deletion waits and says how to force it; a run's phase stays, for unreachable is not failed; all goes on later."""
    cluster.apply(*(seedjob(name, "sleep 300") for name in ("stuck", "forced")))
    over = tmp_path / "over"
    cluster.apply(seedjob("through", f"until test -f {over}; do sleep 0.2; done; exit 5"))
    stuck, _, _ = (cluster.wait_for_phase(name, "Running") for name in ("stuck", "forced", "through"))
    platform.process.kill()
    cluster.delete("stuck", "forced")
    for name in ("stuck", "forced"):
        blocked = cluster.wait_for_reason(name, "Ready", "DeletionBlocked", seconds=90)
        assert "seed.dev/force-orphan" in blocked["message"]
    cluster.annotate("forced", force_orphan="true")
    cluster.wait_until_gone("forced")
    assert "Orphaned" in cluster.events("forced")
    synced = cluster.wait_for_reason("through", "Synced", "PlatformUnavailable", seconds=90)
    assert (synced["status"], cluster.status("through")["phase"]) == ("Unknown", "Running")
    assert operator.ask("/readyz")[0] == httpx.codes.OK
    over.touch()
    platform.start()
    cluster.wait_until_gone("stuck", seconds=120)
    assert platform.job(stuck["jobName"]) is None
    wait_for("synced again", lambda: cluster.condition("through", "Synced").get("status") == "True", seconds=90)
    assert cluster.wait_for_phase("through", "Failed", "Succeeded", seconds=90)["exitCode"] == 5


def test_killed_between_the_steps_of_a_deletion(stage: Stage) -> None:
    """The finalizer holds the object until the next operator has finished the work."""
    cluster, platform = stage.cluster, stage.platform
    cluster.apply(seedjob("cut", "trap '' TERM; while true; do sleep 1; done"))
    name = cluster.wait_for_phase("cut", "Running")["jobName"]
    platform.fail("delete", 500)  # so that it isn't gone before we have looked
    cluster.delete("cut")
    cluster.wait_for_phase("cut", "Cancelling")
    stage.operator.crash_and_return()
    platform.heal()
    cluster.wait_until_gone("cut", seconds=120)
    assert platform.job(name) is None

"""Each verb by itself on the real control plane and local server; `test_lives` has those that follow each other.

The stories of a test are told side by side on one operator: each has SeedJobs of its own, and mostly waits.
"""

from collections import Counter

import pytest

from integration.operator.conftest import Stage
from integration.processes import Platform, seedjob, side_by_side, wait_for


def creates(platform: Platform, name: str) -> int:
    """Count the remote jobs that were ever made for a SeedJob, by its generated name."""
    return sum(row["name"].startswith(f"{name}-") for row in platform.ledger())


def settled(stage: Stage, name: str) -> None:
    """Wait until the operator has looked at the last change of a SeedJob's spec."""

    def look() -> bool:
        body = stage.cluster.seedjob(name) or {}
        return bool(body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"])

    wait_for(f"{name} was looked at", look, seconds=90, every=0.25)


@pytest.mark.timeout(240)
def test_cancel_and_suspend(stage: Stage) -> None:
    """Before and after the submission, taken back, and both at once: a run that is over for good begins never again."""
    cluster, platform = stage.cluster, stage.platform

    def cancelled_before_it_was_submitted() -> None:
        cluster.apply(seedjob("never", "true", cancel=True))
        assert cluster.wait_for_phase("never", "Cancelled", seconds=90)["attempt"] == 0
        cluster.change("never", cancel=False)
        settled(stage, "never")
        assert (cluster.status("never")["phase"], creates(platform, "never")) == ("Cancelled", 0)
        cluster.change("never", runId="2")
        assert cluster.wait_for_phase("never", "Succeeded", seconds=90)["attempt"] == 1

    def cancelled_while_it_runs() -> None:
        cluster.apply(seedjob("stopped", "sleep 300"))
        cluster.wait_for_phase("stopped", "Running", seconds=90)
        cluster.change("stopped", cancel=True)
        cluster.wait_for_phase("stopped", "Cancelled", seconds=90)
        assert cluster.condition("stopped", "Failed")["reason"] == "CancelledByUser"
        cluster.change("stopped", cancel=False)
        settled(stage, "stopped")
        assert (cluster.status("stopped")["phase"], creates(platform, "stopped")) == ("Cancelled", 1)
        cluster.change("stopped", runId="2")
        cluster.wait_for_phase("stopped", "Running", seconds=90)
        (record,) = cluster.status("stopped")["attempts"]
        assert (record["attempt"], record["runId"], record["reason"]) == (1, "1", "CancelledByUser")

    def held_before_it_was_submitted() -> None:
        cluster.apply(seedjob("waits", "true", suspend=True))
        assert cluster.wait_for_phase("waits", "Suspended", seconds=90)["attempt"] == 0
        assert cluster.condition("waits", "Ready")["status"] == "True"
        assert creates(platform, "waits") == 0
        cluster.change("waits", suspend=False)
        assert cluster.wait_for_phase("waits", "Succeeded", seconds=90)["attempt"] == 1

    def cancelled_while_it_is_held() -> None:
        cluster.apply(seedjob("both", "sleep 300"))
        cluster.wait_for_phase("both", "Running", seconds=90)
        cluster.change("both", suspend=True)
        cluster.wait_for_phase("both", "Suspended", seconds=90)
        cluster.change("both", cancel=True)
        cluster.wait_for_phase("both", "Cancelled", seconds=90)
        cluster.change("both", suspend=False)
        settled(stage, "both")
        assert (cluster.status("both")["phase"], creates(platform, "both")) == ("Cancelled", 1)

    def suspended_after_its_end() -> None:
        cluster.apply(seedjob("late", "true"))
        cluster.wait_for_phase("late", "Succeeded", seconds=90)
        for wanted in (True, False):
            cluster.change("late", suspend=wanted)
            settled(stage, "late")
        assert (cluster.status("late")["phase"], creates(platform, "late")) == ("Succeeded", 1)

    side_by_side(
        cancelled_before_it_was_submitted,
        cancelled_while_it_runs,
        held_before_it_was_submitted,
        cancelled_while_it_is_held,
        suspended_after_its_end,
    )


@pytest.mark.timeout(240)
def test_reruns_and_replacements(stage: Stage) -> None:
    """What ended runs again by a new `runId` only; each run leaves a record, and is cleaned up with the object."""
    cluster, platform = stage.cluster, stage.platform

    def run_ended(name: str, run_id: str) -> None:
        def look() -> bool:
            status = cluster.status(name)
            return (status.get("runId"), status.get("phase")) == (run_id, "Failed")

        wait_for(f"{name} ended its run {run_id}", look, seconds=90, every=0.25)

    def run_three_times() -> None:
        cluster.apply(seedjob("thrice", "exit $((SEED_ATTEMPT - 1))", runId="a"))
        cluster.wait_for_phase("thrice", "Succeeded", seconds=90)
        for run_id in ("b", "c"):
            cluster.change("thrice", runId=run_id)
            run_ended("thrice", run_id)
        status = cluster.status("thrice")
        assert (status["attempt"], status["exitCode"]) == (3, 2)
        told = [(one["attempt"], one["runId"], one["phase"], one["exitCode"]) for one in status["attempts"]]
        assert told == [(2, "b", "Failed", 1), (1, "a", "Succeeded", 0)]
        for record in status["attempts"]:
            assert {"jobName", "jobId", "startTime", "completionTime", "runtimeSeconds", "cost"} <= record.keys()
        assert creates(platform, "thrice") == 3
        cluster.delete("thrice")
        cluster.wait_until_gone("thrice", seconds=90)
        assert not [job for job in platform.jobs() if job["name"].startswith("thrice-")]

    def replaced_after_its_end() -> None:
        cluster.apply(seedjob("swapped", "true", updatePolicy="Replace"))
        cluster.wait_for_phase("swapped", "Succeeded", seconds=90)
        cluster.apply(seedjob("swapped", "exit 3", updatePolicy="Replace"))
        assert cluster.wait_for_phase("swapped", "Failed", seconds=90)["attempt"] == 2

    def refused_without_a_new_run() -> None:
        cluster.apply(seedjob("fixed", "sleep 300"))
        cluster.wait_for_phase("fixed", "Running", seconds=90)
        said = cluster.run(
            "patch", "sj", "fixed", "--type=merge", "-p", '{"spec":{"job":{"command":"x"}}}', check=False
        )
        assert "runId" in said
        assert "Replace" in said

    side_by_side(run_three_times, replaced_after_its_end, refused_without_a_new_run)


@pytest.mark.timeout(240)
def test_adoption(stage: Stage) -> None:
    """`IfMatching` takes what is just the same and nobody's, running or ended; a job of another's stays the other's."""
    cluster, platform = stage.cluster, stage.platform

    def the_same_but_ended() -> None:
        cluster.apply(seedjob("kept", "echo kept", jobName="kept-job", deletionPolicy="Cancel"))
        first = cluster.wait_for_phase("kept", "Succeeded", seconds=90)
        cluster.delete("kept")
        cluster.wait_until_gone("kept", seconds=90)
        cluster.apply(seedjob("kept", "echo kept", jobName="kept-job", adoptionPolicy="IfMatching"))
        assert cluster.wait_for_phase("kept", "Succeeded", seconds=90)["jobId"] == first["jobId"]
        cluster.wait_for_event("kept", "Adopted")

    def another_one() -> None:
        cluster.apply(seedjob("other", "sleep 300", jobName="other-job", deletionPolicy="Orphan"))
        cluster.wait_for_phase("other", "Running", seconds=90)
        cluster.delete("other")
        cluster.wait_until_gone("other", seconds=90)
        cluster.apply(seedjob("other", "echo else", jobName="other-job", adoptionPolicy="IfMatching"))
        cluster.wait_for_reason("other", "Ready", "NameTaken", seconds=90)
        cluster.change("other", jobName="other-name")
        assert cluster.wait_for_phase("other", "Succeeded", seconds=90)["jobName"] == "other-name"

    def one_that_is_owned() -> None:
        cluster.apply(seedjob("owner", "sleep 300", jobName="owned"))
        owner = cluster.wait_for_phase("owner", "Running", seconds=90)
        cluster.apply(seedjob("greedy", "sleep 300", jobName="owned", adoptionPolicy="IfMatching"))
        cluster.wait_for_reason("greedy", "Ready", "NameTaken", seconds=90)
        cluster.delete("greedy")
        cluster.wait_until_gone("greedy", seconds=90)
        assert (platform.job("owned") or {})["id"] == owner["jobId"]

    side_by_side(the_same_but_ended, another_one, one_that_is_owned)
    names = Counter(row["name"] for row in platform.ledger())
    assert (names["kept-job"], names["other-job"], names["other-name"], names["owned"]) == (1, 1, 1, 1)


@pytest.mark.timeout(240)
def test_expiry_and_output(stage: Stage) -> None:
    """What goes by itself, what doesn't where git would bring it back, and how much of a log is kept."""
    cluster = stage.cluster

    def tracked(name: str, **metadata: dict[str, str]) -> None:
        cluster.apply(seedjob(name, "true", ttlSecondsAfterFinished=1, metadata=metadata))
        cluster.wait_for_phase(name, "Succeeded", seconds=90)
        told = cluster.wait_for_reason(name, "Attention", "TTLNotCarriedOut", seconds=90)
        assert "remoteTTLSecondsAfterFinished" in told["message"]

    def tracked_by_argo_cd_and_then_no_more() -> None:
        tracked("argo", annotations={"argocd.argoproj.io/tracking-id": "app:seed.dev/SeedJob:x/argo"})
        cluster.change("argo", metadata={"annotations": {"argocd.argoproj.io/tracking-id": None}})
        cluster.wait_until_gone("argo", seconds=90)

    def tracked_by_flux_which_takes_it_out() -> None:
        tracked("flux", labels={"kustomize.toolkit.fluxcd.io/name": "jobs"})
        cluster.change("flux", ttlSecondsAfterFinished=None)
        cluster.wait_for_reason("flux", "Attention", "CarriedOut", seconds=90)
        assert cluster.status("flux")["phase"] == "Succeeded"

    def without_a_tail() -> None:
        cluster.apply(seedjob("silent", "seq 50; exit 1", logs={"tailLines": 0}))
        assert "logTail" not in cluster.wait_for_phase("silent", "Failed", seconds=90)

    def with_the_default_tail() -> None:
        cluster.apply(seedjob("chatty", "seq 50; exit 1"))
        cluster.wait_for_phase("chatty", "Failed", seconds=90)
        tail = wait_for("the tail", lambda: cluster.status("chatty").get("logTail"), seconds=90)
        assert (len(tail), tail[-1]) == (20, "50")

    side_by_side(
        tracked_by_argo_cd_and_then_no_more, tracked_by_flux_which_takes_it_out, without_a_tail, with_the_default_tail
    )


@pytest.mark.timeout(240)
def test_annotations(stage: Stage) -> None:
    """What operators of clusters have at hand when something is wrong."""
    cluster, platform = stage.cluster, stage.platform

    def paused_from_the_start() -> None:
        cluster.apply(seedjob("new", "true", metadata={"annotations": {"seed.dev/paused": "true"}}))
        cluster.wait_for_reason("new", "Attention", "Paused", seconds=90)
        assert (cluster.status("new").get("phase"), creates(platform, "new")) == (None, 0)
        cluster.annotate("new", paused=None)
        cluster.wait_for_phase("new", "Succeeded", seconds=90)
        assert cluster.condition("new", "Attention").get("status") != "True"

    def paused_through_its_end_and_deletion() -> None:
        cluster.apply(seedjob("frozen", "sleep 300"))
        name = cluster.wait_for_phase("frozen", "Running", seconds=90)["jobName"]
        cluster.annotate("frozen", paused="true")
        cluster.wait_for_reason("frozen", "Attention", "Paused", seconds=90)
        cluster.change("frozen", cancel=True)
        cluster.delete("frozen")
        looked = stage.operator.metric("seedjob_remote_requests_total")
        wait_for("more polls", lambda: stage.operator.metric("seedjob_remote_requests_total") > looked + 3, seconds=90)
        assert (cluster.status("frozen")["phase"], (platform.job(name) or {})["status"]) == ("Running", "running")
        cluster.annotate("frozen", paused=None)
        cluster.wait_until_gone("frozen", seconds=90)
        assert platform.job(name) is None

    def let_go_while_paused() -> None:
        cluster.apply(seedjob("dropped", "sleep 300", metadata={"annotations": {"seed.dev/force-orphan": "true"}}))
        name = cluster.wait_for_phase("dropped", "Running", seconds=90)["jobName"]
        cluster.annotate("dropped", paused="true")
        cluster.wait_for_reason("dropped", "Attention", "Paused", seconds=90)
        cluster.delete("dropped")
        cluster.wait_until_gone("dropped", seconds=90)
        assert "Orphaned" in cluster.events("dropped")
        assert (platform.job(name) or {})["status"] == "running"

    def looked_at_now() -> None:
        cluster.apply(seedjob("asked", "true"))
        name = cluster.wait_for_phase("asked", "Succeeded", seconds=90)["jobName"]
        platform.delete(name)
        settled(stage, "asked")
        cluster.annotate("asked", reconcile_at="now")
        assert cluster.wait_for_reason("asked", "RemoteDeleted", "RemoteDeleted", seconds=90)["status"] == "True"
        assert (cluster.status("asked")["phase"], creates(platform, "asked")) == ("Succeeded", 1)

    side_by_side(paused_from_the_start, paused_through_its_end_and_deletion, let_go_while_paused, looked_at_now)

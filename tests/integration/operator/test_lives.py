"""The verbs on the real control plane and local server: what the rules decide is really carried out, once."""

from typing import Any

from integration.operator.conftest import Stage
from integration.processes import Platform, seedjob, wait_for


def jobs_of(platform: Platform, name: str) -> list[dict[str, Any]]:
    """Give the remote jobs of a SeedJob, by its generated name."""
    return [job for job in platform.jobs() if job["name"].startswith(f"{name}-")]


def test_a_rerun_waits_for_the_end_and_hands_on(stage: Stage) -> None:
    """A new runId while active: cancel, wait, start; the old attempt stands in the records, and all of them are deleted."""
    cluster, platform = stage.cluster, stage.platform
    cluster.apply(seedjob("again", "sleep 300"))
    first = cluster.wait_for_phase("again", "Running")
    cluster.apply(seedjob("again", "true", runId="2"))
    status = cluster.wait_for_phase("again", "Succeeded")
    (record,) = status["attempts"]
    assert (record["jobId"], record["phase"], record["reason"]) == (first["jobId"], "Cancelled", "RunIdChanged")
    assert (status["attempt"], status["runId"], len(jobs_of(platform, "again"))) == (2, "2", 2)
    cluster.apply(seedjob("again", "true", runId="1"))
    cluster.wait_for_reason("again", "Attention", "RunIdAlreadyRan")
    cluster.run("delete", "sj", "again", "--wait=false")
    cluster.wait_until_gone("again")
    assert jobs_of(platform, "again") == []


def test_the_next_attempt_knows_what_the_last_one_left(stage: Stage) -> None:
    """A rerun can go on from a checkpoint."""
    cluster = stage.cluster
    cluster.apply(seedjob("resumes", "mkdir -p out && echo 1 > out/n", job={"artifactsPath": "out"}))
    path = cluster.wait_for_phase("resumes", "Succeeded")["artifacts"]["path"]
    env = [{"name": "WANTED", "value": f"2 {path}"}]
    command = 'test "$SEED_ATTEMPT $SEED_PREVIOUS_ARTIFACTS" = "$WANTED"'
    cluster.apply(seedjob("resumes", command, job={"env": env}, runId="2"))
    wait_for("the second attempt", lambda: cluster.status("resumes").get("attempts"))
    assert cluster.wait_for_phase("resumes", "Succeeded", "Failed")["phase"] == "Succeeded"


def test_suspend_resume_replace_and_cancel(stage: Stage) -> None:
    """Held, run again, replaced and ended for good: four verbs, three jobs, one at a time."""
    cluster, platform, operator = stage.cluster, stage.platform, stage.operator
    cluster.apply(seedjob("busy", "sleep 300", updatePolicy="Replace"))
    cluster.wait_for_phase("busy", "Running")
    cluster.apply(seedjob("busy", "sleep 300", updatePolicy="Replace", suspend=True))
    cluster.wait_for_phase("busy", "Suspended")
    cluster.apply(seedjob("busy", "sleep 300", updatePolicy="Replace", suspend=False))
    cluster.wait_for_phase("busy", "Running")
    operator.crash_and_return()
    cluster.apply(seedjob("busy", "sleep 301", updatePolicy="Replace"))
    wait_for("the third", lambda: cluster.status("busy").get("attempt") == 3 or None)
    cluster.wait_for_phase("busy", "Running")
    cluster.apply(seedjob("busy", "sleep 301", updatePolicy="Replace", cancel=True))
    status = cluster.wait_for_phase("busy", "Cancelled")
    assert [record["reason"] for record in status["attempts"]] == ["Replaced", "Suspended"]
    assert [job["status"] for job in jobs_of(platform, "busy")] == ["cancelled"] * 3


def test_limits_adoption_and_expiry(stage: Stage) -> None:
    """What money, names and time ask for."""
    cluster, platform = stage.cluster, stage.platform
    cluster.apply(
        seedjob("brief", "true", ttlSecondsAfterFinished=1),
        seedjob("kept", "true", remoteTTLSecondsAfterFinished=1),
        seedjob("dear", "sleep 300", costLimit="0.01", job={"gpu": {"type": "H100-80GB", "count": 8}}),
        seedjob("named", "sleep 300", jobName="nightly", deletionPolicy="Orphan"),
    )
    cluster.wait_until_gone("brief")
    kept = cluster.wait_for_reason("kept", "RemoteDeleted", "RecordExpired", seconds=90)
    assert kept["status"] == "True"
    assert cluster.status("kept")["phase"] == "Succeeded"
    assert cluster.wait_for_reason("dear", "Failed", "CostLimitExceeded", seconds=90)["status"] == "True"
    job_id = cluster.wait_for_phase("named", "Running")["jobId"]
    cluster.run("delete", "sj", "named", "--wait=false")
    cluster.wait_until_gone("named")
    cluster.apply(seedjob("named", "sleep 300", jobName="nightly", adoptionPolicy="IfMatching"))
    assert cluster.wait_for_phase("named", "Running")["jobId"] == job_id
    cluster.wait_for_event("named", "Adopted")
    assert len([job for job in platform.jobs() if job["name"] == "nightly"]) == 1

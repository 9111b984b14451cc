"""What the GitOps tools make of a SeedJob: Argo CD's Lua, Flux' expressions and kstatus say the same of each."""

from typing import Any

import pytest

from seedjob_operator.core.decide import decide
from seedjob_operator.core.reasons import NEEDS_EDIT, Reason
from seedjob_operator.core.snapshot import UNREAD, Sent
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi.wire import JobStatus
from unit.core import cells, given
from unit.gitops import argocd, flux, kstatus
from unit.gitops.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING
from unit.gitops.objects import OWN, STARTED, decided, manifest, recorded

# Flux' expressions have no word for an object that is going away, and Argo CD's health none either.
FLUX = {IN_PROGRESS: IN_PROGRESS, CURRENT: CURRENT, FAILED: FAILED, TERMINATING: IN_PROGRESS}
ARGO_CD = {IN_PROGRESS: "Progressing", CURRENT: "Healthy", FAILED: "Degraded", TERMINATING: "Progressing"}

RUNNING = given.recorded(Phase.RUNNING)
RUNNING_STARTED = given.recorded(Phase.RUNNING, spec=STARTED)
NEW = {"environment_read": True, "sent": Sent.NOTHING}

TABLE: list[tuple[str, dict[str, Any], str]] = [
    ("new, and never looked at", manifest(given.desired()), IN_PROGRESS),
    ("new and paused", decided(desired={"paused": True}, observed={}), IN_PROGRESS),
    ("waits for a Secret", decided(desired={}, observed={"connection": given.NO_SECRET}), IN_PROGRESS),
    (
        "waits for a Secret of its environment",
        decided(desired={}, observed={"environment_read": True, "environment_hold": given.NO_HF}),
        IN_PROGRESS,
    ),
    ("waits for the platform", decided(desired=OWN, observed=NEW | {"connection": given.DOWN}), IN_PROGRESS),
    ("waits for a credential", decided(desired=OWN, observed=NEW | {"connection": given.REFUSED}), IN_PROGRESS),
    ("needs another endpoint", decided(desired={}, observed={"connection": given.NOT_ALLOWED}), FAILED),
    ("spec rejected", recorded(Phase.PENDING, Reason.SPEC_REJECTED), FAILED),
    ("name taken", recorded(Phase.PENDING, Reason.NAME_TAKEN), FAILED),
    ("queued", decided(desired=OWN, observed={"remote": given.job(JobStatus.QUEUED)}), IN_PROGRESS),
    ("running", decided(desired=OWN, observed={"remote": given.job()}), IN_PROGRESS),
    (
        "running, ready when started",
        decided(desired=OWN | {"spec": STARTED}, observed={"remote": given.job()}),
        CURRENT,
    ),
    (
        "back in the queue, ready when started",
        decided(
            desired=OWN | {"spec": STARTED, "status": RUNNING_STARTED.model_copy(update={"start_time": given.EARLIER})},
            observed={"remote": given.job(JobStatus.QUEUED)},
        ),
        CURRENT,
    ),
    ("an unknown status", decided(desired=OWN, observed={"remote": given.job("hibernating")}), IN_PROGRESS),
    (
        "running, platform away",
        decided(desired=OWN | {"status": RUNNING}, observed={"connection": given.DOWN, "remote": UNREAD}),
        IN_PROGRESS,
    ),
    (
        "succeeded",
        decided(desired=OWN, observed={"remote": given.job(JobStatus.SUCCEEDED), "result_reads": 1}),
        CURRENT,
    ),
    ("failed", decided(desired=OWN, observed={"remote": given.job(JobStatus.FAILED), "result_reads": 1}), FAILED),
    (
        "failed, ready when started",
        decided(desired=OWN | {"spec": STARTED}, observed={"remote": given.job(JobStatus.FAILED), "result_reads": 1}),
        FAILED,
    ),
    ("timed out", decided(desired=OWN, observed={"remote": given.job(JobStatus.TIMED_OUT), "result_reads": 1}), FAILED),
    (
        "cancelled on the platform",
        decided(desired=OWN, observed={"remote": given.job(JobStatus.CANCELLED), "result_reads": 1}),
        FAILED,
    ),
    (
        "forgotten by the platform",
        decided(
            desired=OWN | {"status": RUNNING},
            observed={"remote": cells.REMOTE["404 for long"]["remote"], **cells.REMOTE["404 for long"]},
        ),
        FAILED,
    ),
    ("suspended", recorded(Phase.SUSPENDED), CURRENT),
    ("cancelling", recorded(Phase.CANCELLING), IN_PROGRESS),
    ("cancelled by the user", recorded(Phase.CANCELLED), CURRENT),
    ("succeeded, then edited", recorded(Phase.SUCCEEDED, generation=2), IN_PROGRESS),
    ("failed, then given a new runId", recorded(Phase.FAILED, generation=2, spec=given.spec(runId="2")), IN_PROGRESS),
    ("deleted while running", decided(desired=OWN | {"deleting": True, "status": RUNNING}, observed={}), TERMINATING),
    (
        "deletion blocked",
        decided(desired=OWN | {"deleting": True, "status": RUNNING}, observed={"connection": given.DOWN}),
        TERMINATING,
    ),
    ("deleted after its success", recorded(Phase.SUCCEEDED, deleting=True), TERMINATING),
]
by_case = pytest.mark.parametrize(("found", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])


@by_case
def test_kstatus_reads_it_right(found: dict[str, Any], expected: str) -> None:
    """What `kubectl apply` tools, Flux without expressions and others of that library wait for."""
    assert kstatus.status(found) == expected


@by_case
def test_flux_agrees(found: dict[str, Any], expected: str) -> None:
    assert flux.status(found) == FLUX[expected]


@by_case
def test_argo_cd_agrees(found: dict[str, Any], expected: str) -> None:
    assert argocd.health(found)["status"] == ARGO_CD[expected]
    assert argocd.scripted_health(found)["status"] == ARGO_CD[expected], "a hook is asked while it is deleted, too"


def test_every_phase_is_in_the_table() -> None:
    assert {found["status"].get("phase") for _, found, _ in TABLE} == {None, *(str(phase) for phase in Phase)}


@pytest.mark.parametrize("ready_when", ["Finished", "Started"])
@pytest.mark.parametrize("reason", sorted(Reason))
def test_they_agree_on_every_reason_in_every_phase(reason: Reason, ready_when: str) -> None:
    """The reasons that only an edit ends read differently; a new one must not be forgotten by one of the tools."""
    for phase in Phase:
        agree(recorded(phase, reason, spec=given.spec(readyWhen=ready_when)))
    stuck = recorded(Phase.PENDING, reason)
    assert (kstatus.status(stuck) == FAILED) == (reason in NEEDS_EDIT)


def test_they_agree_on_whatever_the_operator_writes() -> None:
    """No status that `decide` can write is read in two ways."""
    seed = 20260301
    print(f"seed {seed}")
    for cell in cells.sample(600, seed=seed):
        agree(manifest(cell.desired, decide(cell.desired, cell.observed, given.NOW).status))


def agree(found: dict[str, Any]) -> None:
    expected = kstatus.status(found)
    assert flux.status(found) == FLUX[expected], found
    assert argocd.scripted_health(found)["status"] == ARGO_CD[expected], found


class TestWhatArgoCdShows:
    def test_the_message_is_the_one_of_ready_after_the_phase(self) -> None:
        """It is all that Argo CD's page says of why."""
        waiting = decided(desired={}, observed={"connection": given.NO_SECRET})
        assert argocd.health(waiting)["message"] == f"Pending: {given.NO_SECRET.message}"

    def test_what_was_asked_and_not_done_is_said_too(self) -> None:
        held = decided(desired=OWN | {"status": RUNNING, "paused": True}, observed={})
        assert "seed.dev/paused" in argocd.health(held)["message"]

    @pytest.mark.parametrize("status", [{}, {"conditions": []}, {"phase": "Running"}, {"observedGeneration": 1}])
    def test_a_status_edited_by_hand_breaks_no_script(self, status: dict[str, Any]) -> None:
        found = manifest(given.desired()) | {"status": status}
        assert argocd.health(found)["status"] == "Progressing"

    def test_a_connection_is_read_by_the_same_script(self) -> None:
        """A sync wave with the connection comes before the jobs, so it must be waited for."""
        texts = {(argocd.SCRIPTS / kind / "health.lua").read_text() for kind in ("SeedJob", "SeedConnection")}
        assert len(texts) == 1
        for answer, expected in (("True", CURRENT), ("False", IN_PROGRESS)):
            ready = {"type": "Ready", "status": answer, "reason": "Synced", "message": "It answers."}
            found = manifest(given.desired()) | {
                "kind": "SeedConnection",
                "status": {"observedGeneration": 1, "conditions": [ready]},
            }
            assert kstatus.status(found) == flux.status(found) == expected
            assert argocd.health(found)["status"] == ARGO_CD[expected]

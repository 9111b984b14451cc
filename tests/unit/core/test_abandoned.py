"""An object that goes without being let go of (its finalizer was stripped by hand) may leave a remote job: that is told."""

from typing import Any

import pytest

from seedjob_operator.core.case import Case
from seedjob_operator.core.deletion import abandoned
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, Sent
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi.wire import JobStatus
from unit.core import given
from unit.core.given import NOW, OWN, job, recorded

RUNNING: dict[str, Any] = {"intent": OWN, "status": recorded(Phase.RUNNING)}


def told(desired: dict[str, Any], observed: dict[str, Any]) -> tuple[str, ...]:
    found = abandoned(Case(given.desired(**desired), given.observed(**observed), NOW))
    assert {event.reason for event in found} <= {Reason.ORPHANED}
    return tuple(event.message for event in found)


@pytest.mark.parametrize(
    ("desired", "observed"),
    [
        pytest.param(RUNNING, {}, id="it was running when last heard of"),
        pytest.param(RUNNING | {"deleting": True}, {"remote": job(), "cancels": 1}, id="its cancel isn't carried out"),
        pytest.param({"intent": OWN}, {"sent": Sent.UNANSWERED}, id="its create was not answered"),
        pytest.param({"intent": OWN}, {}, id="its create may have been sent by an earlier process"),
        pytest.param({"finalizer": True}, {"sent": Sent.UNANSWERED, "about": given.GENERATED}, id="its intent is gone"),
    ],
)
def test_a_job_that_may_run_is_named(desired: dict[str, Any], observed: dict[str, Any]) -> None:
    (message,) = told(desired, observed)
    assert given.GENERATED in message


@pytest.mark.parametrize(
    ("desired", "observed"),
    [
        pytest.param({}, {}, id="nothing was ever intended"),
        pytest.param({"intent": OWN}, {"sent": Sent.NOTHING}, id="nothing was sent"),
        pytest.param({"intent": OWN, "status": recorded(Phase.SUCCEEDED)}, {}, id="its end is recorded"),
        pytest.param(RUNNING, {"remote": job(JobStatus.FAILED)}, id="its end was seen"),
        pytest.param(RUNNING, {"gone": frozenset({given.GENERATED})}, id="it was cleaned up"),
        pytest.param(RUNNING, {"delete_answered": True}, id="its record was removed"),
        pytest.param(RUNNING, {"remote": MISSING, "absences": given.absences(180, 90, 0)}, id="it is known to be gone"),
    ],
)
def test_where_nothing_runs_nothing_is_told(desired: dict[str, Any], observed: dict[str, Any]) -> None:
    assert told(desired, observed) == ()

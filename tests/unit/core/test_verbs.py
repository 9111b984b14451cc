"""Every pair of verbs, in every state in which they can meet: the stronger one is obeyed, and the weaker does no harm.

The pairs are made from `Verb`, where the verbs stand once in the order of `resource.md`; `pairs.TABLE` has a line for each.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import (
    BeginAttempt,
    CancelJob,
    Decision,
    DeleteJob,
    DeleteObject,
    ReadJob,
    ReleaseFinalizer,
    WriteIntent,
)
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import UNREAD, Sent
from seedjob_operator.core.verbs import Verb
from seedjob_operator.resources import ConditionStatus, ConditionType, Phase
from seedjob_operator.seedapi.wire import JobStatus
from unit.core import given
from unit.core.given import CHANGED, CHOSEN, NOW, OWN, job, recorded, spec
from unit.core.pairs import STATES, TABLE

ASKED: Mapping[Verb, dict[str, Any]] = {
    Verb.FORCE_ORPHAN: {"force_orphan": True},
    Verb.PAUSED: {"paused": True},
    Verb.DELETION: {"deleting": True, "finalizer": True},
    Verb.CANCEL: {"spec": {"cancel": True}},
    Verb.COST_LIMIT: {"spec": {"costLimit": "0.05"}},
    Verb.SUSPEND: {"spec": {"suspend": True}},
    Verb.RUN_ID: {"spec": {"runId": "2"}},
    Verb.REPLACE: {"spec": {"updatePolicy": "Replace", **CHANGED}},
    Verb.TTL: {"spec": {"ttlSecondsAfterFinished": 60}},
    Verb.REMOTE_TTL: {"spec": {"remoteTTLSecondsAfterFinished": 60}},
    Verb.ADOPTION: {"spec": {"adoptionPolicy": "IfMatching", "jobName": CHOSEN}},
    Verb.DELETE_ARTIFACTS: {"spec": {"deleteArtifacts": True}},
}
"""How each verb is asked for. The limit is what the running job has cost twice over."""
DESIRED: Mapping[str, dict[str, Any]] = {
    "before": {},
    "running": {"intent": OWN, "status": recorded(Phase.RUNNING)},
    "held": {"intent": OWN, "status": recorded(Phase.SUSPENDED)},
    "ended": {"intent": OWN, "status": recorded(Phase.SUCCEEDED)},
}
OBSERVED: Mapping[str, dict[str, Any]] = {
    "before": {
        "environment_read": True,
        "fresh": True,
        "sent": Sent.NOTHING,
        "remote": job(name=CHOSEN, id=given.OTHER_ID),
    },
    "running": {"remote": job()},
    "held": {"remote": job(JobStatus.CANCELLED), "fresh": True},
    "ended": {"remote": job(JobStatus.SUCCEEDED), "fresh": True},
}
PAIRS = tuple(itertools.combinations(Verb, 2))


def asked(state: str, *verbs: Verb) -> Decision:
    wanted = dict(DESIRED[state])
    fields: dict[str, Any] = {}
    for verb in verbs:
        wanted |= {name: value for name, value in ASKED[verb].items() if name != "spec"}
        fields |= ASKED[verb].get("spec", {})
    seen = OBSERVED[state]
    if state == "before" and Verb.ADOPTION not in verbs:
        seen = seen | {"remote": UNREAD}
    return decide(given.desired(**wanted, spec=spec(**fields)), given.observed(**seen), NOW)


def told(decision: Decision) -> str:
    """Say in a word or two what a decision does."""
    step = decision.step
    match step:
        case WriteIntent() if step.intent.cancel_reason:
            return f"cancel: {step.intent.cancel_reason}"
        case WriteIntent():
            return "adopt" if step.intent.adopted_id else "submit"
        case CancelJob():
            return f"cancel: {decision.status.cancel_reason if decision.status else ''}"
        case DeleteJob():
            return "remove record, artifacts" if step.delete_artifacts else "remove record"
        case ReleaseFinalizer():
            orphaned = Reason.ORPHANED in {event.reason for event in decision.events}
            return "let go, orphaned" if orphaned else "let go"
        case DeleteObject():
            return "delete object"
        case BeginAttempt():
            return "next attempt"
        case ReadJob():
            return "look"
    return _written(decision)


def _written(decision: Decision) -> str:
    if decision.status is None:
        return "-"
    attention = given.condition(decision.status, ConditionType.ATTENTION)
    if attention is not None and attention.status == "True":
        return f"attention: {attention.reason}"
    ready = given.condition(decision.status, ConditionType.READY)
    assert ready is not None
    return f"{decision.status.phase}: {ready.reason}"


def lines() -> dict[tuple[str, str], tuple[str, ...]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


@pytest.mark.parametrize(("stronger", "weaker"), PAIRS, ids=[f"{one} + {other}" for one, other in PAIRS])
def test_the_pair_does(stronger: Verb, weaker: Verb) -> None:
    """A pair without a line fails here."""
    expected = lines().get((stronger.value, weaker.value))
    found = tuple(told(asked(state, stronger, weaker)) for state in STATES)
    assert found == expected


def test_no_line_is_left_over() -> None:
    assert set(lines()) == {(one.value, other.value) for one, other in PAIRS}


@pytest.mark.parametrize("held", [{"suspend": True}, {"cancel": True}])
def test_a_run_that_is_held_before_its_submission_says_when_the_platform_takes_us_again(held: dict[str, bool]) -> None:
    """What is held is woken once the connection serves it, what has ended looks by itself; neither writes meanwhile."""
    refused = given.observed(connection=given.REFUSED, sent=Sent.NOTHING)
    waits = decide(given.desired(), refused, NOW).status
    assert waits is not None
    stopped = decide(given.desired(status=waits, spec=given.spec(**held)), refused, NOW)
    assert stopped.status is not None
    again = decide(given.desired(status=stopped.status, spec=given.spec(**held)), refused, NOW)
    assert again.status is None
    assert (again.requeue_after is not None) is (stopped.status.phase is Phase.CANCELLED)
    healed = decide(
        given.desired(status=stopped.status, spec=given.spec(**held)), given.observed(sent=Sent.NOTHING), NOW
    ).status
    assert healed is not None
    synced = given.condition(healed, ConditionType.SYNCED)
    assert synced is not None
    assert synced.status is ConditionStatus.TRUE

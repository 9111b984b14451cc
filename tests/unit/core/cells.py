"""The input space of `decide`, axis by axis. Its whole product has some 50 million cells.

`test_every_case` goes through whole products of the axes that act on each other, and through a random part of all.

Left out because it can't be: a foreign job id where none is recorded (there is nothing to be foreign to; the name
decides, and `under another name` is on the axis); phases beyond Pending that have no jobId, but for `status edited
by hand`; a job that was read, or answered a create, under a name that nobody would ask for; an intent of this object without its finalizer, but for `finalizer stripped`, since one write adds both.
"""

import dataclasses
import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

from seedjob_operator.core import naming
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, UNREAD, Desired, Observed, Sent
from seedjob_operator.resources import Phase, Unreadable
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.core import given
from unit.core.given import NOW, job, recorded, spec
from unit.core.promises import counts, generated

Axis = Mapping[str, dict[str, Any]]

_BEYOND_PENDING = [phase for phase in Phase if phase is not Phase.PENDING]
STATUS: Axis = {
    "no status": {},
    "Pending": {"status": recorded(Phase.PENDING)},
    "Pending, SpecRejected": {"status": recorded(Phase.PENDING, reason=Reason.SPEC_REJECTED)},
    "Pending, NameTaken": {
        "status": recorded(Phase.PENDING, reason=Reason.NAME_TAKEN, of=given.CHOSEN_INTENT),
    },
    **{str(phase): {"status": recorded(phase)} for phase in _BEYOND_PENDING},
    "just Failed": {"status": recorded(Phase.FAILED, at=NOW)},
    "Running, name edited away": {"status": recorded(Phase.RUNNING, job_name=None, attempt=None)},
    "second prepared": {"status": recorded(Phase.PENDING, of=None, **given.RERUN)},
    "second Running": {"status": recorded(Phase.RUNNING, of=given.SECOND_INTENT, **given.RERUN)},
    "second Succeeded": {"status": recorded(Phase.SUCCEEDED, of=given.SECOND_INTENT, **given.RERUN)},
    "cancelled, never submitted": {"status": recorded(Phase.CANCELLED, of=None, job_id=None)},
    "status edited by hand": {"status": recorded(Phase.SUCCEEDED, job_id=None, conditions=())},
}
REMOTE: Axis = {
    "unread": {"remote": UNREAD},
    "unlisted": {"remote": MISSING, "read_at": NOW},
    "404": {"remote": MISSING, "fresh": True, "absences": given.absences(0)},
    "404 for long": {"remote": MISSING, "fresh": True, "absences": given.absences(180, 90, 0)},
    **{f"listed {status}": {"remote": job(status)} for status in JobStatus},
    "read running": {"remote": job(), "fresh": True, "read_at": NOW},
    "read failed, with its result": {
        "remote": job(JobStatus.FAILED),
        "fresh": True,
        "result_reads": 1,
        "result_read_at": NOW,
    },
    "foreign id": {"remote": job(id=given.OTHER_ID), "fresh": True},
    "under another name": {"remote": job(name="somebody-elses-job", id=given.OTHER_ID)},
    "chosen name, ours": {"remote": job(name=given.CHOSEN), "fresh": True},
    "chosen name, differs": {"remote": job(name=given.CHOSEN, gpu="T4", id=given.OTHER_ID), "fresh": True},
    "second, running": {"remote": job(name=given.SECOND)},
    "second, failed": {"remote": job(JobStatus.FAILED, name=given.SECOND), "fresh": True},
    "inherited name": {"remote": job(JobStatus.SUCCEEDED, name=given.INHERITED), "fresh": True},
}
UNREADABLE = Unreadable(frozenset({"job"}), "spec.job.cpu can't be read: correct it.")
MODE: Axis = {
    "wanted": {},
    "tracked": {"tracked": True},
    "unreadable": {"unreadable": UNREADABLE},
    "unreadable, deleted, Delete": {"unreadable": UNREADABLE, "deleting": True},
    "wiped": {"status_wiped": True},
    "paused": {"paused": True},
    "force-orphan": {"force_orphan": True},
    "deleted, Delete": {"deleting": True},
    "deleted, Cancel": {"deleting": True, "policy": "Cancel"},
    "deleted, Orphan": {"deleting": True, "policy": "Orphan"},
    "deleted, force-orphan": {"deleting": True, "force_orphan": True},
    "deleted, paused": {"deleting": True, "paused": True},
    "deleted, paused, force-orphan": {"deleting": True, "paused": True, "force_orphan": True},
}
SPEC: Axis = {
    "plain": {},
    "Started": {"readyWhen": "Started"},
    "jobName": {"jobName": given.CHOSEN},
    "other jobName": {"jobName": "another"},
    "deleteArtifacts": {"deleteArtifacts": True},
    "job changed": given.CHANGED,
    "jobName, job changed": {"jobName": given.CHOSEN, **given.CHANGED},
    "suspend": {"suspend": True},
    "cancel": {"cancel": True},
    "runId": {"runId": "2"},
    "Replace": {"updatePolicy": "Replace"},
    "IfMatching": {"adoptionPolicy": "IfMatching"},
    "runId, cancel": {"runId": "2", "cancel": True},
    "runId, suspend": {"runId": "2", "suspend": True},
    "Replace, job changed": {"updatePolicy": "Replace", **given.CHANGED},
    "IfMatching, jobName": {"adoptionPolicy": "IfMatching", "jobName": given.CHOSEN},
    "ttl": {"ttlSecondsAfterFinished": 0},
    "remote ttl": {"remoteTTLSecondsAfterFinished": 60},
    "costLimit": {"costLimit": "1.00"},
}
INTENT: Axis = {
    "none": {},
    "none, finalizer": {"finalizer": True},
    "own": {"intent": given.OWN},
    "own, new": {"intent": given.NEW},
    "own, edited": {"intent": given.intent(run_id="9", spec_hash="f" * 16)},
    "own, finalizer stripped": {"intent": given.OWN, "finalizer": False},
    "own, to be held": {"intent": given.TO_BE_HELD},
    "second": {"intent": given.SECOND_INTENT},
    "chosen": {"intent": given.CHOSEN_INTENT},
    "restored": {"intent": given.RESTORED},
    "taken over": {"intent": given.TAKEN_OVER},
    "another object's": {"intent": given.COPIED},
    "forged": {"intent": given.FORGED},
    "garbage": {"stray_intent": True},
}
SENT: Axis = {sent.value: {"sent": sent} for sent in Sent}
CONNECTION: Axis = {
    "usable": {"connection": given.CONNECTION},
    "unproven": {"connection": given.UNPROVEN},
    "unreachable": {"connection": given.DOWN},
    "refused": {"connection": given.REFUSED},
    "failed just now": {"connection": given.BLINK},
    "last step failed": {"connection": given.CONNECTION, "fault": given.fault(), "failures": 2},
    "none": {"connection": given.NO_SECRET},
    "not allowed": {"connection": given.NOT_ALLOWED},
    "elsewhere": {"connection": given.ELSEWHERE},
}
PASS: Axis = {
    "begun": {},
    "environment read": {"environment_read": True},
    "environment lacks something": {"environment_read": True, "environment_hold": given.NO_HF},
    "cancel sent": {"environment_read": True, "cancel_asked_at": NOW, "cancels": 1},
    "delete answered": {"environment_read": True, "cancel_asked_at": NOW, "delete_answered": True, "deletes": 1},
    "delete refused": {"environment_read": True, "delete_refused": True},
}
AXES: tuple[Axis, ...] = (STATUS, REMOTE, MODE, SPEC, INTENT, SENT, CONNECTION, PASS)
DESIRED_AXES, SPEC_AXIS = (0, 2, 4), 3

_SPECS = {
    (name, policy): spec(**fields, deletionPolicy=policy)
    for name, fields in SPEC.items()
    for policy in ("Delete", "Cancel", "Orphan")
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One input, and the names of where it lies on each axis."""

    names: tuple[str, ...]
    desired: Desired
    observed: Observed


def cell(names: tuple[str, ...]) -> Cell:
    found = [axis[name] for axis, name in zip(AXES, names, strict=True)]
    wanted = {field: value for index in DESIRED_AXES for field, value in found[index].items()}
    policy = wanted.pop("policy", "Delete")
    seen = {field: value for index in (7, 1, 5, 6) for field, value in found[index].items()}
    return Cell(
        names,
        given.desired(**wanted, generation=2, spec=_SPECS[names[SPEC_AXIS], policy]),
        given.observed(**seen),
    )


def product(**chosen: tuple[str, ...] | None) -> Iterator[Cell]:
    """Give the whole product of some axes; None is the whole axis, an axis that isn't named stands at its first value."""
    named = dict(zip(("status", "remote", "mode", "spec", "intent", "sent", "connection", "at"), AXES, strict=True))
    values = [
        (next(iter(axis)),) if name not in chosen else tuple(axis) if (picked := chosen[name]) is None else picked
        for name, axis in named.items()
    ]
    return filter(possible, (cell(names) for names in itertools.product(*values)))


def sample(count: int, *, seed: int) -> Iterator[Cell]:
    """Give random cells of the product of all axes."""
    source = random.Random(seed)  # picks test cases, keeps no secret
    listed = [tuple(axis) for axis in AXES]
    return filter(possible, (cell(tuple(source.choice(names) for names in listed)) for _ in range(count)))


def possible(found: Cell) -> bool:
    """Whether the job that was seen has a name that would have been asked for, at the place where it was created."""
    desired, seen = found.desired, found.observed
    remote = seen.remote
    if seen.sent is Sent.CREATED and seen.connection is given.ELSEWHERE and _name_sent(desired) is None:
        return False
    if not isinstance(remote, Job):
        return True
    if not seen.fresh and remote.id == given.OTHER_ID and seen.sent is not Sent.CREATED:
        return True
    return remote.name in _names_asked_for(desired)


def _name_sent(desired: Desired) -> str | None:
    if desired.status.job_id is not None and desired.status.job_name is not None:
        return desired.status.job_name
    intent = desired.intent
    return intent.job_name if intent is not None and counts(desired, intent, Sent.UNKNOWN) else None


def _names_asked_for(desired: Desired) -> set[str]:
    sent = _name_sent(desired)
    if desired.status.job_id is not None and sent is not None:
        return {sent}
    chosen = desired.spec.job_name
    if chosen is None:
        return {sent or generated(desired)}
    following = naming.chosen_name(chosen, attempt=2) if desired.status.attempts else chosen
    return {sent or following, following}

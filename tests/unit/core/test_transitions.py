"""The table of transitions: what is given, what is to come of it, and why. It reads beside `resource.md`."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from seedjob_operator.core import naming
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import (
    CancelJob,
    CreateJob,
    Decision,
    DeleteJob,
    DropIntent,
    HoldConnection,
    ReadEnvironment,
    ReadJob,
    ReadResult,
    ReleaseFinalizer,
    WriteIntent,
)
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, UNREAD, Reach, Sent
from seedjob_operator.resources import ConditionType, Phase, read_spec
from seedjob_operator.seedapi.wire import JobStatus
from unit.core import given
from unit.core.given import (
    CHANGED,
    CHOSEN,
    CHOSEN_INTENT,
    COPIED,
    FORGED,
    NEW,
    NOW,
    OWN,
    RESTORED,
    SPEC,
    TAKEN_OVER,
    job,
    recorded,
    spec,
)

ANY = object()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One transition: `then` is the step, `phase` and `reason` what is written (None: nothing is)."""

    why: str
    desired: dict[str, Any] = dataclasses.field(default_factory=dict)
    observed: dict[str, Any] = dataclasses.field(default_factory=dict)
    then: type | None = None
    phase: Phase | None = None
    reason: Reason | None = None
    synced: str | None = None
    attention: Reason | None = None
    events: tuple[Reason, ...] | None = None
    requeue: object = ANY
    follow: bool | None = None


READY_TO_SEND: dict[str, Any] = {"environment_read": True, "sent": Sent.NOTHING}
GONE: dict[str, Any] = {"remote": MISSING, "fresh": True, "absences": given.absences(180, 90, 0)}
CHOSEN_SPEC = spec(jobName=CHOSEN)
OVER_ACME = spec(connectionRef={"name": "acme"})
RUNNING = recorded(Phase.RUNNING)
PENDING = recorded(Phase.PENDING)
HOLDING = recorded(Phase.CANCELLING, reason=Reason.SUSPENDED)
SUCCEEDED = recorded(Phase.SUCCEEDED)
FAILED = recorded(Phase.FAILED)
_IN_OUTAGE = decide(
    given.desired(intent=OWN, status=RUNNING),
    given.observed(connection=given.DOWN, remote=job(JobStatus.SUCCEEDED), result_reads=1),
    NOW,
).status
ENDED_IN_OUTAGE = _IN_OUTAGE or SUCCEEDED
DELETED: dict[str, Any] = {"deleting": True, "intent": OWN}
REJECTED = recorded(Phase.PENDING, reason=Reason.SPEC_REJECTED)
TAKEN = recorded(Phase.PENDING, reason=Reason.NAME_TAKEN, of=CHOSEN_INTENT)

SUBMISSION = [
    Row(
        why="a new SeedJob's environment is read first: what it lacks is no reason to reserve a name",
        then=ReadEnvironment,
    ),
    Row(
        why="the intent comes before the action",
        observed={"environment_read": True},
        then=WriteIntent,
    ),
    Row(
        why="with intent, finalizer and environment the create is sent",
        desired={"intent": NEW},
        observed=READY_TO_SEND,
        then=CreateJob,
    ),
    Row(
        why="the environment is read anew in each pass, because its values are never kept",
        desired={"intent": OWN},
        observed={"sent": Sent.NOTHING},
        then=ReadEnvironment,
    ),
    Row(
        why="an intent without its finalizer is not complete: deletion would not wait for the job",
        desired={"intent": OWN, "finalizer": False},
        observed=READY_TO_SEND,
        then=WriteIntent,
    ),
    Row(
        why="a spec that changed before anything was sent gets an intent of its own",
        desired={"intent": OWN, "spec": spec(**CHANGED)},
        observed=READY_TO_SEND,
        then=WriteIntent,
    ),
    Row(
        why="an intent for a place that the connection no longer names, with nothing sent: it is renewed",
        desired={"intent": OWN},
        observed=READY_TO_SEND | {"connection": given.ELSEWHERE},
        then=WriteIntent,
    ),
    Row(
        why="after a restart a create may have been sent: look before sending",
        desired={"intent": OWN},
        observed={"environment_read": True},
        then=ReadJob,
    ),
    Row(
        why="an unanswered create is settled by a read",
        desired={"intent": OWN},
        observed={"sent": Sent.UNANSWERED},
        then=ReadJob,
    ),
    Row(
        why="a job that no list showed is read by name before it's believed to be missing",
        desired={"intent": OWN},
        observed={"sent": Sent.UNANSWERED, "remote": MISSING},
        then=ReadJob,
    ),
    Row(
        why="an intent of an earlier process is written again before anything is sent: that fails if it is old news",
        desired={"intent": OWN},
        observed={"sent": Sent.UNKNOWN, "remote": MISSING, "fresh": True, "environment_read": True},
        then=WriteIntent,
    ),
    Row(
        why="the spec was corrected, and the answer to the intent's write got lost: it's sent, not held for ever",
        desired={"intent": NEW},
        observed=READY_TO_SEND | {"sent": Sent.REJECTED, "rejection": "no", "rejected_hash": "another"},
        then=CreateJob,
    ),
    Row(
        why="404 proves nothing: the create is repeated under the same name",
        desired={"intent": NEW},
        observed={"sent": Sent.UNANSWERED, "remote": MISSING, "fresh": True, "environment_read": True},
        then=CreateJob,
    ),
    Row(
        why="an intent from before a long refusal is as good as new: its name can be nobody else's",
        desired={"intent": OWN},
        observed=READY_TO_SEND,
        then=CreateJob,
    ),
    Row(
        why="under a chosen name it's renewed: what others made since isn't ours",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed=READY_TO_SEND,
        then=WriteIntent,
    ),
    Row(
        why="but ever more rarely where creates are refused again and again: each renewal is a write",
        desired={"spec": CHOSEN_SPEC, "intent": dataclasses.replace(CHOSEN_INTENT, time=NOW - timedelta(minutes=15))},
        observed=READY_TO_SEND | {"failures": 6},
        then=CreateJob,
    ),
    Row(
        why="a SeedConnection is held before anything is announced or sent over it",
        desired={"spec": OVER_ACME},
        observed=READY_TO_SEND | {"connection": dataclasses.replace(given.CONNECTION, name="acme")},
        then=HoldConnection,
    ),
    Row(
        why="an intent from a time when it was held says nothing of now",
        desired={"spec": OVER_ACME, "intent": given.intent(connection="acme")},
        observed=READY_TO_SEND | {"connection": dataclasses.replace(given.CONNECTION, name="acme")},
        then=HoldConnection,
    ),
    Row(
        why="once it is, the create goes on",
        desired={"spec": OVER_ACME, "intent": given.intent(connection="acme")},
        observed=READY_TO_SEND
        | {"connection": dataclasses.replace(given.CONNECTION, name="acme"), "connection_held": True},
        then=CreateJob,
    ),
    Row(
        why="a conflict and a 404 contradict each other: nothing is sent again at once",
        desired={"intent": NEW},
        observed={
            "sent": Sent.CONFLICT_AFTER_UNANSWERED,
            "conflicts": 1,
            "remote": MISSING,
            "fresh": True,
            "absences": given.absences(6),
        },
        phase=Phase.PENDING,
        reason=Reason.SUBMISSION_UNSETTLED,
        requeue=3.0,
    ),
    Row(
        why="nor under a chosen name",
        desired={"intent": CHOSEN_INTENT, "spec": spec(jobName=CHOSEN)},
        observed=READY_TO_SEND
        | {"sent": Sent.CONFLICT, "conflicts": 1, "remote": MISSING, "fresh": True, "absences": given.absences(6)},
        phase=Phase.PENDING,
        reason=Reason.SUBMISSION_UNSETTLED,
        requeue=3.0,
    ),
    Row(
        why="a while later it is sent again: nothing may have had the name after all",
        desired={"intent": NEW},
        observed={
            "environment_read": True,
            "sent": Sent.CONFLICT_AFTER_UNANSWERED,
            "conflicts": 1,
            "remote": MISSING,
            "fresh": True,
            "absences": given.absences(20),
        },
        then=CreateJob,
    ),
    Row(
        why="a conflict under a generated name: the job is ours, find it",
        desired={"intent": OWN},
        observed={"sent": Sent.CONFLICT},
        then=ReadJob,
    ),
    Row(
        why="the job of a generated name is ours, whatever this process knows of the create",
        desired={"intent": OWN},
        observed={"remote": job(JobStatus.QUEUED)},
        phase=Phase.QUEUED,
        reason=Reason.QUEUED,
        events=(Reason.SUBMITTED,),
        follow=True,
    ),
    Row(
        why="a job that was read under another name says nothing of this attempt's",
        desired={"intent": NEW},
        observed=READY_TO_SEND | {"remote": job(name="somebody-elses-job", id=given.OTHER_ID)},
        then=CreateJob,
    ),
    Row(
        why="a recorded refusal of this very intent isn't sent again after a restart",
        desired={"intent": OWN, "status": REJECTED},
        phase=None,
        requeue=None,
    ),
    Row(
        why="the refusal stands in the status, with what to do",
        desired={"intent": OWN},
        observed={"sent": Sent.REJECTED, "rejection": "L4 has at most 4."},
        phase=Phase.PENDING,
        reason=Reason.SPEC_REJECTED,
        events=(Reason.SPEC_REJECTED,),
        requeue=None,
    ),
    Row(
        why="a changed spec.job ends SpecRejected by itself",
        desired={"intent": OWN, "status": REJECTED, "spec": spec(**CHANGED)},
        observed={"environment_read": True},
        then=WriteIntent,
    ),
    Row(
        why="a refusal recorded before the present intent says nothing of it: its create may have been sent",
        desired={
            "intent": given.intent(spec_hash=given.desired(spec=spec(**CHANGED)).spec_hash),
            "status": REJECTED,
            "spec": spec(**CHANGED),
        },
        observed={"environment_read": True},
        then=ReadJob,
    ),
]

HOLDS = [
    Row(
        why="what the environment refers to isn't there: it heals from outside",
        observed={"environment_read": True, "environment_hold": given.NO_HF},
        phase=Phase.PENDING,
        reason=Reason.SECRET_NOT_FOUND,
        synced="True",
        events=(Reason.SECRET_NOT_FOUND,),
        requeue=2.0,
    ),
    Row(
        why="the longer it lacks something, the more rarely it's looked at, but each minute at least",
        desired={"status": recorded(Phase.PENDING, reason=Reason.SECRET_NOT_FOUND, of=None)},
        observed={"environment_read": True, "environment_hold": given.NO_HF},
        phase=Phase.PENDING,
        reason=Reason.SECRET_NOT_FOUND,
        requeue=60.0,
    ),
    Row(
        why="a connection whose Secret is missing is a matter of Synced too",
        observed={"connection": given.NO_SECRET},
        phase=Phase.PENDING,
        reason=Reason.SECRET_NOT_FOUND,
        synced="False",
    ),
    Row(
        why="an endpoint outside the allow-list is never contacted",
        observed={"connection": given.NOT_ALLOWED},
        phase=Phase.PENDING,
        reason=Reason.ENDPOINT_NOT_ALLOWED,
        synced="False",
        requeue=None,
    ),
    Row(
        why="unreachable: Synced is Unknown, and it is tried again",
        observed={"connection": given.DOWN},
        phase=Phase.PENDING,
        reason=Reason.PLATFORM_UNAVAILABLE,
        synced="Unknown",
        requeue=60.0,
    ),
    Row(
        why="refused: Synced is False, with the reason",
        observed={"connection": given.REFUSED},
        phase=Phase.PENDING,
        reason=Reason.UNAUTHORIZED,
        synced="False",
    ),
    Row(
        why="a step that failed is tried again after its back-off",
        desired={"intent": OWN},
        observed=READY_TO_SEND | {"fault": given.fault(), "failures": 3},
        phase=Phase.PENDING,
        reason=Reason.PLATFORM_UNAVAILABLE,
        requeue=4.0,
    ),
    Row(
        why="nothing comes before the platform's Retry-After",
        desired={"intent": OWN},
        observed=READY_TO_SEND | {"fault": given.fault(Reach.REFUSED, retry_after=90.0), "failures": 1},
        phase=Phase.PENDING,
        requeue=90.0,
    ),
    Row(
        why="but nobody sleeps for a day because of it",
        desired={"intent": OWN},
        observed=READY_TO_SEND | {"fault": given.fault(Reach.REFUSED, retry_after=86400.0), "failures": 1},
        phase=Phase.PENDING,
        requeue=3600.0,
    ),
    Row(
        why="no create before one request got through",
        observed={"connection": given.UNPROVEN, "environment_read": True},
        requeue=5.0,
    ),
]

CHOSEN_NAMES = [
    Row(
        why="a chosen name may be anybody's: a read must have said 404 before the intent",
        desired={"spec": CHOSEN_SPEC},
        observed={"environment_read": True},
        then=ReadJob,
    ),
    Row(
        why="the name is free: now the intent",
        desired={"spec": CHOSEN_SPEC},
        observed={"environment_read": True, "remote": MISSING, "fresh": True},
        then=WriteIntent,
    ),
    Row(
        why="the name is taken: say so, and look again with a growing interval",
        desired={"spec": CHOSEN_SPEC},
        observed={"environment_read": True, "remote": job(name=CHOSEN), "fresh": True},
        phase=Phase.PENDING,
        reason=Reason.NAME_TAKEN,
        events=(Reason.NAME_TAKEN,),
        requeue=15.0,
    ),
    Row(
        why="the name has been taken for 20 minutes: it's looked at every 10 minutes at most",
        desired={"spec": CHOSEN_SPEC, "status": recorded(Phase.PENDING, reason=Reason.NAME_TAKEN, of=None)},
        observed={"environment_read": True, "remote": job(name=CHOSEN), "fresh": True},
        phase=Phase.PENDING,
        reason=Reason.NAME_TAKEN,
        requeue=600.0,
    ),
    Row(
        why="409 with nothing unanswered before it: somebody was faster",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={"environment_read": True, "sent": Sent.CONFLICT, "remote": job(name=CHOSEN), "fresh": True},
        phase=Phase.PENDING,
        reason=Reason.NAME_TAKEN,
    ),
    Row(
        why="the taken name is free again: the intent is renewed before the create",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={"environment_read": True, "sent": Sent.CONFLICT, "remote": MISSING, "fresh": True},
        then=WriteIntent,
    ),
    Row(
        why="the answer of our own create is our job, whatever the clocks say",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={"sent": Sent.CREATED, "remote": job(JobStatus.QUEUED, name=CHOSEN, created_at=None)},
        phase=Phase.QUEUED,
        events=(Reason.SUBMITTED,),
    ),
    Row(
        why="after an unanswered create a job that equals what was sent is ours",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={"sent": Sent.UNANSWERED, "remote": job(JobStatus.QUEUED, name=CHOSEN), "fresh": True},
        phase=Phase.QUEUED,
        events=(Reason.SUBMITTED,),
    ),
    Row(
        why="a job older than the intent is somebody else's",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={
            "sent": Sent.UNANSWERED,
            "remote": job(name=CHOSEN, created_at=OWN.time - (NOW - OWN.time)),
            "fresh": True,
        },
        then=DropIntent,
        events=(Reason.INTENT_DROPPED,),
    ),
    Row(
        why="a job that differs in one readable field is somebody else's",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={"sent": Sent.UNANSWERED, "remote": job(name=CHOSEN, gpu="T4"), "fresh": True},
        then=DropIntent,
        events=(Reason.INTENT_DROPPED,),
    ),
    Row(
        why="one that may have been made before spec.job changed is told of, whatever the spec asks by now",
        desired={"spec": spec(jobName=CHOSEN, suspend=True, **CHANGED), "intent": CHOSEN_INTENT},
        observed={"remote": job(name=CHOSEN), "fresh": True},
        then=DropIntent,
        events=(Reason.ORPHANED, Reason.INTENT_DROPPED),
    ),
    Row(
        why="also where the changed job was sent under the same name since, and didn't answer either",
        desired={
            "spec": spec(jobName=CHOSEN, **CHANGED),
            "intent": dataclasses.replace(
                CHOSEN_INTENT, spec_hash=naming.spec_hash(spec(**CHANGED).job), earlier_spec=CHOSEN_INTENT.spec_hash
            ),
        },
        observed={"sent": Sent.CONFLICT_AFTER_UNANSWERED, "remote": job(name=CHOSEN), "fresh": True},
        then=DropIntent,
        events=(Reason.ORPHANED, Reason.INTENT_DROPPED),
    ),
    Row(
        why="an intent that names somebody else's job gets nothing, and says so",
        desired={"spec": CHOSEN_SPEC, "intent": dataclasses.replace(CHOSEN_INTENT, uid=given.FOREIGN_UID)},
        observed={"remote": job(name=CHOSEN, gpu="T4", id=given.OTHER_ID), "fresh": True, "environment_read": True},
        phase=Phase.PENDING,
        reason=Reason.NAME_TAKEN,
        events=(Reason.INTENT_DROPPED, Reason.NAME_TAKEN),
    ),
    Row(
        why="it says so once",
        desired={
            "spec": CHOSEN_SPEC,
            "intent": dataclasses.replace(CHOSEN_INTENT, uid=given.FOREIGN_UID),
            "status": TAKEN,
            "generation": 2,
        },
        observed={"remote": job(name=CHOSEN, gpu="T4", id=given.OTHER_ID), "fresh": True, "environment_read": True},
        phase=Phase.PENDING,
        reason=Reason.NAME_TAKEN,
        events=(),
    ),
    Row(
        why="somebody else's job under our name is looked at again, not believed for ever",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT},
        observed={"sent": Sent.UNANSWERED, "remote": job(name=CHOSEN, gpu="T4")},
        then=ReadJob,
    ),
    Row(
        why="a recorded NameTaken isn't in doubt after a restart: the name is looked at, not the create settled",
        desired={"spec": CHOSEN_SPEC, "intent": CHOSEN_INTENT, "status": TAKEN},
        observed={"environment_read": True},
        then=ReadJob,
    ),
    Row(
        why="a changed jobName ends NameTaken: the new name is looked at first",
        desired={"spec": spec(jobName="other"), "intent": CHOSEN_INTENT, "status": TAKEN},
        observed={"environment_read": True},
        then=ReadJob,
    ),
]

INTENTS = [
    Row(
        why="what can't be read as an intent counts for nothing and is removed",
        desired={"stray_intent": True},
        then=DropIntent,
        events=(Reason.INTENT_DROPPED,),
    ),
    Row(
        why="a copy of another object's intent is dropped",
        desired={"intent": COPIED},
        then=DropIntent,
        events=(Reason.INTENT_DROPPED,),
    ),
    Row(
        why="a user can't make another's job theirs by writing its name into the annotation",
        desired={"intent": FORGED},
        observed={"remote": job(name=FORGED.job_name, gpu="T4", id=given.OTHER_ID), "fresh": True},
        then=DropIntent,
        events=(Reason.INTENT_DROPPED,),
    ),
    Row(
        why="a restored backup takes over the job that its intent names",
        desired={"intent": RESTORED},
        observed={"remote": job(name=given.INHERITED)},
        then=WriteIntent,
    ),
    Row(
        why="a restored backup takes over an ended job too",
        desired={"intent": RESTORED},
        observed={"remote": job(JobStatus.SUCCEEDED, name=given.INHERITED)},
        then=WriteIntent,
    ),
    Row(
        why="a restored backup whose job is nowhere to be seen never submits again by itself",
        desired={"intent": TAKEN_OVER},
        observed=GONE | {"environment_read": True},
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
    Row(
        why="it was there before this object: nobody has to wait until it becomes visible",
        desired={"intent": dataclasses.replace(TAKEN_OVER, time=NOW - timedelta(minutes=3))},
        observed=GONE | {"environment_read": True},
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
    Row(
        why="nor for one that was adopted",
        desired={
            "intent": dataclasses.replace(OWN, time=NOW - timedelta(minutes=3), adopted_id=given.JOB_ID),
            "status": recorded(Phase.RUNNING, at=NOW - timedelta(minutes=3)),
        },
        observed=GONE,
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
    Row(
        why="one 404 is not enough for that",
        desired={"intent": TAKEN_OVER},
        observed={"remote": MISSING, "fresh": True, "absences": given.absences(0), "environment_read": True},
        requeue=60.0,
    ),
    Row(
        why="an intent that was removed while the job is recorded is put back",
        desired={"status": RUNNING, "finalizer": True},
        observed={"remote": job()},
        then=WriteIntent,
    ),
    Row(
        why="a finalizer that was stripped while the job is recorded is put back",
        desired={"status": RUNNING, "intent": OWN, "finalizer": False},
        observed={"remote": job()},
        then=WriteIntent,
    ),
    Row(
        why="a damaged intent of a recorded job is rebuilt from the status, not dropped",
        desired={"status": RUNNING, "stray_intent": True},
        observed={"remote": job()},
        then=WriteIntent,
        events=(),
    ),
    Row(
        why="an intent for another attempt can't take a recorded job's place",
        desired={
            "status": RUNNING,
            "intent": given.intent(
                attempt=7,
                job_name=naming.generated_name(namespace=given.NAMESPACE, name=given.NAME, uid=given.UID, attempt=7),
            ),
        },
        observed={"remote": job()},
        then=WriteIntent,
    ),
    Row(
        why="a status that was wiped is rebuilt from the intent and the platform",
        desired={"intent": OWN},
        observed={"remote": job(JobStatus.RUNNING)},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
    ),
]

FOLLOWING = [
    Row(
        why="nothing learnt yet: the poll of all jobs tells, at no request of its own",
        desired={"intent": OWN, "status": RUNNING},
        follow=True,
    ),
    Row(
        why="queued is Queued",
        desired={"intent": OWN},
        observed={"remote": job(JobStatus.QUEUED)},
        phase=Phase.QUEUED,
    ),
    Row(
        why="running is Running, with an Event",
        desired={"intent": OWN, "status": recorded(Phase.QUEUED)},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        events=(Reason.STARTED,),
    ),
    Row(
        why="the platform's own retry puts the job back into the queue",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": job(JobStatus.QUEUED)},
        phase=Phase.QUEUED,
    ),
    Row(
        why="a status that nobody knows counts as active",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": job("hibernating")},
        phase=Phase.UNKNOWN,
        reason=Reason.UNKNOWN_REMOTE_STATUS,
        follow=True,
    ),
    Row(
        why="a blink of the connection isn't worth a write",
        desired={"intent": OWN, "status": RUNNING},
        observed={"connection": given.BLINK},
        requeue=10.0,
        follow=True,
    ),
    Row(
        why="where it may become an outage it's looked at when it would be one",
        desired={"intent": OWN, "status": RUNNING, "generation": 2},
        observed={"connection": given.BLINK, "remote": job()},
        phase=Phase.RUNNING,
        requeue=10.0,
        follow=True,
    ),
    Row(
        why="a cancel that the platform doesn't take just now is asked for as before: the job doesn't begin to run anew",
        desired={"intent": given.TO_BE_HELD, "status": HOLDING, "spec": spec(suspend=True)},
        observed={"remote": job(), "fault": given.fault(ago=3.0)},
        requeue=10.0,
        events=(),
    ),
    Row(
        why="nor in a blink of the connection",
        desired={"intent": given.TO_BE_HELD, "status": HOLDING, "spec": spec(suspend=True)},
        observed={"remote": job(), "connection": given.BLINK},
        requeue=10.0,
        events=(),
    ),
    Row(
        why="a refused cancel that lasts marks the status stale, and the phase says on that it is asked for",
        desired={"intent": given.TO_BE_HELD, "status": HOLDING, "spec": spec(suspend=True)},
        observed={"remote": job(), "fault": given.fault()},
        phase=Phase.CANCELLING,
        reason=Reason.SUSPENDED,
        synced="Unknown",
        events=(Reason.PLATFORM_UNAVAILABLE,),
        follow=True,
    ),
    Row(
        why="a deletion that a restored status tells of isn't asked for any more: the job runs on",
        desired={"intent": OWN, "status": recorded(Phase.CANCELLING, reason=Reason.DELETING)},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
        follow=True,
    ),
    Row(
        why="an outage marks the status stale and changes no phase",
        desired={"intent": OWN, "status": RUNNING},
        observed={"connection": given.DOWN, "remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
        synced="Unknown",
    ),
    Row(
        why="what a new run asks for isn't said to be missing from this one, also where its cancel has to wait",
        desired={"intent": OWN, "status": RUNNING, "spec": spec(runId="2", **CHANGED)},
        observed={"connection": given.DOWN, "remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
        synced="Unknown",
        events=(Reason.PLATFORM_UNAVAILABLE,),
    ),
    Row(
        why="a refusal marks it too",
        desired={"intent": OWN, "status": RUNNING},
        observed={"connection": given.REFUSED},
        phase=Phase.RUNNING,
        synced="False",
    ),
    Row(
        why="a connection that can't be used any more changes no phase either",
        desired={"intent": OWN, "status": RUNNING},
        observed={"connection": given.NO_SECRET},
        phase=Phase.RUNNING,
        synced="False",
    ),
    Row(
        why="the same where the intent was removed by hand: the job is recorded, so it isn't Pending",
        desired={"status": RUNNING, "finalizer": True},
        observed={"connection": given.NO_SECRET},
        phase=Phase.RUNNING,
        synced="False",
    ),
    Row(
        why="settings that name another place: neither followed nor touched, which its status says, and one Event",
        desired={"intent": OWN, "status": RUNNING},
        observed={"connection": given.ELSEWHERE, "remote": job()},
        phase=Phase.RUNNING,
        attention=Reason.CONNECTION_CHANGED,
        synced="False",
        events=(Reason.CONNECTION_CHANGED,),
        follow=False,
    ),
    Row(
        why="what was sent stands: a spec.job that changed in flight is told of",
        desired={"intent": OWN, "spec": spec(**CHANGED)},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        attention=Reason.SPEC_CHANGED_AFTER_SUBMIT,
    ),
    Row(
        why="where it's to be replaced by the changed one, it's found and its cancel announced first",
        desired={"intent": OWN, "spec": spec(updatePolicy="Replace", **CHANGED)},
        observed={"remote": job(), "fresh": True},
        then=WriteIntent,
    ),
    Row(
        why="then it's recorded, and cancelled like any other",
        desired={
            "intent": dataclasses.replace(OWN, cancel_reason="Replaced"),
            "spec": spec(updatePolicy="Replace", **CHANGED),
        },
        observed={"remote": job(), "fresh": True},
        then=CancelJob,
        phase=Phase.CANCELLING,
        reason=Reason.REPLACED,
        events=(Reason.SUBMITTED, Reason.CANCEL_REQUESTED),
    ),
    Row(
        why="a job that no list shows is read by name",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": MISSING},
        then=ReadJob,
    ),
    Row(
        why="one that is active though no list shows it has a status that we don't know: it's read every ten seconds",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": MISSING, "unlisted_active_at": NOW - timedelta(seconds=10)},
        then=ReadJob,
    ),
    Row(
        why="and no more often",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": MISSING, "unlisted_active_at": NOW - timedelta(seconds=4)},
        requeue=6.0,
        follow=True,
    ),
    Row(
        why="one 404 changes nothing",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": MISSING, "fresh": True, "absences": given.absences(0)},
        requeue=60.0,
    ),
    Row(
        why="two 404s are not enough, however far apart",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": MISSING, "fresh": True, "absences": given.absences(300, 0)},
        requeue=60.0,
    ),
    Row(
        why="three within two minutes aren't either",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": MISSING, "fresh": True, "absences": given.absences(110, 55, 0)},
        requeue=60.0,
    ),
    Row(
        why="three 404s over two minutes: the platform forgot it, and how it ended is unknown",
        desired={"intent": OWN, "status": RUNNING},
        observed=GONE,
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
        events=(Reason.REMOTE_DELETED,),
    ),
    Row(
        why="three 404s within five minutes of the intent: not visible yet",
        desired={"intent": given.intent(time=NOW - (NOW - OWN.time) / 10), "status": RUNNING},
        observed=GONE,
    ),
    Row(
        why="nor within five minutes of the create, however old its intent is",
        desired={"intent": OWN, "status": recorded(Phase.RUNNING, at=NOW - (NOW - OWN.time) / 10)},
        observed=GONE,
    ),
    Row(
        why="what was read before the five minutes were over counts for nothing",
        desired={
            "intent": given.intent(time=NOW - timedelta(minutes=7, seconds=59)),
            "status": recorded(Phase.RUNNING, at=NOW - timedelta(minutes=7, seconds=59)),
        },
        observed=GONE,
        requeue=60.0,
    ),
    Row(
        why="what was read after them does",
        desired={
            "intent": given.intent(time=NOW - timedelta(minutes=8)),
            "status": recorded(Phase.RUNNING, at=NOW - timedelta(minutes=8)),
        },
        observed=GONE,
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
    Row(
        why="another id under our name proves that our record is gone",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": job(id=given.OTHER_ID), "fresh": True},
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
    Row(
        why="in a list it's read by name before that is believed",
        desired={"intent": OWN, "status": RUNNING},
        observed={"remote": job(id=given.OTHER_ID)},
        then=ReadJob,
    ),
    *(
        Row(
            why=f"{status}: the result is read before the end is recorded",
            desired={"intent": OWN, "status": RUNNING},
            observed={"remote": job(status)},
            then=ReadResult,
        )
        for status in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMED_OUT)
    ),
    Row(
        why="an end says of what was asked and not carried out as well",
        desired={"intent": OWN, "status": RUNNING, "spec": spec(**CHANGED)},
        observed={"remote": job(JobStatus.SUCCEEDED), "result_reads": 1, "result_read_at": NOW},
        phase=Phase.SUCCEEDED,
        reason=Reason.SUCCEEDED,
        attention=Reason.SPEC_CHANGED_AFTER_SUBMIT,
    ),
    *(
        Row(
            why=f"{status} ends the attempt, whether or not its result was to be had",
            desired={"intent": OWN, "status": RUNNING},
            observed={"remote": job(status), "result_reads": 1, "result_read_at": NOW},
            phase=phase,
            reason=reason,
            events=(event,),
        )
        for status, phase, reason, event in (
            (JobStatus.SUCCEEDED, Phase.SUCCEEDED, Reason.SUCCEEDED, Reason.SUCCEEDED),
            (JobStatus.FAILED, Phase.FAILED, Reason.FAILED, Reason.FAILED),
            (JobStatus.CANCELLED, Phase.FAILED, Reason.CANCELLED_REMOTELY, Reason.FAILED),
            (JobStatus.TIMED_OUT, Phase.TIMED_OUT, Reason.DEADLINE_EXCEEDED, Reason.TIMED_OUT),
        )
    ),
]

ENDED = [
    Row(
        why="an end that a later answer contradicts stays",
        desired={"intent": OWN, "status": SUCCEEDED},
        observed={"remote": job(), "fresh": True},
    ),
    Row(
        why="a record that is gone after the end is told of, changes nothing else and starts nothing",
        desired={"intent": OWN, "status": SUCCEEDED},
        observed=GONE | {"environment_read": True},
        phase=Phase.SUCCEEDED,
        reason=Reason.SUCCEEDED,
        events=(Reason.REMOTE_DELETED,),
    ),
    Row(
        why="a changed generation is recorded, the end stays",
        desired={"intent": OWN, "status": SUCCEEDED, "generation": 2},
        phase=Phase.SUCCEEDED,
        reason=Reason.SUCCEEDED,
        events=(),
    ),
    Row(
        why="a result that wasn't to be had at the end is read within ten minutes",
        desired={"intent": OWN, "status": recorded(Phase.SUCCEEDED, at=NOW - timedelta(minutes=9, seconds=59))},
        then=ReadResult,
    ),
    Row(
        why="and no later",
        desired={"intent": OWN, "status": recorded(Phase.SUCCEEDED, at=NOW - timedelta(minutes=10))},
        requeue=None,
    ),
    Row(
        why="an end that was recorded in an outage isn't called stale any more once the platform answers",
        desired={"intent": OWN, "status": ENDED_IN_OUTAGE},
        observed={"result_reads": 4},
        phase=Phase.SUCCEEDED,
        reason=Reason.SUCCEEDED,
        synced="True",
        events=(),
    ),
    Row(
        why="until then it's looked at again, though nobody polls for it",
        desired={"intent": OWN, "status": ENDED_IN_OUTAGE},
        observed={"connection": given.DOWN},
        requeue=60.0,
    ),
    Row(
        why="another account than its own says nothing of it, and isn't waited for",
        desired={"intent": OWN, "status": ENDED_IN_OUTAGE},
        observed={"result_reads": 4, "connection": given.ELSEWHERE},
        requeue=None,
    ),
    Row(
        why="nor one that didn't answer yet",
        desired={"intent": OWN, "status": ENDED_IN_OUTAGE},
        observed={"connection": dataclasses.replace(given.ELSEWHERE, proven=False)},
        requeue=None,
    ),
    Row(
        why="an outage that began after the end changes nothing of it",
        desired={"intent": OWN, "status": SUCCEEDED},
        observed={"connection": given.DOWN},
        requeue=None,
    ),
    Row(
        why="also after a restart, as long as the platform has told nothing",
        desired={"intent": OWN, "status": ENDED_IN_OUTAGE},
        observed={"connection": given.UNPROVEN, "result_reads": 4},
        requeue=60.0,
    ),
    Row(
        why="a look that finds the job running after its end adds nothing of that to the result",
        desired={"intent": OWN, "status": SUCCEEDED},
        observed={"remote": job(total_cost="0.10"), "fresh": True, "result_reads": 4},
    ),
    Row(
        why="after ten minutes a result is read no more",
        desired={"intent": OWN, "status": SUCCEEDED},
        observed={"remote": UNREAD},
    ),
]

DELETION = [
    Row(
        why="nothing of ours holds the object: nothing to do",
        desired={"deleting": True},
    ),
    Row(
        why="our finalizer was stripped, and another's holds the object: its job is cancelled all the same",
        desired=DELETED | {"status": RUNNING, "finalizer": False},
        observed={"remote": job()},
        then=CancelJob,
        phase=Phase.CANCELLING,
        follow=True,
    ),
    Row(
        why="the same under Orphan: the job is told of, and the intent goes, so that it's told once",
        desired=DELETED | {"status": RUNNING, "finalizer": False, "spec": spec(deletionPolicy="Orphan")},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
    Row(
        why="what was let go of has neither finalizer nor intent, and is left alone while another's finalizer holds it",
        desired={"deleting": True, "status": RUNNING},
        observed={"remote": job()},
    ),
    Row(
        why="an intent that was removed while its create is open: the job is looked for under the name that was used",
        desired={"deleting": True, "finalizer": True},
        observed={"sent": Sent.UNANSWERED, "about": given.GENERATED},
        then=ReadJob,
    ),
    Row(
        why="also after a restart: the finalizer tells that there was an intent",
        desired={"deleting": True, "finalizer": True},
        observed={"about": ""},
        then=ReadJob,
    ),
    Row(
        why="found, it's cancelled",
        desired={"deleting": True, "finalizer": True},
        observed={"about": given.GENERATED, "remote": job(), "fresh": True},
        then=CancelJob,
        phase=Phase.CANCELLING,
    ),
    Row(
        why="under a chosen name nobody can say whose the job is: it's left, and told of",
        desired={"deleting": True, "finalizer": True, "spec": CHOSEN_SPEC, "created_at": OWN.time},
        observed={"sent": Sent.UNANSWERED, "about": CHOSEN, "remote": job(name=CHOSEN), "fresh": True},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
    Row(
        why="a finalizer without an intent, where nothing was sent, holds nothing",
        desired={"deleting": True, "finalizer": True},
        observed={"sent": Sent.NOTHING},
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="an intent that was removed from a recorded job doesn't keep its absence from being believed",
        desired={"deleting": True, "finalizer": True, "status": RUNNING, "created_at": OWN.time},
        observed=GONE,
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="an intent under which nothing was sent has no job",
        desired=DELETED,
        observed={"sent": Sent.NOTHING},
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="a create that was answered has a job, also where its status write was refused",
        desired=DELETED,
        observed={"sent": Sent.CREATED, "remote": job(JobStatus.QUEUED)},
        then=CancelJob,
        phase=Phase.CANCELLING,
    ),
    Row(
        why="a refused create has no job",
        desired=DELETED,
        observed={"sent": Sent.REJECTED},
        then=ReleaseFinalizer,
    ),
    Row(
        why="a refusal recorded before the present intent says nothing of its create",
        desired=DELETED | {"intent": given.intent(spec_hash="another"), "status": REJECTED},
        then=ReadJob,
    ),
    Row(
        why="a refused create after an unanswered one may have a job",
        desired=DELETED,
        observed={"sent": Sent.REJECTED_AFTER_UNANSWERED},
        then=ReadJob,
    ),
    Row(
        why="a conflict under a generated name: the job is ours, and is looked for",
        desired=DELETED,
        observed={"sent": Sent.CONFLICT},
        then=ReadJob,
    ),
    Row(
        why="a conflict under a chosen name: the job is somebody else's",
        desired=DELETED | {"intent": CHOSEN_INTENT, "spec": CHOSEN_SPEC},
        observed={"sent": Sent.CONFLICT, "remote": job(name=CHOSEN)},
        then=ReleaseFinalizer,
    ),
    Row(
        why="a create that may have been carried out is looked for",
        desired=DELETED,
        observed={"sent": Sent.UNANSWERED},
        then=ReadJob,
    ),
    Row(
        why="an active job is cancelled, and the phase says so first",
        desired=DELETED | {"status": RUNNING},
        observed={"remote": job()},
        then=CancelJob,
        phase=Phase.CANCELLING,
        reason=Reason.DELETING,
        events=(Reason.CANCEL_REQUESTED,),
        follow=True,
    ),
    Row(
        why="an unknown status counts as active",
        desired=DELETED | {"status": RUNNING},
        observed={"remote": job("hibernating")},
        then=CancelJob,
        phase=Phase.CANCELLING,
    ),
    Row(
        why="a cancel that was taken is waited for",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": job(), "cancel_asked_at": NOW, "cancels": 1},
        requeue=35.0,
        follow=True,
    ),
    Row(
        why="then the job is read by name, where the poll didn't tell",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": job(), "cancel_asked_at": OWN.time, "cancels": 1},
        then=ReadJob,
    ),
    Row(
        why="one that is still active then is cancelled again: the platform may have lost it, or refused it for a moment",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": job(), "fresh": True, "cancel_asked_at": OWN.time, "cancels": 1},
        then=CancelJob,
    ),
    Row(
        why="a job that has ended is removed",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": job(JobStatus.CANCELLED), "fresh": True},
        then=DeleteJob,
    ),
    Row(
        why="a record that is shown after its removal is looked at again, not removed again at once",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={
            "remote": job(JobStatus.CANCELLED),
            "fresh": True,
            "delete_answered": True,
            "deletes": 1,
            "undeleted_since": NOW - (NOW - OWN.time) / 300,
        },
        requeue=3.0,
    ),
    Row(
        why="a removal is confirmed by a read",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": MISSING, "delete_answered": True},
        then=ReadJob,
    ),
    Row(
        why="at once, however lately it was looked for in vain",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": MISSING, "delete_answered": True, "absences": given.absences(5)},
        then=ReadJob,
    ),
    Row(
        why="confirmed: the object may go",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": MISSING, "delete_answered": True, "fresh": True},
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="a record that the platform keeps stays, with an Event",
        desired=DELETED | {"status": recorded(Phase.CANCELLING)},
        observed={"remote": job(JobStatus.TIMED_OUT), "delete_refused": True},
        then=ReleaseFinalizer,
        events=(Reason.RECORD_KEPT,),
    ),
    Row(
        why="Cancel keeps the record",
        desired=DELETED | {"status": recorded(Phase.CANCELLING), "spec": spec(deletionPolicy="Cancel")},
        observed={"remote": job(JobStatus.CANCELLED)},
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="Cancel of an ended job needs nothing, not even a platform",
        desired=DELETED | {"status": SUCCEEDED, "spec": spec(deletionPolicy="Cancel")},
        observed={"connection": given.DOWN},
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="Cancel of an active job cancels",
        desired=DELETED | {"status": RUNNING, "spec": spec(deletionPolicy="Cancel")},
        observed={"remote": job()},
        then=CancelJob,
        phase=Phase.CANCELLING,
    ),
    Row(
        why="Orphan lets go at once and names the job",
        desired=DELETED | {"status": RUNNING, "spec": spec(deletionPolicy="Orphan")},
        observed={"connection": given.DOWN, "remote": job()},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
    Row(
        why="force-orphan is the strongest word, paused or not, reachable or not",
        desired=DELETED | {"status": RUNNING, "force_orphan": True, "paused": True},
        observed={"connection": given.NO_SECRET},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
    Row(
        why="force-orphan names the job also where the intent is gone and nothing can be reached",
        desired={"deleting": True, "finalizer": True, "status": RUNNING, "force_orphan": True},
        observed={"connection": given.NO_SECRET},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
    Row(
        why="force-orphan alone deletes nothing",
        desired={"intent": OWN, "status": RUNNING, "force_orphan": True},
        observed={"remote": job()},
        follow=True,
    ),
    Row(
        why="paused blocks deletion too",
        desired=DELETED | {"status": RUNNING, "paused": True},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        attention=Reason.PAUSED,
    ),
    Row(
        why="a platform that can't be reached blocks deletion, and the status says how to force it",
        desired=DELETED | {"status": RUNNING},
        observed={"connection": given.DOWN},
        phase=Phase.RUNNING,
        reason=Reason.DELETION_BLOCKED,
        synced="Unknown",
        events=(Reason.DELETION_BLOCKED, Reason.PLATFORM_UNAVAILABLE),
        requeue=60.0,
    ),
    Row(
        why="a connection that can't be used blocks it",
        desired=DELETED | {"status": RUNNING},
        observed={"connection": given.NO_SECRET},
        phase=Phase.RUNNING,
        reason=Reason.DELETION_BLOCKED,
        synced="False",
    ),
    Row(
        why="also where the intent was removed by hand: the status still names the job",
        desired={"deleting": True, "finalizer": True, "status": RUNNING},
        observed={"connection": given.NO_SECRET},
        phase=Phase.RUNNING,
        reason=Reason.DELETION_BLOCKED,
    ),
    Row(
        why="a job at a place that the settings no longer name blocks it",
        desired=DELETED | {"status": RUNNING},
        observed={"connection": given.ELSEWHERE},
        phase=Phase.RUNNING,
        reason=Reason.DELETION_BLOCKED,
    ),
    Row(
        why="an end stays recorded while deletion is blocked",
        desired=DELETED | {"status": FAILED},
        observed={"connection": given.DOWN},
        phase=Phase.FAILED,
        reason=Reason.DELETION_BLOCKED,
    ),
    Row(
        why="one 404 of a job that nobody saw end is not enough",
        desired=DELETED | {"status": RUNNING},
        observed={"remote": MISSING, "fresh": True, "absences": given.absences(0)},
        requeue=60.0,
    ),
    Row(
        why="three over two minutes are",
        desired=DELETED | {"status": RUNNING},
        observed=GONE,
        then=ReleaseFinalizer,
    ),
    Row(
        why="also where the poll made them, so that this pass has nothing to read",
        desired=DELETED | {"status": RUNNING},
        observed=GONE | {"fresh": False},
        then=ReleaseFinalizer,
    ),
    Row(
        why="not within five minutes of the intent: the job may only not be visible yet",
        desired=DELETED | {"intent": given.intent(time=NOW - (NOW - OWN.time) / 10)},
        observed=GONE,
    ),
    Row(
        why="a job that came back after its recorded end is cancelled, and the end stays recorded",
        desired=DELETED | {"status": FAILED},
        observed={"remote": job()},
        then=CancelJob,
    ),
    Row(
        why="an ended job that is gone needs one read",
        desired=DELETED | {"status": SUCCEEDED},
        observed={"remote": MISSING, "fresh": True, "absences": given.absences(0)},
        then=ReleaseFinalizer,
    ),
    Row(
        why="somebody else's job under a chosen name is left alone",
        desired=DELETED | {"intent": CHOSEN_INTENT, "spec": CHOSEN_SPEC},
        observed={"remote": job(name=CHOSEN, gpu="T4"), "fresh": True},
        then=ReleaseFinalizer,
        events=(),
    ),
    Row(
        why="where the spec changed meanwhile nobody can say whose it is: it's left, and told of",
        desired=DELETED | {"intent": CHOSEN_INTENT, "spec": spec(jobName=CHOSEN, **CHANGED)},
        observed={"remote": job(name=CHOSEN), "fresh": True},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
]

MARKED = dataclasses.replace(OWN, status_wiped="true")
WIPED = [
    Row(
        why="a status that somebody emptied may have said that the job is there: that is noted before all else",
        desired={"intent": OWN, "status_wiped": True},
        observed={"environment_read": True},
        then=WriteIntent,
    ),
    Row(
        why="also while the platform is away: the next status that is written hides who emptied it",
        desired={"intent": OWN, "status_wiped": True},
        observed={"connection": given.DOWN},
        then=WriteIntent,
    ),
    Row(
        why="where this process knows what was sent nothing has to be noted",
        desired={"intent": OWN, "status_wiped": True},
        observed=READY_TO_SEND,
        then=CreateJob,
    ),
    Row(
        why="such an attempt is never submitted again: it's looked for",
        desired={"intent": MARKED, "status_wiped": True},
        observed={"remote": MISSING, "environment_read": True},
        then=ReadJob,
    ),
    Row(
        why="and where it's gone nobody knows how it ended",
        desired={"intent": MARKED, "status": PENDING},
        observed=GONE | {"sent": Sent.UNANSWERED},
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
    Row(
        why="one that is there is followed as before",
        desired={"intent": MARKED, "status_wiped": True},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
        events=(Reason.SUBMITTED, Reason.STARTED),
    ),
    Row(
        why="a phase that only a job can have says so as well, where its id alone was edited away",
        desired={"intent": OWN, "status": recorded(Phase.RUNNING, job_id=None)},
        observed={"remote": MISSING, "environment_read": True},
        then=ReadJob,
    ),
    Row(
        why="also when it's missing for long",
        desired={"intent": OWN, "status": recorded(Phase.RUNNING, job_id=None)},
        observed=GONE | {"sent": Sent.UNANSWERED},
        phase=Phase.FAILED,
        reason=Reason.REMOTE_DELETED,
    ),
]

NO_JOB, ODD_JOB = read_spec({"job": {"image": "i", "command": "c", "gpu": {"type": "none"}, "cpu": 3}})
NO_POLICY, ODD_POLICY = read_spec({"job": SPEC.job.manifest(), "deletionPolicy": "Keep"})
_, ODD_ARTIFACTS = read_spec({"job": SPEC.job.manifest(), "deleteArtifacts": "perhaps"})
UNREADABLE = [
    Row(
        why="a job that can't be read is never submitted; the user hears what is odd",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB},
        observed=READY_TO_SEND,
        phase=Phase.PENDING,
        reason=Reason.SPEC_UNREADABLE,
        requeue=None,
    ),
    Row(
        why="nor is its create settled: what was sent can't be compared with it",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB, "intent": OWN},
        observed={"remote": MISSING, "fresh": True, "environment_read": True},
        phase=Phase.PENDING,
        reason=Reason.SPEC_UNREADABLE,
    ),
    Row(
        why="but whether its create made a job is looked at: it would run unseen",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB, "intent": OWN},
        then=ReadJob,
    ),
    Row(
        why="and looked at again: one answer doesn't prove that there will be none",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB, "intent": OWN},
        observed={"remote": MISSING, "absences": given.absences(61.0)},
        then=ReadJob,
    ),
    Row(
        why="with time between the looks",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB, "intent": OWN},
        observed={"remote": MISSING, "absences": given.absences(20.0)},
        phase=Phase.PENDING,
        reason=Reason.SPEC_UNREADABLE,
        requeue=40.0,
    ),
    Row(
        why="until there surely is none",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB, "intent": OWN},
        observed={"remote": MISSING, "absences": given.absences(900.0, 400.0, 300.0, 61.0)},
        phase=Phase.PENDING,
        reason=Reason.SPEC_UNREADABLE,
        requeue=None,
    ),
    Row(
        why="and a job that is there under the generated name is followed",
        desired={"spec": NO_JOB, "unreadable": ODD_JOB, "intent": OWN},
        observed={"remote": job(), "fresh": True},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
        attention=Reason.SPEC_UNREADABLE,
        follow=True,
        events=(Reason.SUBMITTED, Reason.STARTED, Reason.SPEC_UNREADABLE),
    ),
    Row(
        why="a running job runs on and is followed: nothing says that it isn't wanted any more",
        desired={
            "spec": NO_JOB.model_copy(update={"run_id": "2"}),
            "unreadable": ODD_JOB,
            "intent": OWN,
            "status": recorded(Phase.QUEUED),
        },
        observed={"remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.RUNNING,
        attention=Reason.SPEC_UNREADABLE,
        follow=True,
    ),
    Row(
        why="an end isn't followed by another attempt of what can't be read",
        desired={
            "spec": NO_JOB.model_copy(update={"run_id": "2"}),
            "unreadable": ODD_JOB,
            "intent": OWN,
            "status": SUCCEEDED,
        },
        phase=Phase.SUCCEEDED,
        reason=Reason.SUCCEEDED,
        attention=Reason.SPEC_UNREADABLE,
    ),
    Row(
        why="deletion is carried out",
        desired=DELETED | {"spec": NO_JOB, "unreadable": ODD_JOB, "status": RUNNING},
        observed={"remote": job()},
        then=CancelJob,
        phase=Phase.CANCELLING,
        reason=Reason.DELETING,
    ),
    Row(
        why="but where the policy itself can't be read nobody knows what to do with the job",
        desired=DELETED | {"spec": NO_POLICY, "unreadable": ODD_POLICY, "status": RUNNING},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.DELETION_BLOCKED,
    ),
    Row(
        why="nor where it can't be read whether its artifacts go with it: that can't be undone, nor done later",
        desired=DELETED | {"spec": NO_POLICY, "unreadable": ODD_ARTIFACTS, "status": RUNNING},
        observed={"remote": job()},
        phase=Phase.RUNNING,
        reason=Reason.DELETION_BLOCKED,
    ),
    Row(
        why="it can be forced away",
        desired=DELETED | {"spec": NO_POLICY, "unreadable": ODD_POLICY, "status": RUNNING, "force_orphan": True},
        observed={"remote": job()},
        then=ReleaseFinalizer,
        events=(Reason.ORPHANED,),
    ),
]

PAUSED = [
    Row(
        why="paused: nothing but Attention is written",
        desired={"paused": True},
        attention=Reason.PAUSED,
    ),
    Row(
        why="told once",
        desired={"paused": True, "intent": OWN, "status": RUNNING},
        observed={"remote": job(JobStatus.SUCCEEDED)},
        phase=Phase.RUNNING,
        attention=Reason.PAUSED,
        follow=True,
    ),
]

GROUPS = {
    "submission": SUBMISSION,
    "holds": HOLDS,
    "chosen names": CHOSEN_NAMES,
    "intents": INTENTS,
    "following": FOLLOWING,
    "ended": ENDED,
    "deletion": DELETION,
    "wiped": WIPED,
    "unreadable": UNREADABLE,
    "paused": PAUSED,
}


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{group}: {row.why}") for group, rows in GROUPS.items() for row in rows]
)
def test_the_rule_gives(row: Row) -> None:
    decision = decide(given.desired(**row.desired), given.observed(**row.observed), NOW)
    assert (type(decision.step) if decision.step else None) is row.then, decision
    _assert_status(row, decision)
    if row.events is not None:
        assert tuple(event.reason for event in decision.events) == row.events
    if row.requeue is not ANY:
        assert decision.requeue_after == row.requeue
    if row.follow is not None:
        assert (decision.follow is not None) is row.follow


def _assert_status(row: Row, decision: Decision) -> None:
    if row.phase is None and row.attention is None:
        unchanged = decision.status is None or row.follow is True
        assert unchanged, decision.status
        return
    status = decision.status
    assert status is not None, decision
    assert status.phase is row.phase
    told = {
        ConditionType.READY: row.reason,
        ConditionType.ATTENTION: row.attention,
    }
    for kind, reason in told.items():
        found = given.condition(status, kind)
        if reason is not None:
            assert found is not None
            assert found.reason == reason
    if row.synced is not None:
        synced = given.condition(status, ConditionType.SYNCED)
        assert synced is not None
        assert synced.status == row.synced

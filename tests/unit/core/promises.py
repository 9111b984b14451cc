"""What no decision may break, whatever it was given: the invariants of the reliability page, said without the rules.

Each promise is a generator of complaints. Where a promise needs to know whether a remote job may exist, it reckons that
from the input by itself, so that the rules can't vouch for themselves.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from seedjob_operator.core import naming
from seedjob_operator.core.decision import (
    BeginAttempt,
    CancelJob,
    CreateJob,
    Decision,
    DeleteJob,
    DeleteObject,
    DropIntent,
    ReadJob,
    ReadResult,
    ReleaseFinalizer,
    WriteIntent,
)
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, UNREAD, Connection, Desired, Observed, Sent
from seedjob_operator.resources import ConditionType, DeletionPolicy, Phase, SeedJobStatus
from seedjob_operator.seedapi.wire import Job
from unit.core import given
from unit.core.given import GENERATED, INHERITED

Promise = Callable[[Desired, Observed, Decision], Iterator[str]]

REMOTE_STEPS = (ReadJob, CreateJob, CancelJob, DeleteJob, ReadResult)
UNSETTLED = {Sent.UNKNOWN, Sent.UNANSWERED, Sent.CONFLICT_AFTER_UNANSWERED, Sent.REJECTED_AFTER_UNANSWERED}
SURELY_NOTHING = {Sent.NOTHING, Sent.REJECTED, Sent.CONFLICT}
FAILURES = {Phase.FAILED, Phase.TIMED_OUT, Phase.CANCELLED}


def ended(desired: Desired) -> bool:
    return desired.status.phase in FAILURES | {Phase.SUCCEEDED}


def generated(desired: Desired) -> str:
    """Give the generated name of the attempt in force, or of the next."""
    return given.SECOND if desired.status.attempts else GENERATED


def archived(desired: Desired, name: str) -> bool:
    return name in {past.job_name for past in desired.status.attempts}


def counts(desired: Desired, intent: Intent | None, sent: Sent) -> bool:
    """Whether an intent is that of this object's attempt in force, by what the tests made it from."""
    if intent is None or intent.name != desired.name or archived(desired, intent.job_name):
        return False
    if desired.status.job_id is not None and desired.status.job_name is not None:
        return intent.job_name == desired.status.job_name
    if intent.job_name in {GENERATED, INHERITED, given.SECOND}:
        return True
    if intent.uid != desired.uid:
        return desired.spec.job_name == intent.job_name
    removed = desired.status.job_id is None and sent not in SURELY_NOTHING
    return desired.spec.job_name is not None or removed


def refused_by_record(desired: Desired) -> bool:
    """Whether the status says that this very intent's create was refused, so that it has no job."""
    submitted, intent = given.condition(desired.status, ConditionType.SUBMITTED), desired.intent
    if submitted is None or intent is None:
        return False
    same = (desired.status.job_name, desired.status.spec_hash) == (intent.job_name, intent.spec_hash)
    told_at = desired.status.last_sync_time
    same = same and told_at is not None and told_at >= intent.time
    if submitted.reason == Reason.NAME_TAKEN:  # a job that may be ours was told apart by comparing what was sent
        return same and intent.spec_hash == desired.spec_hash
    return same and submitted.reason == Reason.SPEC_REJECTED


def intent_was_removed(desired: Desired, observed: Observed) -> bool:
    """Whether the finalizer tells of an intent that isn't there any more, under which a create may have been sent."""
    over = ended(desired) or (desired.status.phase is Phase.SUSPENDED and desired.status.job_id is not None)
    if desired.intent is not None or not desired.finalizer or over:
        return False
    others = observed.sent is Sent.CONFLICT and desired.spec.job_name is not None
    return observed.sent not in {Sent.NOTHING, Sent.REJECTED} and not others


def surely_no_job(desired: Desired, observed: Observed) -> bool:
    of_a_past_one = desired.intent is not None and archived(desired, desired.intent.job_name)
    made = observed.sent is Sent.CREATED and not of_a_past_one
    if desired.status.job_id is not None or made or ours(desired, observed.remote):
        return False
    if intent_was_removed(desired, observed):
        return False
    if not counts(desired, desired.intent, observed.sent):
        return True
    assert desired.intent is not None
    if desired.intent.job_name == INHERITED:
        return False
    if observed.sent is Sent.UNKNOWN:
        return refused_by_record(desired)
    return observed.sent in {Sent.NOTHING, Sent.REJECTED} or (
        observed.sent is Sent.CONFLICT and desired.intent.job_name not in {GENERATED, given.SECOND}
    )


def job_name_of(desired: Desired) -> str | None:
    if desired.status.job_id is not None and desired.status.job_name is not None:
        return desired.status.job_name
    if desired.intent is not None and counts(desired, desired.intent, Sent.UNKNOWN):
        return desired.intent.job_name
    return generated(desired) if desired.spec.job_name is None else desired.spec.job_name


def ours(desired: Desired, job: object) -> bool:
    """Whether a job that was seen is surely this attempt's."""
    if not isinstance(job, Job):
        return False
    if desired.status.job_id is not None:
        return job.id == desired.status.job_id
    name = job_name_of(desired)
    generated_now = job.name in {GENERATED, given.SECOND} and job.name in {generated(desired), name}
    return generated_now or (job.name == INHERITED and job.name == job_name_of(desired))


def create_only_when_all_is_in_place(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I1: intent current, finalizer there, environment read, nothing recorded, nothing held."""
    if not isinstance(decision.step, CreateJob):
        return
    intent, connection = decision.step.intent, observed.connection
    stored = desired.intent
    yield from _complaints(
        {
            "without its intent being stored": stored is None or stored != intent,
            "for another object": (intent.uid, intent.namespace, intent.name)
            != (desired.uid, desired.namespace, desired.name),
            "under a predecessor's intent": intent.origin_uid is not None,
            "for another spec than the intent's": intent.spec_hash != desired.spec_hash,
            "without the finalizer": not desired.finalizer,
            "without the environment": not observed.environment_read or observed.environment_hold is not None,
            "while deleted or paused": desired.deleting or desired.paused,
            "by a spec that can't be read": desired.unreadable is not None,
            "though a wiped status may have said that it's there": desired.status_wiped
            and observed.sent is Sent.UNKNOWN,
            "though a job is recorded": desired.status.job_id is not None,
            "though the end is recorded": ended(desired),
            "though it was answered already": observed.sent is Sent.CREATED,
            "though its job was seen": ours(desired, observed.remote),
            "though the name is taken": observed.sent is Sent.CONFLICT,
            "over no connection": not isinstance(connection, Connection),
            "against spec.cancel": desired.spec.cancel,
            "against spec.suspend": desired.spec.suspend,
            "for an attempt that is over": archived(desired, intent.job_name),
            "for a run that is over": is_past(desired, desired.spec.run_id) and desired.status.run_id != intent.run_id,
            "for another run than the spec's": intent.run_id != desired.spec.run_id,
            "for a job that was adopted": intent.adopted_id is not None,
        }
    )
    if isinstance(connection, Connection):
        place = (intent.endpoint, intent.seed_namespace) == (connection.endpoint, connection.seed_namespace)
        usable = connection.proven and connection.fault is None and observed.fault is None
        yield from _complaints({"at another place": not place, "over an unusable connection": not usable})
    if observed.sent in UNSETTLED and not refused_by_record(desired):
        yield from _complaints({"before a read": observed.remote is not MISSING or not observed.fresh})


def _complaints(broken: dict[str, bool]) -> Iterator[str]:
    yield from (f"acts {what}" for what, is_broken in broken.items() if is_broken)


def intent_is_this_objects(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I3: the name of an attempt is written once, and carries its owner's UID or was chosen for it."""
    if not isinstance(decision.step, WriteIntent):
        return
    intent = decision.step.intent
    known = {
        generated(desired),
        INHERITED,
        f"{desired.spec.job_name}-2",
        desired.spec.job_name,
        desired.status.job_name if desired.status.job_id else None,
    }
    stored = desired.intent if counts(desired, desired.intent, observed.sent) else None
    yield from _complaints(
        {
            "on metadata while deleted or paused": desired.deleting or desired.paused,
            "on metadata after the end": ended(desired)
            and desired.finalizer
            and (stored is not None and stored.uid == desired.uid),  # what was taken away is put back
            "with an intent for another object": (intent.uid, intent.name) != (desired.uid, desired.name),
            "with an intent to nowhere": not intent.endpoint or not intent.seed_namespace,
            "with a name that isn't its own": intent.job_name not in known
            and (stored is None or intent.job_name != stored.job_name),
            "against the recorded name": desired.status.job_id is not None and intent.job_name != job_name_of(desired),
            "with another name while a create is open": stored is not None
            and desired.status.job_id is None
            and observed.sent in UNSETTLED | {Sent.CREATED}
            and not refused_by_record(desired)
            and intent.job_name != stored.job_name,
        }
    )


def finalizer_goes_last(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I2, I5: released only when gone, ended under Cancel, orphaned by policy and told, forced, or never made."""
    if not isinstance(decision.step, ReleaseFinalizer):
        return
    orphaned = Reason.ORPHANED in {event.reason for event in decision.events}
    no_job = surely_no_job(desired, observed)
    held = desired.finalizer or (desired.intent is not None and desired.intent.uid == desired.uid)
    if not desired.deleting or not held:
        yield "releases what isn't deleted, or isn't held"
    if desired.paused and not desired.force_orphan:
        yield "releases while paused"
    let_go = desired.force_orphan or desired.spec.deletion_policy is DeletionPolicy.ORPHAN
    numbered = (
        desired.intent is not None and desired.intent.attempt > 1 and counts(desired, desired.intent, observed.sent)
    )
    numbered = numbered and desired.spec.job_name is None  # chosen names prove nothing, and aren't looked for
    nothing_left = no_job and not desired.status.attempts and not numbered
    if let_go and orphaned is nothing_left:
        yield f"lets go, no job is {no_job}, and Orphaned is {orphaned}"
    if not (let_go or no_job or orphaned or _over(desired, observed)):
        yield "releases a job that may still run"


def _over(desired: Desired, observed: Observed) -> bool:
    job, policy = observed.remote, desired.spec.deletion_policy
    known_end = ended(desired) or observed.delete_answered
    if isinstance(job, Job):
        kept = policy is DeletionPolicy.CANCEL or observed.delete_refused
        ours_is_over = job.status.terminal and kept
        others = observed.fresh and not ours(desired, job) and job.name == job_name_of(desired)
        return ours_is_over or others or (ended(desired) and policy is DeletionPolicy.CANCEL)
    if ended(desired) and policy is DeletionPolicy.CANCEL:
        return True
    return job is MISSING and ((observed.fresh and known_end) or _absent_for_long(observed))


def _absent_for_long(observed: Observed) -> bool:
    seen = observed.absences
    return len(seen) >= 3 and seen[-1] - seen[0] >= timedelta(minutes=2)


def is_past(desired: Desired, run_id: str) -> bool:
    return naming.run_hash(run_id) in desired.status.past_runs


def cost_may_be_too_high(desired: Desired, observed: Observed) -> bool:
    """Whether the limit may be passed: an hour's price for an hour since the start is more than can have been spent."""
    limit, job, cost = desired.spec.cost_limit, observed.remote, desired.status.cost
    if limit is None:
        return False
    price = job.cost_per_hour if isinstance(job, Job) else cost.per_hour if cost is not None else None
    return price is not None and (desired.status.earlier_cost or 0) + price > limit


def asked_to_end(desired: Desired, observed: Observed) -> bool:
    """Whether the attempt in force is to be cancelled, by what the user asked for or was told."""
    spec, status, intent = desired.spec, desired.status, desired.intent
    sent_run = status.run_id if status.job_id is not None and status.run_id else intent.run_id if intent else None
    sent_job = (
        status.spec_hash if status.job_id is not None and status.spec_hash else intent.spec_hash if intent else None
    )
    other_run = sent_run is not None and sent_run != spec.run_id
    other_job = sent_job is not None and sent_job != desired.spec_hash and spec.update_policy == "Replace"
    stored = status.cancel_reason is not None or (intent is not None and intent.cancel_reason is not None)
    asked = spec.cancel or spec.suspend or (other_run and not is_past(desired, spec.run_id)) or other_job
    return asked or stored or cost_may_be_too_high(desired, observed)


def cancelled_and_deleted_for_a_reason(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    step, job, spec = decision.step, observed.remote, desired.spec
    if not isinstance(step, CancelJob | DeleteJob):
        return
    expires = ended(desired) and spec.remote_ttl_seconds_after_finished is not None
    to_go = asked_to_end(desired, observed) if isinstance(step, CancelJob) else expires
    let_go = desired.deleting and (spec.deletion_policy is DeletionPolicy.ORPHAN or desired.force_orphan)
    yield from _complaints(
        {
            "on a job that isn't to go": not (desired.deleting or to_go) or desired.paused,
            "against Orphan": let_go,
            "before its reason is stored": isinstance(step, CancelJob)
            and not desired.deleting
            and counts(desired, desired.intent, observed.sent)
            and desired.intent is not None
            and desired.intent.cancel_reason is None,
            "on a job that wasn't seen": not isinstance(job, Job),
            "under another name": isinstance(job, Job) and step.name != job.name,
            "on another's job": isinstance(job, Job)
            and desired.status.job_id is not None
            and job.id != desired.status.job_id,
        }
    )
    if isinstance(step, DeleteJob):
        yield from _complaints(
            {
                "against Cancel": desired.deleting and spec.deletion_policy is not DeletionPolicy.DELETE,
                "on a job that runs": not isinstance(job, Job) or not job.status.terminal,
                "on artifacts without being asked, or not": step.delete_artifacts
                is not (desired.deleting and spec.delete_artifacts),
            }
        )


def nothing_is_asked_of_an_unusable_platform(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    if not isinstance(decision.step, REMOTE_STEPS):
        return
    connection = observed.connection
    if not isinstance(connection, Connection):
        yield "calls a platform without a connection"
        return
    if connection.fault is not None:
        yield "calls a platform that is known to fail"
    bound = desired.status.job_id is not None or counts(desired, desired.intent, observed.sent)
    if bound and connection.seed_namespace != given.OWN.seed_namespace and not surely_no_job(desired, observed):
        yield "calls another place than the attempt is bound to"


def paused_writes_attention_alone(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    if not desired.paused or (desired.deleting and desired.force_orphan):
        return
    if decision.step is not None or decision.events:
        yield "acts while paused"
    if decision.status is not None:
        told = [one for one in decision.status.conditions if one.type != ConditionType.ATTENTION]
        before = [one for one in desired.status.conditions if one.type != ConditionType.ATTENTION]
        same = decision.status.model_copy(update={"conditions": ()}) == desired.status.model_copy(
            update={"conditions": ()}
        )
        if not same or [one.reason for one in told] != [one.reason for one in before]:
            yield "writes more than Attention while paused"


def an_end_stays(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I4: terminal is absorbing, and what was recorded with it doesn't change."""
    before, after = desired.status, decision.status
    if after is None or not ended(desired) or makes_room(decision):
        return
    for field in ("phase", "completion_time", "exit_code", "cost", "runtime_seconds", "start_time"):
        if getattr(before, field) is not None and getattr(before, field) != getattr(after, field):
            yield f"changes {field} of an end"
    for kind in (ConditionType.COMPLETE, ConditionType.FAILED):
        old, new = given.condition(before, kind), given.condition(after, kind)
        if old is None or new is None:
            continue
        if old.model_copy(update={"observed_generation": new.observed_generation}) != new:
            yield f"changes {kind} of an end"


def names_and_ids_are_written_once(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I3."""
    before, after = desired.status, decision.status
    if after is None or before.job_id is None or makes_room(decision):
        return
    for field in ("job_id", "job_name", "attempt", "run_id", "spec_hash"):
        if getattr(before, field) is not None and getattr(before, field) != getattr(after, field):
            yield f"rewrites {field}"


def conditions_agree(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I4 and the table of phases: no two conditions contradict each other or the phase."""
    if decision.status is None or desired.paused:
        return
    said = {one.type: one.status == "True" for one in decision.status.conditions}
    phase = decision.status.phase
    ready, busy, stalled = (said[kind] for kind in ("Ready", "Reconciling", "Stalled"))
    yield from _complaints(
        {
            "as Complete and Failed": said["Complete"] and said["Failed"],
            "as Complete in another phase": said["Complete"] is not (phase is Phase.SUCCEEDED),
            "as Failed in another phase": said["Failed"] is not (phase in FAILURES),
            "as none or two of Ready, Reconciling, Stalled": ready + busy + stalled != 1,
            "as submitted without an id": said["Submitted"] is not (decision.status.job_id is not None),
        }
    )


def generation_goes_with_conditions(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    status = decision.status
    if status is None:
        return
    generations = {one.observed_generation for one in status.conditions} | {status.observed_generation}
    expected = desired.status.observed_generation if desired.paused else desired.generation
    if generations != {expected}:
        yield f"writes the generations {generations}, not {expected}"


def an_outage_changes_no_phase(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    connection = observed.connection
    out = not isinstance(connection, Connection) or connection.fault is not None or observed.fault is not None
    seen_ended = isinstance(observed.remote, Job) and observed.remote.status.terminal
    grace = isinstance(connection, Connection) and connection is given.BLINK
    if desired.status.phase is Phase.CANCELLING and (desired.spec.cancel or desired.spec.suspend):
        grace = False  # what is asked for is told at once, and not taken back
    if not out or grace or seen_ended or decision.status is None or desired.paused:
        return
    before, after = desired.status.phase, decision.status.phase
    if makes_room(decision) or (before is Phase.SUSPENDED and after is Phase.CANCELLED):
        return  # the user asked for that, and nothing of the platform's is believed to have changed
    if desired.status.job_id is not None and before is not after:
        yield f"makes {before} {after} in an outage"


def nobody_is_forgotten(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """Whatever isn't over is looked at again: by a step, the poll, or the clock; and never at once without a reason."""
    if decision.requeue_after is not None and decision.requeue_after < 1:
        yield "looks again in a hot loop"
    waiting = decision.step is None and decision.follow is None and decision.requeue_after is None
    if not waiting or desired.paused:
        return
    if desired.deleting and desired.finalizer:
        yield "forgets a deletion"
    moved = isinstance(observed.connection, Connection) and observed.connection.seed_namespace != "acme"
    written = decision.status or desired.status
    if desired.status.job_id is not None and not (desired.deleting or moved or ended_in(written)):
        yield "forgets a job"


def ended_in(status: SeedJobStatus) -> bool:
    return status.phase in FAILURES | {Phase.SUCCEEDED, Phase.SUSPENDED}


def makes_room(decision: Decision) -> bool:
    return decision.status is not None and isinstance(decision.step, BeginAttempt)


def an_attempt_makes_room_whole(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I3, I4: an attempt goes to the records once, with all that it ended with, and only for a reason."""
    before, after = desired.status, decision.status
    if after is None or not makes_room(decision):
        return
    record = after.attempts[0] if after.attempts != before.attempts else None
    spec, recorded = desired.spec, before.run_id if before.job_id is not None or ended(desired) else None
    run = recorded or (desired.intent.run_id if desired.intent else before.run_id)
    over = ended(desired) or before.phase is Phase.SUSPENDED
    over = over or (isinstance(observed.remote, Job) and observed.remote.status.terminal)
    over = over or (desired.status.job_id is not None and observed.fresh and observed.remote is not UNREAD)
    over = over or (observed.fresh and _absent_for_long(observed))
    made_room = {before.cancel_reason, desired.intent.cancel_reason if desired.intent else None}
    due = (
        run != spec.run_id
        or spec.update_policy == "Replace"
        or before.cancel_reason == Reason.SUSPENDED
        or made_room & {Reason.SUSPENDED, Reason.REPLACED, Reason.RUN_ID_CHANGED}
        or before.phase is Phase.SUSPENDED
    )
    yield from _complaints(
        {
            "on an attempt that may run": not over,
            "as if another attempt were asked for": not due,
            "as if a past run were a new one": is_past(desired, spec.run_id) and run != spec.run_id,
            "without a record of its job": before.job_id is not None
            and (record is None or record.job_id != before.job_id),
            "and keeps what belonged to the attempt": after.job_id is not None or after.start_time is not None,
            "and forgets the run": run is not None and naming.run_hash(run) not in after.past_runs,
        }
    )
    if record is not None and ended(desired):
        kept = ("job_name", "run_id", "phase", "completion_time", "exit_code", "cost", "start_time", "runtime_seconds")
        changed = [name for name in kept if getattr(record, name) != getattr(before, name)]
        if changed:
            yield f"records another {changed}"


def the_object_goes_only_after_its_end(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    if not isinstance(decision.step, DeleteObject):
        return
    yield from _complaints(
        {
            "on an object that hasn't ended": not ended(desired),
            "on an object without a TTL": desired.spec.ttl_seconds_after_finished is None,
            "on what a GitOps tool would make again": desired.tracked,
            "on a paused or deleted object": desired.paused or desired.deleting,
        }
    )


def the_strongest_verb_is_obeyed(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """What a new cancel is for is what the strongest verb says."""
    step = decision.step
    if not isinstance(step, WriteIntent) or step.intent.cancel_reason is None or desired.deleting:
        return
    if desired.intent is not None and desired.intent.cancel_reason is not None:
        return
    if desired.status.cancel_reason is not None:
        return
    reason, spec = step.intent.cancel_reason, desired.spec
    yield from _complaints(
        {
            "for less than cancel": spec.cancel and reason != Reason.CANCELLED_BY_USER,
            "for less than suspend": spec.suspend and reason in {Reason.RUN_ID_CHANGED, Reason.REPLACED},
        }
    )


def an_intent_is_dropped_for_a_reason(desired: Desired, observed: Observed, decision: Decision) -> Iterator[str]:
    """I2: what names a job that may be ours is never thrown away silently."""
    if not isinstance(decision.step, DropIntent):
        return
    told = {event.reason for event in decision.events}
    if desired.status.job_id is not None or desired.deleting or desired.paused:
        yield "drops the intent of a job that is recorded, or while deleted or paused"
    if counts(desired, desired.intent, observed.sent) and Reason.ORPHANED not in told:
        moved_on = observed.fresh and observed.remote not in {MISSING, UNREAD} and not ours(desired, observed.remote)
        nameless = desired.spec.job_name is None and observed.sent is Sent.UNKNOWN
        if not moved_on and not (nameless and _absent_for_long(observed)):
            yield "drops an intent that counts"


PROMISES: tuple[Promise, ...] = (
    create_only_when_all_is_in_place,
    intent_is_this_objects,
    finalizer_goes_last,
    cancelled_and_deleted_for_a_reason,
    the_object_goes_only_after_its_end,
    an_attempt_makes_room_whole,
    the_strongest_verb_is_obeyed,
    nothing_is_asked_of_an_unusable_platform,
    paused_writes_attention_alone,
    an_end_stays,
    names_and_ids_are_written_once,
    conditions_agree,
    generation_goes_with_conditions,
    an_outage_changes_no_phase,
    nobody_is_forgotten,
    an_intent_is_dropped_for_a_reason,
)

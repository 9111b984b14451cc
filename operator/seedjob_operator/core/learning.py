"""How the outcome of a step changes what is observed. Pure, like the rules that read it."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum

from seedjob_operator.core.intent import Intent
from seedjob_operator.core.snapshot import MISSING, UNREAD, Connection, Desired, Fault, Hold, Observed, Result, Sent
from seedjob_operator.core.telling import Event
from seedjob_operator.seedapi.wire import Analytics, Job, JobStatus

SEPARATE = timedelta(seconds=50)
_MOST_ABSENCES = 8
_MAYBE_MADE = frozenset({Sent.UNKNOWN, Sent.UNANSWERED, Sent.CONFLICT_AFTER_UNANSWERED, Sent.REJECTED_AFTER_UNANSWERED})


class Answer(Enum):
    """What an unsuccessful create says of the job that it was to make."""

    UNANSWERED = "unanswered"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    REFUSED = "refused"


def pass_begun(
    observed: Observed,
    connection: Connection | Hold,
    *,
    clock_offset: timedelta = timedelta(0),
    rivals: frozenset[str] = frozenset(),
    claimed: frozenset[str] = frozenset(),
    contenders: tuple[Desired, ...] = (),
    intent: Intent | None = None,
    reconcile_at: str = "",
) -> Observed:
    """Begin a pass: what was read in the last one is no longer fresh.

    A wish to look now counts once it changed: the first pass of a process looks at everything anyway.
    """
    asked = observed.reconcile_at is not None and observed.reconcile_at != reconcile_at
    about = intent.job_name if observed.about is None and intent is not None else observed.about
    return observed._replace(
        about=about,
        look_now=observed.look_now or asked,
        reconcile_at=reconcile_at,
        claimed=claimed,
        contenders=contenders,
        connection=connection,
        environment_hold=None,
        environment_read=False,
        secrets=None,
        connection_held=False,
        fresh=False,
        fault=None,
        clock_offset=clock_offset,
        rivals=rivals,
    )


def pass_ended(observed: Observed) -> Observed:
    """End a pass: only one without a fault lets the back-off begin anew."""
    ended = observed._replace(tried=(), told=()) if observed.tried else observed
    return ended if ended.fault is not None else ended._replace(failures=0, failing_since=None)


def write_failed(observed: Observed, *, tried: tuple[Event, ...], told: tuple[Event, ...]) -> Observed:
    """A write to Kubernetes failed, and these Events went with it; what it was to say may be so all the same."""
    new = tuple(event for event in tried if event not in observed.tried)
    return observed._replace(tried=(*observed.tried, *new), told=(*observed.told, *told))


def environment_read(observed: Observed, hold: Hold | None, *, secrets: str | None = None) -> Observed:
    """The environment was looked at; `secrets` is the stamp of those that it was built from."""
    return observed._replace(environment_read=True, environment_hold=hold, secrets=secrets)


def connection_held(observed: Observed, hold: Hold | None) -> Observed:
    """The SeedConnection is held by our finalizer, or can't be any more."""
    if hold is not None:
        return observed._replace(connection=hold)
    return observed._replace(connection_held=True)


def intent_written(
    observed: Observed, *, before: Intent | None, written: Intent, known: Sent | None = None
) -> Observed:
    """An intent is stored. Nothing was sent under it, unless it renews one whose create may have been carried out."""
    same_name = before is not None and before.job_name == written.job_name
    if not same_name:
        observed = _without_attempt(observed)
    sent = _renewed(known or observed.sent) if same_name else Sent.NOTHING
    remote = observed.remote
    if isinstance(remote, Job) and remote.name != written.job_name:
        remote = UNREAD  # it was read under another name, and says nothing of this attempt's job
    return observed._replace(about=written.job_name, sent=sent, rejection="", remote=remote)


def _without_attempt(observed: Observed) -> Observed:
    """What was done to make, end and remove a job, and read of its result, says nothing of another one."""
    return observed._replace(
        posted_at=None,
        conflicts=0,
        absences=(),
        cancel_asked_at=None,
        cancels=0,
        delete_answered=False,
        deletes=0,
        undeleted_since=None,
        delete_refused=False,
        unmasked_at=None,
        result=Result(),
        result_reads=0,
        result_read_at=None,
        sample=None,
        sampled_at=None,
    )


def attempt_begun(observed: Observed) -> Observed:
    """The last attempt is over and recorded: begin anew, with nothing seen and nothing sent."""
    return Observed(
        connection=observed.connection,
        about="",
        reconcile_at=observed.reconcile_at,
        currency=observed.currency,
        clock_offset=observed.clock_offset,
        rivals=observed.rivals,
        claimed=observed.claimed,
        contenders=observed.contenders,
        gone=observed.gone,
    )


def noted_gone(observed: Observed, name: str) -> Observed:
    """One attempt's job needs no more cleaning up: begin anew with the next one's."""
    return attempt_begun(observed)._replace(gone=observed.gone | {name})


def _renewed(sent: Sent) -> Sent:
    if sent is Sent.REJECTED_AFTER_UNANSWERED:
        return Sent.UNANSWERED  # the refused spec was changed, the unanswered create is as open as before
    if sent is Sent.UNKNOWN:
        return Sent.UNANSWERED  # what an earlier process sent is as open, and the intent is now known to be in force
    return sent if sent is Sent.CREATED or sent in _MAYBE_MADE else Sent.NOTHING


def intent_dropped(observed: Observed) -> Observed:
    """An intent that didn't count is gone, and with it what was seen under its name."""
    return Observed(connection=observed.connection, currency=observed.currency, reconcile_at=observed.reconcile_at)


def job_seen(observed: Observed, job: Job, *, now: datetime | None, listed_at: datetime | None = None) -> Observed:
    """The platform showed the job: at `now` where it was read by name, at `listed_at` where it came in a list."""
    return _succeeded(observed)._replace(
        remote=_merged(observed, job),
        absences=(),
        conflicts=0,
        undeleted_since=_undeleted_since(observed, now or listed_at),
        fresh=observed.fresh or now is not None,
        read_at=now or observed.read_at,
        end_listed=now is None and job.status.terminal,
        seen_at=now or listed_at,
        look_now=observed.look_now and now is None,
        unlisted_active_at=now if observed.remote is MISSING and job.status.active else None,
        sampled_at=_sampled_at(observed, job, now or listed_at),
    )


def _sampled_at(observed: Observed, job: Job, at: datetime | None) -> datetime | None:
    """Count a job that ran before this process as sampled by the earlier one: a restart asks for no analytics."""
    taken_over = observed.sent is Sent.UNKNOWN and observed.remote is UNREAD and job.status is JobStatus.RUNNING
    return at if taken_over else observed.sampled_at


def _undeleted_since(observed: Observed, seen: datetime | None) -> datetime | None:
    return observed.undeleted_since or seen if observed.delete_answered else None


def job_created(observed: Observed, job: Job, *, now: datetime) -> Observed:
    """The platform answered a create with the job: it is ours, whatever its name and the clocks say."""
    return job_seen(observed, job, now=now)._replace(sent=Sent.CREATED, posted_at=now)


def _merged(observed: Observed, job: Job) -> Job:
    """A listed job says less than a read one: keep the parts that it leaves out, but for a total that has grown."""
    known = observed.remote
    if not isinstance(known, Job) or known.id != job.id:
        return job
    said = {name: value for name in job.model_fields_set if (value := getattr(job, name)) is not None}
    told = said | {"status": job.status, "total_cost": job.total_cost}
    if all(getattr(known, name) == value for name, value in told.items()):
        return known
    return known.model_copy(update=told)


def job_absent(observed: Observed, *, now: datetime) -> Observed:
    """A read by name said 404. Reads that follow each other closely count once."""
    known = observed.absences
    absences = known if known and now - known[-1] < SEPARATE else (*known[:1], *(*known[1:], now)[-_MOST_ABSENCES:])
    return _succeeded(observed)._replace(remote=MISSING, fresh=True, read_at=now, look_now=False, absences=absences)


def job_unlisted(observed: Observed) -> Observed:
    """A whole round of lists, begun after the submission, didn't show the job."""
    return observed._replace(remote=MISSING)


def create_failed(
    observed: Observed, answer: Answer, *, fault: Fault | None, message: str = "", spec_hash: str | None = None
) -> Observed:
    """A create didn't answer with a job.

    That the name exists proves earlier reads wrong which didn't find the job.
    """
    open_before = observed.sent in _MAYBE_MADE
    sent = {
        Answer.UNANSWERED: Sent.UNANSWERED,
        Answer.CONFLICT: Sent.CONFLICT_AFTER_UNANSWERED if open_before else Sent.CONFLICT,
        Answer.REJECTED: Sent.REJECTED_AFTER_UNANSWERED if open_before else Sent.REJECTED,
        Answer.REFUSED: observed.sent,
    }[answer]
    conflict = answer is Answer.CONFLICT
    changed = observed._replace(
        sent=sent,
        posted_at=fault.since if fault is not None and answer is Answer.UNANSWERED else observed.posted_at,
        conflicts=observed.conflicts + conflict,
        absences=() if conflict else observed.absences,
        remote=UNREAD,
        fresh=False,
        rejection=message,
        rejected_hash=spec_hash,
    )
    return changed if fault is None else step_failed(changed, fault)


def cancel_taken(observed: Observed, job: Job | None, *, now: datetime) -> Observed:
    """The platform took the cancel, or (without a job) says that the job's state doesn't let it be cancelled.

    Neither is the end: a read has yet to show that.
    """
    changed = observed._replace(cancel_asked_at=now, cancels=observed.cancels + 1)
    if job is None:
        return _succeeded(changed)._replace(remote=UNREAD, fresh=False)
    return job_seen(changed, job, now=now)


def record_deleted(observed: Observed) -> Observed:
    """The platform removed the record, or had none; a read has yet to confirm it."""
    return _succeeded(observed)._replace(
        delete_answered=True,
        deletes=observed.deletes + 1,
        undeleted_since=None,
        remote=MISSING,
        fresh=False,
    )


def delete_refused(observed: Observed) -> Observed:
    """The platform refuses to remove the record because of the job's state; a read tells which that is."""
    return _succeeded(observed)._replace(delete_refused=True, remote=UNREAD, fresh=False)


def result_read(
    observed: Observed,
    *,
    analytics: Analytics | None,
    log_tail: tuple[str, ...] | None,
    now: datetime,
) -> Observed:
    """The result of an ended job was asked for; what wasn't to be had is None and keeps what was read earlier."""
    result = Result(
        analytics=analytics or observed.result.analytics,
        log_tail=observed.result.log_tail if log_tail is None else log_tail,
    )
    return observed._replace(result=result, result_reads=observed.result_reads + 1, result_read_at=now)


def sampled(observed: Observed, analytics: Analytics | None, *, now: datetime) -> Observed:
    """The analytics of a running job were asked for; the summary is all that is told of them."""
    sample = observed.sample if analytics is None else Analytics(summary=analytics.summary)
    return observed._replace(sample=sample, sampled_at=now)


def texts_masked(observed: Observed, texts: Mapping[str, str | None]) -> Observed:
    """The job's words were looked through; those of an earlier look aren't asked for again."""
    return observed._replace(masked=dict(texts), unmasked_at=None)


def texts_unmasked(observed: Observed, texts: Iterable[str], *, now: datetime) -> Observed:
    """The Secrets couldn't be read just now: the job's words are left out until they can be."""
    return observed._replace(masked=dict.fromkeys(texts), unmasked_at=now)


def step_failed(observed: Observed, fault: Fault) -> Observed:
    """The platform didn't do what a step asked."""
    since = observed.failing_since or fault.since
    lasting = dataclasses.replace(fault, since=since)
    return observed._replace(fault=lasting, failing_since=since, failures=observed.failures + 1)


def _succeeded(observed: Observed) -> Observed:
    return observed if observed.fault is None else observed._replace(fault=None)

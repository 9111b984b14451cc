"""Rules for an attempt that has ended: its result stays, and only what wasn't to be had at once is added, once."""

import dataclasses
from datetime import timedelta

from seedjob_operator.core import attempts, attention, expiry, masking, outcome, recovery
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import Decision, ReadJob, ReadResult
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import ENDED_BADLY, FORGOTTEN
from seedjob_operator.core.snapshot import MISSING
from seedjob_operator.resources import ConditionType, Phase
from seedjob_operator.seedapi.wire import Job

LATE_RESULTS = timedelta(minutes=10)
_SAID_IN = {Phase.SUCCEEDED: ConditionType.COMPLETE, Phase.SUSPENDED: ConditionType.SUSPENDED}
_LATE_READS = (timedelta(seconds=10), timedelta(seconds=60), timedelta(minutes=6))
"""When, after the last look, the result is looked at again: few reads, the last within the ten minutes."""


def keep(case: Case) -> Decision:
    """Leave a recorded end as it is, but for late results, what its TTLs ask for, and the generation that was seen."""
    if case.observed.look_now and _can_be_read(case) and case.intent is not None:
        return Decision(step=ReadJob(name=case.intent.job_name))
    object_goes = expiry.object_due(case)
    if object_goes is not None:
        return object_goes
    if _late_results_wanted(case):
        return _read_late(case)
    record_goes = expiry.record_due(case)
    return record_goes if record_goes is not None else _restated(case)


def _can_be_read(case: Case) -> bool:
    return not case.out_of_reach and not case.elsewhere and case.submitted


def _late_results_wanted(case: Case) -> bool:
    ended_at = expiry.ended_at(case)
    return (
        _can_be_read(case)
        and ended_at is not None
        and case.now - ended_at < LATE_RESULTS
        and _lacking(case)
        and not attempts.remote_deleted(case.desired.status)
        and case.observed.remote is not MISSING
        and case.observed.result_reads <= len(_LATE_READS)
    )


def _lacking(case: Case) -> bool:
    """Tell whether a part of the result may yet come."""
    return _lacks_parts(case) or masking.lacks_last_words(case)


def _lacks_parts(case: Case) -> bool:
    """Tell whether a part of the result is neither recorded nor read."""
    status, result = case.desired.status, case.observed.result
    no_analytics = status.analytics is None and result.analytics is None
    wants_tail = status.phase in ENDED_BADLY and case.desired.spec.logs.tail_lines > 0
    no_tail = wants_tail and status.log_tail is None and result.log_tail is None
    unread = case.observed.end_listed or _lacks_exit_code(case)
    return no_analytics or no_tail or unread


def _lacks_exit_code(case: Case) -> bool:
    status, job = case.desired.status, case.observed.remote
    read = isinstance(job, Job) and job.exit_code is not None
    reason = case.recorded_verdict(ConditionType.FAILED)[0]
    return status.phase is Phase.FAILED and reason is Reason.FAILED and status.exit_code is None and not read


def _read_late(case: Case) -> Decision:
    intent, observed = case.intent, case.observed
    if intent is None:
        return _restated(case)
    wait = _seconds_to_next_read(case)
    mask = masking.mask_late(case) if not wait or masking.has_new_words(case) else None
    if wait > 0 and mask is None:
        restated = _restated(case)
        return dataclasses.replace(restated, requeue_after=min(wait, restated.requeue_after or wait))
    unread = observed.end_listed or _lacks_exit_code(case)
    if unread and not observed.fresh and observed.fault is None:
        return Decision(step=ReadJob(name=intent.job_name))
    if mask is not None:
        return Decision(step=mask)
    lines = case.desired.spec.logs.tail_lines if case.desired.status.phase in ENDED_BADLY else 0
    last = observed.result_reads == len(_LATE_READS)
    return Decision(step=ReadResult(name=intent.job_name, tail_lines=lines, secrets=masking.sent(case), last=last))


def _seconds_to_next_read(case: Case) -> float:
    observed = case.observed
    if observed.result_reads == 0 or observed.result_read_at is None:
        return 0.0
    due = observed.result_read_at + _LATE_READS[observed.result_reads - 1]
    return max((due - case.now).total_seconds(), 0.0)


def _restated(case: Case) -> Decision:
    """Record the same end again, where the generation, Attention or a whole late result is news."""
    phase = case.desired.status.phase or Phase.FAILED
    reason, message = case.recorded_verdict(_SAID_IN.get(phase, ConditionType.FAILED))
    observed = case.observed
    last = observed.result_reads > len(_LATE_READS)
    late = last or not (_lacking(case) if _late_results_wanted(case) else _lacks_parts(case))
    situation = dataclasses.replace(
        case.situation(phase, reason, _with_last_words(case, message) if late else message),
        synced=recovery.synced_again(case),
        job=_last_told(case) if late and observed.fresh else None,
        attention=expiry.unfulfilled(case) or attention.of_attempt(case),
        remote_deleted=FORGOTTEN if _is_forgotten(case) else None,
    )
    if late:
        situation = dataclasses.replace(situation, result=observed.result)
    waits = (expiry.seconds_to_go(case), recovery.seconds_to_look(case))
    return case.settle(situation, requeue_after=min((wait for wait in waits if wait is not None), default=None))


def _last_told(case: Case) -> Job | None:
    """Give what the platform says of the job, as it may be told."""
    job = case.observed.remote
    if not isinstance(job, Job) or not case.is_ours(job) or not job.status.terminal:
        return None
    return masking.told(case, job)


def _with_last_words(case: Case, recorded: str) -> str:
    """Give the sentence of a recorded end with the job's own words, where it has none; what it has doesn't change."""
    job, intent = _last_told(case), case.intent
    if job is None or intent is None or not job.error:
        return recorded
    if not outcome.lacks_words(recorded, job, cancel_reason=intent.cancel_reason):
        return recorded
    phase, reason, message = outcome.of(job, cancel_reason=intent.cancel_reason)
    said = case.recorded_verdict(_SAID_IN.get(phase, ConditionType.FAILED))[0]
    return message if (phase, reason) == (case.desired.status.phase, said) else recorded


def _is_forgotten(case: Case) -> bool:
    """Tell whether a read by name found no record any more; one that was removed on purpose says so by itself."""
    observed = case.observed
    known = attempts.remote_deleted(case.desired.status) or observed.delete_answered
    return case.submitted and observed.fresh and observed.remote is MISSING and not known

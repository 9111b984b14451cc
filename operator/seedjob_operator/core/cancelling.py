"""How an active remote job is cancelled: the reason is stored, the phase says so, and then the platform is asked."""

import dataclasses
from collections.abc import Mapping

from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import CancelJob, Decision, ReadJob, WriteIntent
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation
from seedjob_operator.core.verdicts import SYNCED
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi.wire import Job

LOOK_AGAIN = 35.0
"""Seconds until a cancelled job is read by name: its grace period and a little, where the poll didn't tell earlier."""
_MESSAGES: Mapping[Reason, str] = {
    Reason.DELETING: "The SeedJob is being deleted; its remote job is being cancelled.",
    Reason.CANCELLED_BY_USER: "spec.cancel is set; the remote job is being cancelled.",
    Reason.COST_LIMIT_EXCEEDED: "The run costs more than spec.costLimit; the remote job is being cancelled.",
    Reason.SUSPENDED: "spec.suspend is set; the remote job is being cancelled.",
    Reason.RUN_ID_CHANGED: "spec.runId changed; the remote job is being cancelled, and then the job runs again.",
    Reason.REPLACED: "spec.job changed; the remote job is being cancelled, and then the new one runs.",
}


def reason_of(intent: Intent) -> Reason | None:
    """Give the verb's reason that was stored: a cancel that may have been sent is carried out, whatever was asked since.

    A deletion isn't among them: only a restored backup could tell of one that isn't asked for any more.
    """
    verbs = (reason for reason in _MESSAGES if reason is not Reason.DELETING)
    return next((reason for reason in verbs if reason == intent.cancel_reason), None)


def cancel(case: Case, intent: Intent, job: Job, reason: Reason) -> Decision:
    """Cancel an active job for a reason, and wait for its end."""
    stored = case.stored_intent
    if reason is not Reason.DELETING and stored is not None and stored.cancel_reason is None:
        return Decision(step=WriteIntent(intent=dataclasses.replace(stored, cancel_reason=reason.value)))
    if case.observed.cancel_sent:
        return _await_end(case, intent, job, reason)
    step = CancelJob(name=intent.job_name)
    # An end that is recorded stays so, should the job have come back; and a cancel that is tried again is told already.
    if case.ended or _is_told(case, reason):
        return Decision(step=step, follow=intent.job_name)
    return case.settle(_cancelling(case, job, reason), step=step, follow=intent.job_name)


def _is_told(case: Case, reason: Reason) -> bool:
    status = case.desired.status
    return status.phase is Phase.CANCELLING and status.cancel_reason == reason


def _await_end(case: Case, intent: Intent, job: Job, reason: Reason) -> Decision:
    if not case.observed.fresh and _read_is_old(case):
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    if case.ended:
        return Decision(requeue_after=LOOK_AGAIN, follow=intent.job_name)
    situation = _cancelling(case, job, reason)
    return case.settle(situation, requeue_after=LOOK_AGAIN, follow=intent.job_name)


def _cancelling(case: Case, job: Job, reason: Reason) -> Situation:
    situation = case.situation(Phase.CANCELLING, reason, _MESSAGES[reason])
    return dataclasses.replace(situation, job=job, synced=SYNCED, cancel_reason=reason)


def _read_is_old(case: Case) -> bool:
    read_at = case.observed.read_at
    return read_at is None or (case.now - read_at).total_seconds() >= LOOK_AGAIN

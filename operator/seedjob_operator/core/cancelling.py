"""How an active remote job is cancelled: the reason is stored, the phase says so, and then the platform is asked."""

import dataclasses
from collections.abc import Mapping
from datetime import timedelta

from seedjob_operator.core import masking, pacing
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import CancelJob, Decision, ReadJob, WriteIntent
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation
from seedjob_operator.core.verdicts import SYNCED
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi.wire import Job

GRACE = timedelta(seconds=35)
"""How long a cancelled job has to end: the platform's grace period and a little. Then it's read, and cancelled again."""
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
    awaited = _await_end(case, intent, job, reason)
    if awaited is not None:
        return awaited
    step = CancelJob(name=intent.job_name)
    # An end that is recorded stays so, should the job have come back; and a cancel that is tried again is told already.
    if case.ended or _is_told(case, reason):
        return Decision(step=step, follow=intent.job_name)
    return masking.settle(case, _cancelling(case, job, reason), step=step, follow=intent.job_name)


def _is_told(case: Case, reason: Reason) -> bool:
    status = case.desired.status
    return status.phase is Phase.CANCELLING and status.cancel_reason == reason


def _await_end(case: Case, intent: Intent, job: Job, reason: Reason) -> Decision | None:
    """Give the job time to end; None where a cancel is due: the first, or one more because a read shows it active."""
    observed = case.observed
    if observed.cancel_asked_at is None:
        return None
    wait = pacing.until_next_try(observed.cancel_asked_at, case.now, tries=observed.cancels, first=GRACE)
    if wait == 0:
        read = Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
        return None if observed.fresh else read
    wait = max(wait, 1.0)
    if case.ended:
        return Decision(requeue_after=wait, follow=intent.job_name)
    return masking.settle(case, _cancelling(case, job, reason), requeue_after=wait, follow=intent.job_name)


def _cancelling(case: Case, job: Job, reason: Reason) -> Situation:
    situation = case.situation(Phase.CANCELLING, reason, _MESSAGES[reason])
    return dataclasses.replace(situation, job=job, synced=SYNCED, cancel_reason=reason)

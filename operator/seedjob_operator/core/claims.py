"""Whose the job is that was seen under an attempt's name: ours, nobody's here, or one that may be taken over."""

from seedjob_operator.core import ownership
from seedjob_operator.core.case import Case
from seedjob_operator.core.snapshot import Desired, Observed, Sent
from seedjob_operator.resources import AdoptionPolicy
from seedjob_operator.seedapi.wire import Job


def owns(case: Case) -> bool:
    """Tell whether the job that was seen is this attempt's."""
    intent, job = case.intent, case.observed.remote
    if intent is None or not isinstance(job, Job) or not case.is_ours(job):
        return False
    if job.id in case.observed.rivals and not case.submitted:
        return False
    if case.submitted or case.observed.sent is Sent.CREATED or intent.has_generated_name:
        return True
    if intent.adopted_id == job.id or case.inherited:
        return may_adopt(case, job)
    made = ownership.made_since(case.not_before(intent), job) and ownership.equal(job, case.desired.spec.job)
    return case.may_have_been_sent and not _spec_changed(case) and made and not _outranked(case, job)


def _outranked(case: Case, job: Job) -> bool:
    """Tell whether an older SeedJob has the same claim: two that chose one name may both have an open create."""
    seen = Observed(
        connection=case.observed.connection,
        clock_offset=case.observed.clock_offset,
        rivals=case.observed.rivals,
        remote=job,
    )
    others = (Case(other, seen, case.now) for other in case.observed.contenders if _is_older(other, case.desired))
    return any(owns(other) and not other.elsewhere for other in others)


def _is_older(one: Desired, other: Desired) -> bool:
    if one.created_at is None or other.created_at is None or one.created_at == other.created_at:
        return one.uid < other.uid
    return one.created_at < other.created_at


def in_doubt(case: Case) -> bool:
    """Tell whether nobody can say whose the job is: it may be ours, but what was sent is no longer known."""
    intent, job = case.intent, case.observed.remote
    if intent is None or not isinstance(job, Job) or not case.is_ours(job) or owns(case):
        return False
    since = ownership.made_since(case.not_before(intent), job)
    return case.may_have_been_sent and _spec_changed(case) and since and job.id not in case.observed.rivals


def _spec_changed(case: Case) -> bool:
    return case.intent is not None and case.intent.spec_hash != case.desired.spec_hash


def may_adopt(case: Case, job: Job) -> bool:
    """Tell whether a job that was there before may be taken over: nobody else's here, and just what the spec says."""
    allowed = case.desired.spec.adoption_policy is AdoptionPolicy.IF_MATCHING
    owned = job.id in case.observed.rivals or job.name in case.observed.claimed
    return allowed and not owned and ownership.adoptable(job, case.desired.spec.job)

"""How an attempt ended: the platform's word, and our reason where the platform says that it was cancelled."""

from collections.abc import Mapping

from seedjob_operator.core.reasons import Reason
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi import redaction
from seedjob_operator.seedapi.wire import Job, JobStatus

Outcome = tuple[Phase, Reason, str]

CANCELLED: Mapping[Reason, Outcome] = {
    reason: (phase, reason, message)
    for reason, phase, message in (
        (
            Reason.CANCELLED_BY_USER,
            Phase.CANCELLED,
            "The run was cancelled by spec.cancel. To run again set cancel to false, and runId to a new value.",
        ),
        (
            Reason.COST_LIMIT_EXCEEDED,
            Phase.FAILED,
            "The run reached spec.costLimit; raise it and set a new runId to run again.",
        ),
        (Reason.SUSPENDED, Phase.SUSPENDED, "The job is held by spec.suspend; set it to false to run it."),
        (Reason.RUN_ID_CHANGED, Phase.CANCELLED, "The attempt was cancelled because spec.runId changed."),
        (Reason.REPLACED, Phase.CANCELLED, "The attempt was cancelled because spec.job changed."),
    )
}
"""How an attempt that was cancelled reads, by the reason for which it was."""
_GIVE_TIME = "Raise spec.job.timeoutMinutes and set a new runId to run it again."
_SAYS = " The platform says: "
"""Before the job's own words, in every sentence that has them: what is recorded is told apart by it."""


def of(job: Job, *, cancel_reason: str | None) -> Outcome:
    """Give the phase, reason and sentence of a job that the platform says has ended."""
    if job.status is JobStatus.SUCCEEDED:
        return Phase.SUCCEEDED, Reason.SUCCEEDED, "The job succeeded."
    error = redaction.unsigned(job.error).rstrip(".") if job.error else ""
    why = f"{_SAYS}{error}." if error else ""
    if job.status is JobStatus.TIMED_OUT:
        return Phase.TIMED_OUT, Reason.DEADLINE_EXCEEDED, f"The job ran into its timeoutMinutes. {_GIVE_TIME}{why}"
    if job.status is JobStatus.CANCELLED:
        ours = next((found for reason, found in CANCELLED.items() if reason == cancel_reason), None)
        message = f"The job was cancelled on the platform, not by its SeedJob. Set a new runId to run it again.{why}"
        return ours or (Phase.FAILED, Reason.CANCELLED_REMOTELY, message)
    return Phase.FAILED, Reason.FAILED, f"{_failure(job, error)}{why}"


def has_words(message: str) -> bool:
    """Tell whether a recorded sentence has the job's own words in it."""
    return _SAYS in message


def _failure(job: Job, error: str) -> str:
    """Say how a job failed, with its exit code where the platform's words don't say it already."""
    if job.exit_code is not None:
        said_already = f"exit code {job.exit_code}" in error
        return "The job failed." if said_already else f"The job's command ended with exit code {job.exit_code}."
    return "The job failed." if error else "The job's command ended without an exit code."

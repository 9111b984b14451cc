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


def of(job: Job, *, cancel_reason: str | None) -> Outcome:
    """Give the phase, reason and sentence of a job that the platform says has ended."""
    if job.status is JobStatus.SUCCEEDED:
        return Phase.SUCCEEDED, Reason.SUCCEEDED, "The job succeeded."
    error = redaction.unsigned(job.error).rstrip(".") if job.error else ""
    why = f" The platform says: {error}." if error else ""
    if job.status is JobStatus.TIMED_OUT:
        return Phase.TIMED_OUT, Reason.DEADLINE_EXCEEDED, f"The job ran into its timeoutMinutes. {_GIVE_TIME}{why}"
    if job.status is JobStatus.CANCELLED:
        ours = next((found for reason, found in CANCELLED.items() if reason == cancel_reason), None)
        message = f"The job was cancelled on the platform, not by its SeedJob. Set a new runId to run it again.{why}"
        return ours or (Phase.FAILED, Reason.CANCELLED_REMOTELY, message)
    return Phase.FAILED, Reason.FAILED, _failure(job, error)


def lacks_words(message: str, job: Job, *, cancel_reason: str | None) -> bool:
    """Tell whether a recorded sentence is what is said of this end where the platform has no words for it."""
    codes = (None, job.exit_code)
    bare = (job.model_copy(update={"error": None, "exit_code": code}) for code in codes)
    return message in {of(wordless, cancel_reason=cancel_reason)[2] for wordless in bare}


def _failure(job: Job, error: str) -> str:
    """Say how a job failed: its exit code, and the platform's words where they say more."""
    if not error:
        code = "without an exit code" if job.exit_code is None else f"with exit code {job.exit_code}"
        return f"The job's command ended {code}."
    said_already = job.exit_code is None or f"exit code {job.exit_code}" in error
    code = "" if said_already else f" with exit code {job.exit_code}"
    return f"The job failed{code}: {error}."

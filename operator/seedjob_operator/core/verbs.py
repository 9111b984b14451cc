"""What a user can ask of a SeedJob, strongest first, and which of it ends the attempt in force."""

from collections.abc import Callable
from enum import StrEnum

from seedjob_operator.core import attempts, spending
from seedjob_operator.core.case import Case
from seedjob_operator.core.reasons import Reason
from seedjob_operator.resources import UpdatePolicy


class Verb(StrEnum):
    """The verbs in their order of strength: what stands above wins over what stands below."""

    FORCE_ORPHAN = "seed.dev/force-orphan"
    PAUSED = "seed.dev/paused"
    DELETION = "deletion"
    CANCEL = "cancel"
    COST_LIMIT = "costLimit"
    SUSPEND = "suspend"
    RUN_ID = "runId"
    REPLACE = "updatePolicy Replace"
    TTL = "ttlSecondsAfterFinished"
    REMOTE_TTL = "remoteTTLSecondsAfterFinished"
    ADOPTION = "adoptionPolicy IfMatching"
    DELETE_ARTIFACTS = "deleteArtifacts"


def reason_to_end(case: Case) -> Reason | None:
    """Give why the attempt in force is to end, by the strongest verb that asks for it."""
    return next((reason for asked, reason in _ENDING if asked(case)), None)


def reason_not_to_start(case: Case) -> Reason | None:
    """Give why no attempt is to start, by the strongest verb that forbids it."""
    return next((reason for asked, reason in _HOLDING if asked(case)), None)


def already_ran(case: Case) -> bool:
    """Tell whether the spec names a run that is over: it starts nothing and ends nothing."""
    run_id = case.desired.spec.run_id
    return run_id != case.run_id and attempts.has_run(case.desired.status, run_id)


def new_run_asked(case: Case) -> bool:
    """Tell whether the spec names another run than the one in force, and one that may start."""
    return (
        case.desired.unreadable is None
        and case.run_id not in {None, case.desired.spec.run_id}
        and not already_ran(case)
    )


def replacement_asked(case: Case) -> bool:
    """Tell whether the job changed within its run, and is to be replaced then."""
    spec = case.desired.spec
    same_run = spec.run_id == case.run_id
    changed = case.sent_hash is not None and case.sent_hash != case.desired.spec_hash
    changed = changed and case.desired.unreadable is None
    return spec.update_policy is UpdatePolicy.REPLACE and same_run and changed


def _cancel(case: Case) -> bool:
    return case.desired.spec.cancel


def _suspend(case: Case) -> bool:
    return case.desired.spec.suspend


Asked = Callable[[Case], bool]
_ENDING: tuple[tuple[Asked, Reason], ...] = (
    (_cancel, Reason.CANCELLED_BY_USER),
    (spending.exceeded, Reason.COST_LIMIT_EXCEEDED),
    (_suspend, Reason.SUSPENDED),
    (new_run_asked, Reason.RUN_ID_CHANGED),
    (replacement_asked, Reason.REPLACED),
)
_HOLDING: tuple[tuple[Asked, Reason], ...] = (
    (_cancel, Reason.CANCELLED_BY_USER),
    (spending.exceeded, Reason.COST_LIMIT_EXCEEDED),
    (_suspend, Reason.SUSPENDED),
    (already_ran, Reason.RUN_ID_ALREADY_RAN),
)

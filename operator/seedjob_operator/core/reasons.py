"""The reasons that conditions and Events carry: machine-readable, PascalCase, grouped by what they ask of whom."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a condition has its status. Each is part of the product's interface: alerts and scripts match on it."""

    # Where the job is.
    QUEUED = "Queued"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUBMITTED = "Submitted"
    NOT_ENDED = "NotEnded"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    CANCELLED_REMOTELY = "CancelledRemotely"
    REMOTE_DELETED = "RemoteDeleted"
    UNKNOWN_REMOTE_STATUS = "UnknownRemoteStatus"
    DELETING = "Deleting"

    # Why an attempt is cancelled or not started: a verb of the spec.
    CANCELLED_BY_USER = "CancelledByUser"
    COST_LIMIT_EXCEEDED = "CostLimitExceeded"
    SUSPENDED = "Suspended"
    RUN_ID_CHANGED = "RunIdChanged"
    REPLACED = "Replaced"
    NEW_ATTEMPT = "NewAttempt"
    NOT_SUSPENDED = "NotSuspended"

    # Nothing is submitted until the user edits the manifest.
    SPEC_REJECTED = "SpecRejected"
    NAME_TAKEN = "NameTaken"
    ENDPOINT_NOT_ALLOWED = "EndpointNotAllowed"
    DEFAULT_CONNECTION_NOT_ALLOWED = "DefaultConnectionNotAllowed"
    RUN_ID_ALREADY_RAN = "RunIdAlreadyRan"
    SPEC_UNREADABLE = "SpecUnreadable"

    # Nothing is submitted until something beside the manifest is put right; then it goes on by itself.
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105  # a reason's name, no secret
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105  # a reason's name, no secret
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound"
    CONFIG_MAP_KEY_MISSING = "ConfigMapKeyMissing"
    ENVIRONMENT_UNREADABLE = "EnvironmentUnreadable"
    CONNECTION_NOT_FOUND = "ConnectionNotFound"
    CONNECTION_NOT_READY = "ConnectionNotReady"
    SUBMISSION_UNSETTLED = "SubmissionUnsettled"

    # What the platform, or the way to it, says to us.
    SYNCED = "Synced"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    NAMESPACE_NOT_FOUND = "NamespaceNotFound"
    RATE_LIMITED = "RateLimited"
    PLATFORM_UNAVAILABLE = "PlatformUnavailable"

    # Something was asked that isn't carried out, and nothing is wrong with the job.
    PAUSED = "Paused"
    SPEC_CHANGED_AFTER_SUBMIT = "SpecChangedAfterSubmit"
    CONNECTION_CHANGED = "ConnectionChanged"
    TTL_NOT_CARRIED_OUT = "TTLNotCarriedOut"
    CARRIED_OUT = "CarriedOut"

    # Around deletion and ownership.
    DELETION_BLOCKED = "DeletionBlocked"
    CANCEL_REQUESTED = "CancelRequested"
    CANCELLED = "Cancelled"
    ADOPTED = "Adopted"
    ORPHANED = "Orphaned"
    INTENT_DROPPED = "IntentDropped"
    RECORD_KEPT = "RecordKept"
    RECORD_EXPIRED = "RecordExpired"
    STARTED = "Started"
    TIMED_OUT = "TimedOut"


NEEDS_EDIT = frozenset(
    {
        Reason.SPEC_REJECTED,
        Reason.NAME_TAKEN,
        Reason.ENDPOINT_NOT_ALLOWED,
        Reason.DEFAULT_CONNECTION_NOT_ALLOWED,
        Reason.RUN_ID_ALREADY_RAN,
        Reason.SPEC_UNREADABLE,
    }
)
"""The holds that only a changed manifest ends: Stalled, where the others are Reconciling."""

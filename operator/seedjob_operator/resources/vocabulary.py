"""The closed sets of words in both resources: phases, policies, condition types, what the platform offers."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Phase(StrEnum):
    """Where a SeedJob stands; `TERMINAL_PHASES` are those that no remote event leaves again."""

    PENDING = "Pending"
    SUSPENDED = "Suspended"
    QUEUED = "Queued"
    RUNNING = "Running"
    CANCELLING = "Cancelling"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"
    UNKNOWN = "Unknown"

    @property
    def is_terminal(self) -> bool:
        """Whether the run of this runId has ended."""
        return self in TERMINAL_PHASES


TERMINAL_PHASES = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED, Phase.TIMED_OUT})


@unique
class ConditionType(StrEnum):
    """The condition types that the operator writes; the last three are what GitOps tools read."""

    SUBMITTED = "Submitted"
    COMPLETE = "Complete"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    SYNCED = "Synced"
    ATTENTION = "Attention"
    REMOTE_DELETED = "RemoteDeleted"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


@unique
class ConditionStatus(StrEnum):
    """Kubernetes' three-valued truth."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@unique
class AdoptionPolicy(StrEnum):
    """Whether a remote job that exists under `jobName` may be taken over."""

    NEVER = "Never"
    IF_MATCHING = "IfMatching"


@unique
class UpdatePolicy(StrEnum):
    """What a changed `spec.job` means once the job was submitted."""

    IMMUTABLE = "Immutable"
    REPLACE = "Replace"


@unique
class ReadyWhen(StrEnum):
    """The moment from which `Ready` is True."""

    FINISHED = "Finished"
    STARTED = "Started"


@unique
class DeletionPolicy(StrEnum):
    """What happens to the remote job when its SeedJob is deleted."""

    DELETE = "Delete"
    CANCEL = "Cancel"
    ORPHAN = "Orphan"


@unique
class GpuType(StrEnum):
    """The accelerators of the platform; `none` is a job without one."""

    A100_40GB = "A100-40GB"
    A100_80GB = "A100-80GB"
    H100_80GB = "H100-80GB"
    L4 = "L4"
    T4 = "T4"
    NONE = "none"


@unique
class Region(StrEnum):
    """The regions of the platform."""

    US_EAST_1 = "us-east-1"
    US_WEST_2 = "us-west-2"
    EU_WEST_1 = "eu-west-1"
    EU_CENTRAL_1 = "eu-central-1"
    AP_NORTHEAST_1 = "ap-northeast-1"


@unique
class AuthScheme(StrEnum):
    """How a connection's credential is sent in the Authorization header."""

    BEARER = "Bearer"
    API_KEY = "API-Key"

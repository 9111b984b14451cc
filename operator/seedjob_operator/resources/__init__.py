"""The two resources, SeedJob and SeedConnection, as pydantic models: the one source of the CRDs.

Models are frozen, camelCase on the wire and snake_case in Python, and ignore what they don't know. A spec is
read with `read_spec(body["spec"])`, a status with `SeedJobStatus.read(body.get("status"))`,
neither of which fails; `status.dump()` is a merge patch. This room does no I/O and imports no other.
"""

from seedjob_operator.resources.connectionstatus import RateLimit, SeedConnectionStatus
from seedjob_operator.resources.environment import (
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    SecretEnvSource,
    SecretKeySelector,
)
from seedjob_operator.resources.facts import (
    Analytics,
    Artifacts,
    AttemptRecord,
    Condition,
    Cost,
    OlderJob,
    Progress,
)
from seedjob_operator.resources.identity import (
    API_VERSION,
    CONNECTION_FINALIZER,
    FIELD_MANAGER,
    FINALIZER,
    FORCE_ORPHAN_ANNOTATION,
    GROUP,
    INTENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RECONCILE_AT_ANNOTATION,
    SEEDCONNECTION_KIND,
    SEEDCONNECTION_PLURAL,
    SEEDJOB_KIND,
    SEEDJOB_PLURAL,
    VERSION,
)
from seedjob_operator.resources.job import Gpu, JobSpec
from seedjob_operator.resources.reading import Unreadable, read_spec
from seedjob_operator.resources.seedconnection import CredentialRef, SeedConnection, SeedConnectionSpec
from seedjob_operator.resources.seedjob import ConnectionRef, Logs, SeedJob, SeedJobSpec
from seedjob_operator.resources.status import SeedJobStatus
from seedjob_operator.resources.vocabulary import (
    TERMINAL_PHASES,
    AdoptionPolicy,
    AuthScheme,
    ConditionStatus,
    ConditionType,
    DeletionPolicy,
    GpuType,
    Phase,
    ReadyWhen,
    Region,
    UpdatePolicy,
)

__all__ = [
    "API_VERSION",
    "CONNECTION_FINALIZER",
    "FIELD_MANAGER",
    "FINALIZER",
    "FORCE_ORPHAN_ANNOTATION",
    "GROUP",
    "INTENT_ANNOTATION",
    "PAUSED_ANNOTATION",
    "RECONCILE_AT_ANNOTATION",
    "SEEDCONNECTION_KIND",
    "SEEDCONNECTION_PLURAL",
    "SEEDJOB_KIND",
    "SEEDJOB_PLURAL",
    "TERMINAL_PHASES",
    "VERSION",
    "AdoptionPolicy",
    "Analytics",
    "Artifacts",
    "AttemptRecord",
    "AuthScheme",
    "Condition",
    "ConditionStatus",
    "ConditionType",
    "ConfigMapEnvSource",
    "ConfigMapKeySelector",
    "ConnectionRef",
    "Cost",
    "CredentialRef",
    "DeletionPolicy",
    "EnvFromSource",
    "EnvVar",
    "EnvVarSource",
    "Gpu",
    "GpuType",
    "JobSpec",
    "Logs",
    "OlderJob",
    "Phase",
    "Progress",
    "RateLimit",
    "ReadyWhen",
    "Region",
    "SecretEnvSource",
    "SecretKeySelector",
    "SeedConnection",
    "SeedConnectionSpec",
    "SeedConnectionStatus",
    "SeedJob",
    "SeedJobSpec",
    "SeedJobStatus",
    "Unreadable",
    "UpdatePolicy",
    "read_spec",
]

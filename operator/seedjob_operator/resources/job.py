"""`spec.job`: what is sent to the platform, field by field its create call.

Nothing in here has a default: what the user leaves out isn't sent, and the platform's own default holds.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from seedjob_operator.resources.model import Model
from seedjob_operator.resources.rules import ATOMIC_LIST, Refusal, Rule, list_map, ruled_by
from seedjob_operator.resources.vocabulary import GpuType, Region

# A SeedJob must fit into etcd's 1.5 MiB several times over, so one value may be long, but not all of them.
ENV_TOTAL_CHARACTERS: Final = 65536

ObjectName = Annotated[
    str,
    Field(max_length=253),
    Rule(
        cel="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        message="write the metadata.name of an object in this namespace: lower-case letters, digits, '-' and '.'",
    ),
]
"""The name of another object of the same Kubernetes namespace."""

DataKey = Annotated[
    str,
    Field(max_length=253),
    Rule(
        cel="self.matches('^[-._a-zA-Z0-9]+$')",
        message="write a key of the object's data: letters, digits, '-', '_' and '.'",
    ),
]
"""A key in the data of a Secret or ConfigMap."""

EnvName = Annotated[
    str,
    Field(max_length=253),
    Rule(
        cel="self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
        message="name the variable with letters, digits, '_', '-' and '.', and don't begin with a digit, for"
        " example BATCH_SIZE",
    ),
]
"""The name of an environment variable, as every version of Kubernetes accepts it."""


class SecretKeySelector(Model):
    """Selects one key of a Secret in the SeedJob's namespace."""

    name: ObjectName
    """Name of the Secret, in the SeedJob's namespace."""

    key: DataKey
    """Key in the Secret's data whose value is used."""

    optional: bool | None = None
    """If true, the variable is left out where the Secret or its key doesn't exist. Left out: the job waits in
    phase Pending until both exist."""


class ConfigMapKeySelector(Model):
    """Selects one key of a ConfigMap in the SeedJob's namespace."""

    name: ObjectName
    """Name of the ConfigMap, in the SeedJob's namespace."""

    key: DataKey
    """Key in the ConfigMap's data whose value is used."""

    optional: bool | None = None
    """If true, the variable is left out where the ConfigMap or its key doesn't exist. Left out: the job waits
    in phase Pending until both exist."""


class EnvVarSource(Model):
    """Where the value of a variable comes from: exactly one of its fields."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
                message="valueFrom takes exactly one of secretKeyRef and configMapKeyRef; fieldRef and other"
                " sources of a pod don't exist here, because the job runs outside this cluster",
            )
        )
    )

    secret_key_ref: SecretKeySelector | None = None
    """Takes the value from a key of a Secret."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    """Takes the value from a key of a ConfigMap."""


class EnvVar(Model):
    """One environment variable, in the shape that a container's has. Values are secrets: never log one."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="!(has(self.value) && has(self.valueFrom))",
                message="a variable has either value or valueFrom: take one of them out",
                reason=Refusal.FORBIDDEN,
                field_path=".valueFrom",
            )
        )
    )

    name: EnvName
    """Name of the variable. Each name may appear once."""

    value: Annotated[str | None, Field(max_length=32768, repr=False)] = None
    """Value of the variable, a string (write "3", not 3). $(NAME) is replaced by the value of a variable that
    is defined before this one, and $$(NAME) gives a literal $(NAME). Left out together with valueFrom: the
    empty string."""

    value_from: EnvVarSource | None = None
    """Takes the value from a Secret or ConfigMap of the SeedJob's namespace. It is read when an attempt is
    submitted; a later change starts nothing."""


class SecretEnvSource(Model):
    """All keys of a Secret as variables."""

    name: ObjectName
    """Name of the Secret, in the SeedJob's namespace."""

    optional: bool | None = None
    """If true, a Secret that doesn't exist gives no variables. Left out: the job waits in phase Pending until
    it exists."""


class ConfigMapEnvSource(Model):
    """All keys of a ConfigMap as variables."""

    name: ObjectName
    """Name of the ConfigMap, in the SeedJob's namespace."""

    optional: bool | None = None
    """If true, a ConfigMap that doesn't exist gives no variables. Left out: the job waits in phase Pending
    until it exists."""


class EnvFromSource(Model):
    """A Secret or ConfigMap all of whose keys become variables: exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="has(self.configMapRef) != has(self.secretRef)",
                message="each entry of envFrom takes exactly one of configMapRef and secretRef; write two"
                " entries for two objects",
            )
        )
    )

    prefix: (
        Annotated[
            str,
            Field(max_length=253),
            Rule(
                cel="self == '' || self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
                message="begin the prefix with a letter, '_', '-' or '.', and go on with these or digits,"
                " for example TRAIN_",
            ),
        ]
        | None
    ) = None
    """Put before each key to make the name of its variable. Left out: nothing."""

    config_map_ref: ConfigMapEnvSource | None = None
    """The ConfigMap whose keys become variables."""

    secret_ref: SecretEnvSource | None = None
    """The Secret whose keys become variables."""


class Gpu(Model):
    """The accelerators of each node of the job."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="self.type != 'none' || !has(self.count)",
                message="gpu type none takes no count: leave count out, or choose a GPU type",
                reason=Refusal.FORBIDDEN,
                field_path=".count",
            )
        )
    )

    type: GpuType
    """Type of GPU: A100-40GB, A100-80GB, H100-80GB, L4 or T4; none for a job that computes on CPUs alone."""

    count: Literal[1, 2, 4, 8] | None = None
    """Number of GPUs of this type on each node: 1, 2, 4 or 8. Left out: the platform gives 1. Not allowed
    with type none."""


class JobSpec(Model):
    """What is sent to the platform's create call, one to one."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="has(self.image) || has(self.repo)",
                message="a job needs something to run: write image (a container image), repo"
                " (namespace/repo, cloned into the working directory), or both",
                reason=Refusal.REQUIRED,
                field_path=".image",
            ),
            Rule(
                cel="!has(self.branch) || has(self.repo)",
                message="branch names a branch of repo: write repo as well, or take branch out",
                reason=Refusal.FORBIDDEN,
                field_path=".branch",
            ),
        )
    )

    image: (
        Annotated[
            str,
            Field(max_length=512),
            Rule(
                cel="self.matches('^[^[:space:]]+$') && !self.contains('://')",
                message="write an image reference without spaces and without a scheme such as https://, for"
                " example pytorch/pytorch:2.8",
            ),
        ]
        | None
    ) = None
    """Container image in which the command runs, for example pytorch/pytorch:2.8. At least one of image and
    repo is needed; with both, the repo is cloned into the image's working directory."""

    repo: (
        Annotated[
            str,
            Field(max_length=256),
            Rule(
                cel="self.matches('^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$')",
                message="write repo as namespace/repo, for example acme/trainer: no URL, no path below it",
            ),
        ]
        | None
    ) = None
    """Repository that is cloned into the working directory, as namespace/repo. At least one of image and repo
    is needed."""

    branch: (
        Annotated[
            str,
            Field(max_length=256),
            Rule(
                cel="self.matches('^[^-[:space:]][^[:space:]]*$')",
                message="write the name of a branch: no spaces, and no '-' at its beginning, for example main",
            ),
        ]
        | None
    ) = None
    """Branch of repo to clone. Left out: the platform takes the repository's default branch."""

    command: Annotated[
        str,
        Field(max_length=32768),
        Rule(
            cel="self.matches('[^[:space:]]')",
            message="command is blank: write what the job runs, for example python train.py --epochs 3",
        ),
    ]
    """Command that the job runs as its entrypoint, in one string as in a shell. The job ends when it does:
    exit code 0 is success."""

    gpu: Gpu
    """GPUs of each node; a job without GPUs says type none."""

    cpu: Literal[2, 4, 8, 16, 32, 64, 96] | None = None
    """vCPUs of each node: 2, 4, 8, 16, 32, 64 or 96. Left out: the platform gives 8."""

    memory_gb: Literal[8, 16, 32, 64, 128, 256, 512] | None = None
    """Memory of each node in GB: 8, 16, 32, 64, 128, 256 or 512. Left out: the platform gives 32. The
    platform refuses some combinations of GPU, cpu and memory; the SeedJob then waits with the reason
    SpecRejected."""

    disk_gb: Annotated[int, Field(ge=10, le=2000)] | None = None
    """Ephemeral disk of each node in GB, from 10 to 2000; discarded when the job ends. Left out: the platform
    gives 100."""

    nodes: Annotated[int, Field(ge=1, le=64)] | None = None
    """Number of nodes that run the command together. Left out: the platform gives 1."""

    spot: bool | None = None
    """Run on spot capacity: cheaper, and may be interrupted (see maxRetries). Left out: the platform takes
    false."""

    region: Region | None = None
    """Region of the platform to run in: us-east-1, us-west-2, eu-west-1, eu-central-1 or ap-northeast-1. Left
    out: the platform takes us-east-1."""

    timeout_minutes: Annotated[int, Field(ge=1, le=10080)] | None = None
    """Minutes after which the platform kills the job, at most 10080 (7 days); the phase is then TimedOut.
    Left out: the platform takes 1440 (24 hours)."""

    max_retries: Annotated[int, Field(ge=0, le=5)] | None = None
    """How often the platform starts the command again after a failure, at most 5. All its tries belong to one
    attempt of the SeedJob. Left out: the platform takes 0."""

    artifacts_path: (
        Annotated[
            str,
            Field(max_length=1024),
            Rule(
                cel="self.matches('^[^[:cntrl:]]+$')",
                message="write one path inside the container, for example /outputs",
            ),
        ]
        | None
    ) = None
    """Path inside the container that is uploaded to the artifact storage when the job ends, for example
    /outputs. Left out: nothing is kept."""

    # A map by name. A pod accepts a name twice and the last one wins silently; here that is refused, because
    # the platform takes a map, and server-side apply then merges the variables of two owners one by one.
    env: Annotated[
        tuple[EnvVar, ...],
        Field(max_length=200, json_schema_extra=list_map("name")),
        Rule(
            cel=f"self.map(e, has(e.value) ? size(e.value) : 0).sum() <= {ENV_TOTAL_CHARACTERS}",
            message=f"the values of env have more than {ENV_TOTAL_CHARACTERS} characters together: put large"
            " ones into a Secret or ConfigMap, or into the image",
            reason=Refusal.FORBIDDEN,
        ),
    ] = ()
    """Environment variables, in the shape that a container's have, at most 200. They win over envFrom.
    SEED_ATTEMPT is always set, and SEED_PREVIOUS_ARTIFACTS after an attempt that left artifacts, unless you
    set them yourself."""

    env_from: Annotated[tuple[EnvFromSource, ...], Field(max_length=20, json_schema_extra=ATOMIC_LIST)] = ()
    """Secrets and ConfigMaps of the SeedJob's namespace all of whose keys become variables, at most 20. Where
    a key appears in several, the last one wins."""

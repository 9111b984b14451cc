"""`spec.job`: what is sent to the platform, field by field its create call.

Nothing in here has a default: what the user leaves out isn't sent, and the platform's own default holds.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from seedjob_operator.resources.environment import EnvFromSource, EnvVar
from seedjob_operator.resources.model import Model
from seedjob_operator.resources.rules import ATOMIC_LIST, Refusal, Rule, list_map, ruled_by
from seedjob_operator.resources.vocabulary import GpuType, Region

# A SeedJob must fit into etcd's 1.5 MiB several times over, so one value may be long, but not all of them.
ENV_TOTAL_CHARACTERS: Final = 65536


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

"""Names and hashes by which a SeedJob and its remote job find each other again."""

import functools
import hashlib
import json
import re
from collections.abc import Mapping

from seedjob_operator.resources import JobSpec

_READABLE_LENGTH = 36
_OWNER_DIGITS = 12
_HASH_DIGITS = 16
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


def generated_name(*, namespace: str, name: str, uid: str, attempt: int) -> str:
    """Give the remote name of an attempt whose owner left `spec.jobName` out.

    It carries the owner's UID, so that a job of this name is the owner's without looking further. At most 63
    characters for attempts below 10,000,000,000,000.
    """
    readable = _FOREIGN.sub("-", name[:_READABLE_LENGTH])
    owner = hashlib.sha256(f"{namespace}/{uid}".encode()).hexdigest()[:_OWNER_DIGITS]
    return f"{readable}-{owner}-{attempt}"


def chosen_name(job_name: str, *, attempt: int) -> str:
    """Give the remote name of an attempt whose owner chose `spec.jobName`: itself first, then numbered."""
    return job_name if attempt == 1 else f"{job_name}-{attempt}"


def run_hash(run_id: str) -> str:
    """Give 12 hex digits by which a run is remembered."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:_OWNER_DIGITS]


@functools.lru_cache(maxsize=64)  # a pass asks several times; a command may be long, and each is kept whole
def spec_hash(job: JobSpec) -> str:
    """Give 16 hex digits that change when `spec.job` says something else.

    It covers what stands in the manifest: references to Secrets by their names, never the values behind them.
    """
    return _digest(job.model_dump(mode="json", by_alias=True, exclude_none=True))


def _digest(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]

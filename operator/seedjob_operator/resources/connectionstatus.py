"""The status of a SeedConnection: what the operator last knew about the account."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from seedjob_operator.resources.facts import MAX_CONDITIONS, Condition
from seedjob_operator.resources.model import (
    Model,
    Status,
    Timestamp,
    Whole,
)
from seedjob_operator.resources.rules import list_map


class RateLimit(Model):
    """The platform's rate limit, as its last answer told."""

    limit: Whole | None = None
    """Requests that the credential has per minute."""

    remaining: Whole | None = None
    """Requests that were left."""

    reset_time: Timestamp | None = None
    """When the count starts anew."""


class SeedConnectionStatus(Status):
    """What the operator last knew about the connection. Only the operator writes it."""

    observed_generation: Annotated[int, Field(ge=-1, json_schema_extra={"format": "int64"})] = -1
    """The metadata.generation that the conditions were computed from; -1 before the operator has looked at
    the SeedConnection."""

    conditions: Annotated[
        tuple[Condition, ...], Field(max_length=MAX_CONDITIONS, json_schema_extra=list_map("type"))
    ] = ()
    """The state in Kubernetes' standard shape. Ready is True while the platform answers with this credential;
    otherwise its reason and message say what is wrong."""

    rate_limit: RateLimit | None = None
    """What the platform last told about its rate limit."""

    active_jobs: Whole | None = None
    """Number of SeedJobs with a remote job, through this connection, that hasn't ended."""

    last_success_time: Timestamp | None = None
    """When the platform last answered a request of this connection."""

"""What a request may say. Nothing is coerced or clamped: a wrong value is refused, naming its field."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import Query
from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, field_validator, model_validator
from starlette.requests import Request

from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.errors import RefusedError, refusal_of
from seedjob_operator.seedserver.records import MICROSECONDS

MAX_BODY: Final = 1024 * 1024
"""Bytes: far more than a job's fields and environment have, and bounded, as a request is held in memory."""
LONGEST_NAME: Final = 128
LARGEST_PAGE: Final = 10**9
"""So that an offset fits into SQLite's 64 bits."""
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_NUL_NOT_BLANK = r"^[^\x00]*[^\x00-\x20][^\x00]*$"
_NotEmpty = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")]


class NewJob(wire.CreateJob):
    """The body of a create call, with the local server's own bounds (contract: Where both are silent)."""

    name: Annotated[str, StringConstraints(pattern=wire.NAME_PATTERN, max_length=LONGEST_NAME)]
    command: Annotated[str, StringConstraints(pattern=_NO_NUL_NOT_BLANK, max_length=100_000)]
    image: _NotEmpty | None = None
    branch: Annotated[str, StringConstraints(pattern=r"^[^-\x00][^\x00]*$")] | None = None
    artifacts_path: _NotEmpty | None = None
    num_nodes: Annotated[int, Field(ge=1, le=64)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_whole_numbers(cls, body: object) -> object:
        """8.0 is the same JSON number as 8, and some languages can't help writing it so; "8" is not."""
        if not isinstance(body, dict):
            return body
        whole = {key: int(value) for key, value in body.items() if isinstance(value, float) and value.is_integer()}
        return body | whole

    @field_validator("repo")
    @classmethod
    def _is_below_the_repositories(cls, repo: str | None) -> str | None:
        if repo is not None and {".", ".."} & set(repo.split("/")):
            raise ValueError("write namespace/repo: '.' and '..' are neither")
        return repo


def _whole_number(value: object) -> object:
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value):
            raise ValueError("write a whole number in decimal digits")
        return int(value)
    return value


def _microseconds(value: object) -> object:
    return read_time(value) if isinstance(value, str) else value


def read_time(text: str) -> int:
    """Read a time with its zone, as microseconds since 1970; a '+' that was not encoded arrives as a space.

    Raises:
        ValueError: it is none.
    """
    text = text.replace(" ", "+")
    if not _TIME.fullmatch(text):
        raise ValueError("write an ISO 8601 time with its zone, such as 2026-01-31T12:00:00Z")
    try:
        elapsed = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None
    return (elapsed.days * 86400 + elapsed.seconds) * MICROSECONDS + elapsed.microseconds


_Whole = Annotated[int, BeforeValidator(_whole_number)]
_Flag = Literal["true", "false"]
StatusQuery = Annotated[
    Literal["queued", "running", "succeeded", "failed", "cancelled", "timed_out"] | None, Query(alias=wire.Query.STATUS)
]
PageQuery = Annotated[_Whole, Query(alias=wire.Query.PAGE, ge=1, le=LARGEST_PAGE)]
PerPageQuery = Annotated[_Whole, Query(alias=wire.Query.PER_PAGE, ge=1, le=wire.MAX_PER_PAGE)]
SortQuery = Annotated[wire.JobSort, Query(alias=wire.Query.SORT)]
OrderQuery = Annotated[wire.SortOrder, Query(alias=wire.Query.ORDER)]
TailQuery = Annotated[_Whole | None, Query(alias=wire.Query.TAIL, ge=1, le=wire.MAX_TAIL)]
SinceQuery = Annotated[
    Annotated[int, BeforeValidator(_microseconds)] | None,
    Query(alias=wire.Query.SINCE),
]
StreamQuery = Annotated[_Flag, Query(alias=wire.Query.STREAM)]
DeleteArtifactsQuery = Annotated[_Flag, Query(alias=wire.Query.DELETE_ARTIFACTS)]


async def read_new_job(request: Request) -> NewJob:
    """Read the body of a create call.

    Raises:
        RefusedError: 400 with the field, or 422 for a combination that doesn't exist.
    """
    try:
        job = NewJob.model_validate_json(await json_body(request))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        if problems[0]["type"] == "json_invalid":
            raise RefusedError(wire.Status.BAD_REQUEST, "the body is not valid JSON") from None
        raise refusal_of(problems) from None
    if job.gpu == "none" and job.gpu_count is not None:
        raise RefusedError(wire.Status.UNPROCESSABLE, "gpu_count: a job with gpu none has no GPUs to count")
    return job


async def json_body(request: Request) -> bytes:
    """Give a body that is said to be JSON, up to `MAX_BODY`.

    Raises:
        RefusedError: 400; pages in a browser can send other types to this machine without being asked.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wire.JSON_TYPE:
        raise RefusedError(wire.Status.BAD_REQUEST, f"the body must be sent with Content-Type: {wire.JSON_TYPE}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RefusedError(wire.Status.BAD_REQUEST, f"the body has more than {MAX_BODY} bytes")
    return bytes(body)

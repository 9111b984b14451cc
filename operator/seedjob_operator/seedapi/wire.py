"""The Seed Jobs API as it is on the wire: every path, query, header, status and field name is here and nowhere else.

The client and the local server both import this module, so that a name that turns out different on the live service is
changed once. It imports no HTTP library. What is read is tolerant: an unknown field is ignored, an unknown word of a
closed set becomes `unknown`, and an optional field that can't be read is None. What is written (`CreateJob`) is strict.
The sections named in docstrings are those of the API contract.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum, unique
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeVar, cast, get_args
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

# --- Paths (Where and who; Operations). The templates are also route patterns for a server. ---

LIST_JOBS: Final = "/{namespace}/jobs"
GET_JOB: Final = "/{namespace}/job/{name}"
GET_LOGS: Final = "/{namespace}/job/{name}/logs"
GET_ANALYTICS: Final = "/{namespace}/job/{name}/analytics"
CREATE_JOB: Final = "/auth/v1/seed/{namespace}/jobs"
CANCEL_JOB: Final = "/auth/v1/seed/{namespace}/jobs/{name}/cancel"
DELETE_JOB: Final = "/auth/v1/seed/{namespace}/jobs/{name}"


def path(template: str, **parts: str) -> str:
    """Fill a path template; each part is percent-encoded, so that it stays one segment."""
    return template.format(**{name: quote(part, safe="") for name, part in parts.items()})


# --- Names beside the bodies ---


@unique
class Query(StrEnum):
    """Names of query parameters."""

    STATUS = "status"
    PAGE = "page"
    PER_PAGE = "per_page"
    SORT = "sort"
    ORDER = "order"
    TAIL = "tail"
    SINCE = "since"
    STREAM = "stream"
    DELETE_ARTIFACTS = "delete_artifacts"


@unique
class Header(StrEnum):
    """Names of headers; HTTP compares them without regard to case."""

    AUTHORIZATION = "Authorization"
    DATE = "Date"
    RETRY_AFTER = "Retry-After"
    RATE_LIMIT = "X-RateLimit-Limit"
    RATE_LIMIT_REMAINING = "X-RateLimit-Remaining"
    RATE_LIMIT_RESET = "X-RateLimit-Reset"
    LAST_EVENT_ID = "Last-Event-ID"


@unique
class AuthScheme(StrEnum):
    """How a credential stands in the Authorization header; an API key is written `key_name$key_secret`."""

    BEARER = "Bearer"
    API_KEY = "API-Key"


@unique
class Status(IntEnum):
    """Answers' HTTP statuses (Operations; Errors)."""

    OK = 200
    CREATED = 201
    NO_CONTENT = 204
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    UNPROCESSABLE = 422
    RATE_LIMITED = 429
    ORCHESTRATION_FAILURE = 500


@unique
class JobSort(StrEnum):
    """What a list is sorted by."""

    CREATED_AT = "created_at"
    STARTED_AT = "started_at"
    COMPLETED_AT = "completed_at"
    NAME = "name"


@unique
class SortOrder(StrEnum):
    """Direction of a list."""

    ASC = "asc"
    DESC = "desc"


@unique
class StreamEvent(StrEnum):
    """Names of the log stream's events (Get job logs)."""

    LOG = "log"
    END = "end"


JSON_TYPE: Final = "application/json"
EVENT_STREAM_TYPE: Final = "text/event-stream"
DEFAULT_PER_PAGE: Final = 20
MAX_PER_PAGE: Final = 100
MAX_TAIL: Final = 10000


@unique
class JobStatus(StrEnum):
    """Status of a job; `UNKNOWN` stands for every word that isn't in the contract, and is never sent."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"

    @classmethod
    def read(cls, value: object) -> "JobStatus":
        """Give the status that a word of the wire means."""
        return _STATUSES.get(value, cls.UNKNOWN) if isinstance(value, str) else cls.UNKNOWN

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self in _TERMINAL

    @property
    def active(self) -> bool:
        """Whether the job has not ended. An unknown status counts as active: nothing final follows from it."""
        return not self.terminal


_STATUSES: Final = {status.value: status for status in JobStatus}
_TERMINAL: Final = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMED_OUT})


@unique
class LogStream(StrEnum):
    """Where a log line was written to."""

    STDOUT = "stdout"
    STDERR = "stderr"
    UNKNOWN = "unknown"

    @classmethod
    def read(cls, value: object) -> "LogStream":
        """Give the stream that a word of the wire means."""
        return next((member for member in cls if member == value), cls.UNKNOWN)


# --- Tolerant reading ---

_T = TypeVar("_T")
_LARGEST: Final = 2**63 - 1  # what a Kubernetes integer and every JSON reader can hold


def _none_where_unreadable(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Give pydantic's own way for it: a function here would be called for each field of each job of each page."""
    return core_schema.with_default_schema(handler(source), default=None, on_error="default")


def _without_surrogates(value: object) -> object:
    """JSON can escape half of a character, which can't be sent on as UTF-8."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _readable_text(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Look at a text in Python only where pydantic refuses it: one with a bound must be UTF-8."""
    text = cast("CoreSchema", {"min_length": 0, **handler(source)})
    mended = core_schema.no_info_before_validator_function(_without_surrogates, text)
    return core_schema.union_schema([text, mended], mode="left_to_right")


def _truncated(value: object) -> object:
    return int(value) if isinstance(value, float) and math.isfinite(value) else value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


Lenient = Annotated[_T | None, GetPydanticSchema(_none_where_unreadable)]
Text = Annotated[str, GetPydanticSchema(_readable_text)]
Word = Annotated[str, StringConstraints(min_length=1), GetPydanticSchema(_readable_text)]
Whole = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST), BeforeValidator(_truncated)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Money = Annotated[Decimal, Field(ge=0, le=10**12, allow_inf_nan=False)]
Time = Annotated[datetime, AfterValidator(_in_utc)]


class _Answer(BaseModel):
    """A body that the platform sends."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def readable(model: type["_AnswerT"], items: object) -> list["_AnswerT"]:
    """Read the items that can be read, so that one broken record doesn't hide the others.

    Raises:
        ValueError: it isn't a list at all.
    """
    if not isinstance(items, list | tuple):
        raise ValueError("a list was expected")  # noqa: TRY004  # pydantic takes a ValueError for a bad value
    found = []
    for item in items:
        try:
            found.append(model.model_validate(item))
        except ValidationError:
            continue
    return found


_AnswerT = TypeVar("_AnswerT", bound=_Answer)


# --- A job (List jobs; Get a job) ---


class Metrics(_Answer):
    """What a job uses now: utilization in percent, memory in GB."""

    gpu_utilization: Lenient[Number] = None
    gpu_memory_used_gb: Lenient[Number] = None
    cpu_utilization: Lenient[Number] = None
    memory_used_gb: Lenient[Number] = None


class Artifacts(_Answer):
    """Where a job's artifacts are. `url` is signed: it is a credential, and is never shown or stored."""

    path: Lenient[Text] = None
    url: Annotated[Lenient[Text], Field(repr=False)] = None
    size_bytes: Lenient[Whole] = None
    file_count: Lenient[Whole] = None
    expires_at: Lenient[Time] = None


class Job(_Answer):
    """A job as a list shows it (to `completed_at`) and as a get does (all). Money is for the whole job, all nodes.

    Times are aware and in UTC; one without a zone is taken as UTC. Environment values are never read back.
    """

    id: Word
    name: Word
    status: Annotated[JobStatus, BeforeValidator(JobStatus.read)]
    namespace: Lenient[Text] = None
    gpu: Lenient[Text] = None
    gpu_count: Lenient[Whole] = None
    region: Lenient[Text] = None
    progress: Lenient[Text] = None
    cost_per_hour: Lenient[Money] = None
    runtime_seconds: Lenient[Whole] = None
    created_at: Lenient[Time] = None
    started_at: Lenient[Time] = None
    completed_at: Lenient[Time] = None

    command: Lenient[Text] = None
    image: Lenient[Text] = None
    repo: Lenient[Text] = None
    branch: Lenient[Text] = None
    cpu: Lenient[Whole] = None
    memory_gb: Lenient[Whole] = None
    disk_gb: Lenient[Whole] = None
    spot: Lenient[bool] = None
    num_nodes: Lenient[Whole] = None
    timeout_minutes: Lenient[Whole] = None
    max_retries: Lenient[Whole] = None
    retry_count: Lenient[Whole] = None
    exit_code: Lenient[Whole] = None
    error: Lenient[Text] = None
    metrics: Lenient[Metrics] = None
    total_cost: Lenient[Money] = None
    artifacts: Lenient[Artifacts] = None


LISTED_FIELDS: Final = tuple(Job.model_fields)[: tuple(Job.model_fields).index("completed_at") + 1]
"""The fields of a job in a list; a get has all."""


class Pagination(_Answer):
    """Which part of a list a page is; pages count from 1, and an empty list may have no page at all."""

    page: Annotated[Whole, Field(ge=1)] = 1
    per_page: Annotated[Whole, Field(ge=1)] = DEFAULT_PER_PAGE
    total: Lenient[Whole] = None
    total_pages: Annotated[Whole, Field(ge=0)]

    @model_validator(mode="before")
    @classmethod
    def _counted(cls, value: object) -> object:
        """Work out the number of pages where only the number of jobs is told."""
        if not isinstance(value, Mapping) or value.get("total_pages") is not None:
            return value
        total, per_page = value.get("total"), value.get("per_page", DEFAULT_PER_PAGE)
        if isinstance(total, int) and isinstance(per_page, int) and per_page > 0:
            return {**value, "total_pages": math.ceil(total / per_page)}
        return value


class JobPage(_Answer):
    """A page of jobs. `unreadable` counts the records that were left out because they couldn't be read.

    Without a readable `pagination` the page is refused: what is on other pages would look as if it were gone.
    """

    data: tuple[Job, ...]
    pagination: Pagination
    unreadable: Annotated[int, Field(exclude=True)] = 0

    @model_validator(mode="before")
    @classmethod
    def _leniently(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "data" not in value:
            return value
        jobs = readable(Job, value["data"])
        return {**value, "data": jobs, "unreadable": len(value["data"]) - len(jobs)}


# --- Logs and analytics ---


class LogLine(_Answer):
    """One line of a job's log. `position` is the stream's event id to resume after; no body carries it."""

    timestamp: Lenient[Time] = None
    message: Text
    stream: Annotated[LogStream, BeforeValidator(LogStream.read)] = LogStream.UNKNOWN
    node: Lenient[Whole] = None
    position: Annotated[str | None, Field(exclude=True)] = None


class LogPage(_Answer):
    """The JSON answer of the logs."""

    data: Annotated[tuple[LogLine, ...], BeforeValidator(lambda items: readable(LogLine, items))]


class StreamEnd(_Answer):
    """The log stream's last event: the job has ended, with this status."""

    status: Annotated[JobStatus, BeforeValidator(JobStatus.read)] = JobStatus.UNKNOWN
    position: Annotated[str | None, Field(exclude=True)] = None


class Summary(_Answer):
    """What a whole run used: utilization in percent, memory and traffic in GB, times in seconds."""

    gpu_utilization_avg: Lenient[Number] = None
    gpu_utilization_max: Lenient[Number] = None
    gpu_memory_used_gb_max: Lenient[Number] = None
    cpu_utilization_avg: Lenient[Number] = None
    memory_used_gb_max: Lenient[Number] = None
    network_in_gb: Lenient[Number] = None
    network_out_gb: Lenient[Number] = None
    total_cost: Lenient[Money] = None
    runtime_seconds: Lenient[Whole] = None
    queue_seconds: Lenient[Whole] = None


class Sample(_Answer):
    """One point of the series."""

    timestamp: Time
    gpu_utilization: Lenient[Number] = None
    cpu_utilization: Lenient[Number] = None
    memory_used_gb: Lenient[Number] = None


def _summary(value: object) -> object:
    return value if isinstance(value, Mapping | Summary) else {}


def _series(value: object) -> object:
    return readable(Sample, value) if isinstance(value, list | tuple) else ()


class Analytics(_Answer):
    """A job's analytics; what the platform doesn't tell is left empty."""

    summary: Annotated[Summary, BeforeValidator(_summary)] = Summary()
    series: Annotated[tuple[Sample, ...], BeforeValidator(_series)] = ()


# --- Errors ---


class ErrorDetail(_Answer):
    """What went wrong, in the platform's words."""

    code: str
    message: str
    details: Any = None


class ErrorBody(_Answer):
    """The body of every answer that isn't a success."""

    error: ErrorDetail


def error_message(body: object) -> str | None:
    """Find the platform's words in an error body: any of `error.message`, `message`, `detail`."""
    if not isinstance(body, Mapping):
        return None
    error = body.get("error")
    nested = error.get("message") if isinstance(error, Mapping) else error
    found = (text for text in (nested, body.get("message"), body.get("detail")) if isinstance(text, str))
    return next((text.strip() for text in found if text.strip()), None)


# --- Creating a job (Create a job) ---


def _an_int(value: object) -> object:
    """A Literal compares with `==`, and would take True for 1 and 8.0 for 8."""
    if type(value) is not int:
        raise ValueError("write a whole number")
    return value


GpuType = Literal["A100-40GB", "A100-80GB", "H100-80GB", "L4", "T4", "none"]
GpuCount = Literal[1, 2, 4, 8]
Cpu = Literal[2, 4, 8, 16, 32, 64, 96]
MemoryGb = Literal[8, 16, 32, 64, 128, 256, 512]
_ExactInt = BeforeValidator(_an_int)
Region = Literal["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"]
NAME_PATTERN: Final = r"^[A-Za-z0-9_-]+$"
REPO_PATTERN: Final = r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"
_EnvName = Annotated[str, StringConstraints(pattern=r"^[^=\x00]+$")]
_EnvValue = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class CreateJob(BaseModel):
    """The body of the create call, checked before it is sent: no coercion, no unknown field.

    `model_dump(exclude_none=True)` is the body; what is None isn't sent, and the platform's default holds. Which
    combinations of GPU, cpu and memory exist is the platform's to say (422). `env` values are secrets: they aren't in
    the repr or in the text of a ValidationError (read its `errors()` with `include_input=False`).
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    GPU_TYPES: ClassVar[tuple[str, ...]] = get_args(GpuType)
    GPU_COUNTS: ClassVar[tuple[int, ...]] = get_args(GpuCount)
    CPUS: ClassVar[tuple[int, ...]] = get_args(Cpu)
    MEMORY_GB: ClassVar[tuple[int, ...]] = get_args(MemoryGb)
    REGIONS: ClassVar[tuple[str, ...]] = get_args(Region)
    DISK_GB: ClassVar[range] = range(10, 2001)
    TIMEOUT_MINUTES: ClassVar[range] = range(1, 10081)
    MAX_RETRIES: ClassVar[range] = range(6)

    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    command: Annotated[str, StringConstraints(pattern=r"\S")]
    gpu: GpuType
    image: Annotated[str, StringConstraints(min_length=1)] | None = None
    repo: Annotated[str, StringConstraints(pattern=REPO_PATTERN)] | None = None
    branch: Annotated[str, StringConstraints(min_length=1)] | None = None
    gpu_count: Annotated[GpuCount, _ExactInt] | None = None
    cpu: Annotated[Cpu, _ExactInt] | None = None
    memory_gb: Annotated[MemoryGb, _ExactInt] | None = None
    disk_gb: Annotated[int, Field(ge=DISK_GB[0], le=DISK_GB[-1])] | None = None
    env: Annotated[dict[_EnvName, _EnvValue] | None, Field(repr=False)] = None
    region: Region | None = None
    timeout_minutes: Annotated[int, Field(ge=TIMEOUT_MINUTES[0], le=TIMEOUT_MINUTES[-1])] | None = None
    max_retries: Annotated[int, Field(ge=MAX_RETRIES[0], le=MAX_RETRIES[-1])] | None = None
    artifacts_path: Annotated[str, StringConstraints(min_length=1)] | None = None
    spot: bool | None = None
    num_nodes: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _has_something_to_run(self) -> Self:
        if self.image is None and self.repo is None:
            raise ValueError("either repo or image is required")
        if self.branch is not None and self.repo is None:
            raise ValueError("branch names a branch of repo: give repo as well, or leave branch out")
        return self

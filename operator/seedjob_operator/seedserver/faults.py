"""Faults on demand: which there are, which are switched on, and which requests they hit."""

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from seedjob_operator.seedserver.answers import time_of
from seedjob_operator.seedserver.operations import Asked

_REMEMBERED = 10_000  # requests: more than a test looks back, and a few MB
_LONGEST: Final = 10**9  # seconds, some 30 years: clocks and dates bear as many


class _Fault(BaseModel):
    """What shall go wrong with requests of an operation.

    It hits `count` requests (null: all until it is removed), each with a `probability`, and none after `for_seconds`. Where
    neither is said it hits the next one. Its `seed` decides which: the same requests in the same order are hit again.
    """

    model_config = ConfigDict(extra="forbid")

    operation: Literal["list", "get", "logs", "analytics", "create", "cancel", "delete", "any"]
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    for_seconds: Annotated[float, Field(gt=0, le=_LONGEST)] | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _once_where_nothing_is_said(self) -> Self:
        if not {"count", "probability", "for_seconds"} & self.model_fields_set:
            self.count = 1
        return self


class Delay(_Fault):
    """The request is carried out `seconds` later."""

    kind: Literal["delay"]
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0


class Fail(_Fault):
    """Nothing is done; the answer is an error: 429 and 503 may say `retry_after`."""

    kind: Literal["fail"]
    status: Annotated[int, Field(ge=400, le=599)] = 500
    retry_after: Annotated[int, Field(ge=0)] | str | None = None


class Drop(_Fault):
    """The work is done, then the connection is closed without an answer."""

    kind: Literal["drop"]


class Stall(_Fault):
    """The work is done; the answer's body stops in its middle for `seconds`, and then goes on."""

    kind: Literal["stall"]
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0


class Reset(_Fault):
    """The work is done, and the connection is reset in the middle of the answer's body."""

    kind: Literal["reset"]


class Truncate(_Fault):
    """The work is done; the answer's body ends in its middle, and the answer says nothing of it."""

    kind: Literal["truncate"]


class Malform(_Fault):
    """The work is done; the answer's body is `body`."""

    kind: Literal["malform"]
    body: str = "<html><body>Bad gateway</body></html>"
    content_type: str | None = None


class UnknownStatus(_Fault):
    """Jobs have a status that isn't in the contract."""

    kind: Literal["unknown_status"]
    word: Annotated[str, Field(pattern=r"^[a-z_]+$")] = "hibernating"


class Shift(_Fault):
    """A page begins `by` jobs later (or, below 0, earlier) than it should: jobs are missed or seen twice."""

    kind: Literal["shift"]
    operation: Literal["list"] = "list"
    by: Annotated[int, Field(ge=-1000, le=1000)] = 1


class Skew(_Fault):
    """The answer's times are those of a clock that is `seconds` ahead (or, below 0, behind)."""

    kind: Literal["skew"]
    seconds: Annotated[int, Field(ge=-_LONGEST, le=_LONGEST)] = 3600


Fault = Annotated[
    Delay | Fail | Drop | Stall | Reset | Truncate | Malform | UnknownStatus | Shift | Skew, Field(discriminator="kind")
]
FAULT: Final[TypeAdapter[_Fault]] = TypeAdapter(Fault)
KINDS: Final = ("delay", "fail", "drop", "stall", "reset", "truncate", "malform", "unknown_status", "shift", "skew")
_F = TypeVar("_F", bound=_Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request, and the status of its answer; None: there was none."""

    at: str
    operation: str
    namespace: str
    name: str
    status: int | None


class _Active:
    """A fault that is switched on: how often it hits yet, and until when."""

    def __init__(self, fault: _Fault, now: float) -> None:
        self.fault, self._left = fault, fault.count
        self._random = random.Random(fault.seed)  # noqa: S311  # it must be repeatable, not secret
        self._until = None if fault.for_seconds is None else now + fault.for_seconds

    def over(self, now: float) -> bool:
        return self._left == 0 or (self._until is not None and now >= self._until)

    def hits(self, operation: str) -> bool:
        """Decide whether a request is hit, and count it if so."""
        if self.fault.operation not in (operation, "any") or self._random.random() >= self.fault.probability:
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def described(self) -> dict[str, Any]:
        return self.fault.model_dump() | {"count": self._left}


class Faults:
    """The faults that are switched on, and the requests so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.recent: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._active: list[_Active] = []

    def add(self, fault: _Fault) -> None:
        """Switch a fault on."""
        self._active.append(_Active(fault, self._clock()))

    def clear(self) -> None:
        """Switch all off."""
        self._active = []

    def described(self) -> list[dict[str, Any]]:
        """Give the faults that are on; their count is what is left of it."""
        self._forget_those_over()
        return [active.described() for active in self._active]

    def due(self, operation: str, kind: type[_F]) -> list[_F]:
        """Give the faults of a kind that hit a request, each counted down."""
        if not self._active:
            return []
        self._forget_those_over()
        return [active.fault for active in self._active if isinstance(active.fault, kind) and active.hits(operation)]

    def _forget_those_over(self) -> None:
        now = self._clock()
        self._active = [active for active in self._active if not active.over(now)]

    def note(self, asked: Asked, *, at: int, status: int | None) -> None:
        """Remember a request."""
        self.counts[asked.operation] += 1
        about = {"operation": asked.operation, "namespace": asked.namespace, "name": asked.name}
        self.recent.append(Seen(at=time_of(at).isoformat(), status=status, **about))

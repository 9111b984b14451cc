"""What the operator is about to do, written into the SeedJob's metadata before it is done.

An intent names the one remote job of an attempt. It is stored, with the finalizer, before the create is sent, so that
whoever comes after a crash looks for that job instead of making a second one.
"""

import dataclasses
import functools
import json
import re
from datetime import UTC, datetime
from typing import Self

from seedjob_operator.core import naming

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intent:
    """One attempt's remote job.

    `time` is the platform's clock where it is known, in whole seconds. `connection` is a SeedConnection's name, empty for
    the operator's own default connection. `origin_uid` is the UID whose generated name the job carries, where that is
    not the present owner's (a restored backup took the job over). `cancel_reason` is why the operator cancels the job,
    `adopted_id` the platform's id of a job that was there before and is taken over. `secrets` says which versions of its
    Secrets the job was sent, None where that isn't known (`masking`). `earlier_spec` and
    `earlier_run` are of what was sent under the same name before this, where that create may have been carried out. `status_wiped` marks an attempt whose
    status somebody emptied: it may have said that the attempt had its job.
    """

    uid: str
    namespace: str
    name: str
    attempt: int
    run_id: str
    job_name: str
    endpoint: str
    seed_namespace: str
    connection: str
    spec_hash: str
    time: datetime
    origin_uid: str | None = None
    cancel_reason: str | None = None
    adopted_id: str | None = None
    secrets: str | None = None
    earlier_spec: str | None = None
    earlier_run: str | None = None
    status_wiped: str | None = None

    @staticmethod
    def parse(text: str | None) -> "Intent | None":
        """Read the annotation's value; None where it is absent or is no intent of ours (users can write it)."""
        return None if not text else _parsed(text)

    @classmethod
    def from_wire(cls, content: dict[str, object]) -> Self:
        """Read what `dump` wrote; all that can be wrong with it is one of the errors of its parts."""
        known = {attribute: content[wire] for attribute, wire in _WIRE.items() if content.get(wire) is not None}
        attempt, time = known.pop("attempt"), _moment(known.pop("time"))
        if type(attempt) is not int or not 0 < attempt < _TOO_MANY_ATTEMPTS:
            raise ValueError("an attempt is a number from 1")
        if not _NAME.fullmatch(str(known["job_name"])):
            raise ValueError("no remote job can have that name")
        return cls(**{name: _text(value) for name, value in known.items()}, attempt=attempt, time=time)

    def dump(self) -> str:
        """Give the annotation's value."""
        content = {wire: getattr(self, attribute) for attribute, wire in _WIRE.items()}
        content["time"] = self.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps({key: value for key, value in content.items() if value is not None}, separators=(",", ":"))

    @property
    def earliest(self) -> Self:
        """This intent for what was sent first of all that may have been carried out."""
        spec, run = self.earlier_spec or self.spec_hash, self.earlier_run or self.run_id
        return dataclasses.replace(self, spec_hash=spec, run_id=run)

    @property
    def has_generated_name(self) -> bool:
        """Whether the job's name proves by itself that it was made for this namespace, name and UID."""
        uid = self.origin_uid or self.uid
        expected = naming.generated_name(namespace=self.namespace, name=self.name, uid=uid, attempt=self.attempt)
        return self.job_name == expected


@functools.lru_cache(maxsize=1024)  # a pass reads the same text several times
def _parsed(text: str) -> Intent | None:
    try:
        return Intent.from_wire(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


_WIRE = {
    "uid": "uid",
    "namespace": "namespace",
    "name": "name",
    "attempt": "attempt",
    "run_id": "runId",
    "job_name": "jobName",
    "endpoint": "endpoint",
    "seed_namespace": "seedNamespace",
    "connection": "connection",
    "spec_hash": "specHash",
    "time": "time",
    "origin_uid": "originUid",
    "cancel_reason": "cancelReason",
    "adopted_id": "adoptedId",
    "secrets": "secrets",
    "earlier_spec": "earlierSpecHash",
    "earlier_run": "earlierRunId",
    "status_wiped": "statusWiped",
}
_TOO_MANY_ATTEMPTS = 10**9
_LONGEST_TEXT = 2048
_YEARS = range(2000, 9000)
"""Beyond these a user wrote the time, and adding to it could overflow."""


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise TypeError("an intent's fields are short strings")
    value.encode()  # half of a surrogate pair can be written as JSON, but not hashed or stored
    return value


def _moment(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None or time.year not in _YEARS:
        raise ValueError("an intent's time has a zone, and is about now")
    return time.astimezone(UTC)

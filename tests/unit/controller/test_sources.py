"""What a Secret's metadata say of its data: who wrote them when, as the API server itself notes it."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.kubernetes import Kubernetes, KubernetesError
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.resources import JobSpec
from unit.simulated import simulate

NOON = "2026-03-01T12:00:00Z"
JOB = JobSpec.model_validate(
    {
        "image": "i",
        "command": "c",
        "gpu": {"type": "none"},
        "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}],
    }
)


class At(Clock):
    """A clock that stands."""

    def __init__(self, time: str) -> None:
        self.time = time

    def now(self) -> datetime:
        return datetime.fromisoformat(f"2026-03-01T{self.time}").replace(tzinfo=UTC)


class Holding:
    """A Kubernetes that has one Secret."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = entries

    async def get(self, path: str) -> dict[str, Any]:
        metadata = {"uid": "u", "resourceVersion": "7", "managedFields": list(self.entries)}
        return {"metadata": metadata, "data": {"token": base64.b64encode(b"s3cret").decode()}}


def entry(manager: str, fields: dict[str, Any], *, time: str = NOON) -> dict[str, Any]:
    noted = {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    return noted | {"time": time, "fieldsV1": fields}


DATA = entry("kubectl-create", {"f:data": {".": {}, "f:token": {}}, "f:type": {}})
LABEL = entry("kubectl-label", {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}}, time="2026-03-01T12:30:00Z")


def written(*entries: dict[str, Any], at: str = "13:00:00") -> str | None:
    reader = SourceReader(cast("Kubernetes", Holding(*entries)), At(at))
    return asyncio.run(reader.for_job("ns", JOB)).written.get("hf")


def test_a_label_by_somebody_else_says_nothing_of_the_data() -> None:
    assert written(DATA) is not None
    assert written(DATA) == written(DATA, LABEL) == written(LABEL, DATA)


@pytest.mark.parametrize(
    "entries",
    [
        (entry("kubectl-create", DATA["fieldsV1"], time="2026-03-01T12:00:01Z"),),
        (entry("vault", DATA["fieldsV1"]),),
        (entry("kubectl-create", {"f:data": {".": {}, "f:other": {}}}),),
        (DATA, entry("vault", {"f:data": {"f:more": {}}})),
    ],
)
def test_whoever_writes_data_shows(entries: tuple[dict[str, Any], ...]) -> None:
    assert written(*entries) != written(DATA)


@pytest.mark.parametrize(
    ("entries", "at"),
    [
        ((), "13:00:00"),  # somebody cut them off
        ((LABEL,), "13:00:00"),
        ((DATA,), "12:00:05"),  # another write within that second would look the same
        (({key: value for key, value in DATA.items() if key != "time"},), "13:00:00"),
    ],
)
def test_where_it_isnt_certain_nothing_is_said(entries: tuple[dict[str, Any], ...], at: str) -> None:
    """Then the resource version is what tells one state from another."""
    assert written(*entries, at=at) is None


class Ticking(At):
    """A clock that moves when told to."""

    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


class Failing(Holding):
    """A Kubernetes that can't give its Secret: it fails, or never answers."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__(DATA)
        self.hangs, self.broken, self.asked = hangs, True, 0

    async def get(self, path: str) -> dict[str, Any]:
        self.asked += 1
        if self.broken and self.hangs:
            await asyncio.Event().wait()
        if self.broken:
            raise KubernetesError("unable to transform key", status=500)
        return await super().get(path)


@pytest.mark.parametrize("hangs", [False, True], ids=["it fails", "it hangs"])
def test_a_secret_that_cannot_be_read_is_waited_for_once_and_not_by_each_of_its_jobs(hangs: bool) -> None:
    """Hundreds of jobs may have the same Secret; other jobs' cancels stand behind them."""

    async def test() -> None:
        kubernetes, clock = Failing(hangs=hangs), Ticking("13:00:00")
        reader = SourceReader(cast("Kubernetes", kubernetes), clock)
        for _ in range(300):
            with pytest.raises((KubernetesError, TimeoutError)):
                await asyncio.wait_for(reader.secrets_of("ns", JOB), 0.01)
        assert kubernetes.asked == 1
        kubernetes.broken = False
        clock.seconds += 10
        read = await reader.secrets_of("ns", JOB)
        assert read.secrets == {"hf": {"token": "s3cret"}}, "and then again, before an ended job is looked at late"

    simulate(test())

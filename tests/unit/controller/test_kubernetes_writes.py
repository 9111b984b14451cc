"""Who waits for the answer of a write: the watch may tell of it first."""

import asyncio
from typing import Any, cast

import pytest

from seedjob_operator.controller import kubernetes
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import ConflictError, Kubernetes, SeedObjects

KEY, OTHER = Key("ns", "a"), Key("ns", "b")
PRECONDITION = {"uid": "1", "resourceVersion": "2"}


class _Api:
    """An API server that answers a write when it is told to, with an error where there is one."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None

    async def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.set()
        await asyncio.sleep(0)
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return body


@pytest.mark.parametrize("error", [None, ConflictError("it changed", status=409)])
async def test_the_answer_of_a_write_is_waited_for_whatever_it_is(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "_ECHO_AHEAD", 60.0)
    api = _Api()
    api.error = error
    objects = SeedObjects(cast("Kubernetes", api), "seedjobs")
    write = asyncio.create_task(objects.patch_status(KEY, precondition=PRECONDITION, status={}))
    await api.asked.wait()
    await objects.answered(OTHER)  # nothing is under way there
    waiting = asyncio.create_task(objects.answered(KEY))
    await asyncio.sleep(0)
    assert not waiting.done()
    api.may_answer.set()
    await asyncio.wait([write])
    await waiting
    assert write.exception() is error
    await objects.answered(KEY)


async def test_a_write_that_is_not_answered_holds_up_the_watch_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kubernetes, "_ECHO_AHEAD", 0.0)
    api = _Api()
    objects = SeedObjects(cast("Kubernetes", api), "seedjobs")
    write = asyncio.create_task(objects.patch_status(KEY, precondition=PRECONDITION, status={}))
    await api.asked.wait()
    await objects.answered(KEY)
    assert not write.done()
    write.cancel()


async def test_two_writes_to_one_object_at_once() -> None:
    """A connection's status and its finalizer are written by two parts of the operator."""
    api = _Api()
    objects = SeedObjects(cast("Kubernetes", api), "seedconnections")
    api.may_answer.set()
    both = [objects.patch_status(KEY, precondition=PRECONDITION, status={}) for _ in range(2)]
    assert len(await asyncio.gather(*both)) == 2

"""Secrets that Kubernetes can't give for a while (its KMS is away, say) cost a job's own words, and nothing else.

They are read to be masked in those words (I10). Verbs, deletion and the end of a job stand on none of them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from seedjob_operator.core.environment import Sources
from seedjob_operator.seedapi.wire import JobStatus, LogLine
from unit.controller.world import KEY, World, at_once
from unit.simulated import simulate

SECRET = "s3cret"
ENV = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}]
SPEC: dict[str, Any] = {"job": {"image": "i", "command": "c", "gpu": {"type": "none"}, "env": ENV}}
SUCCEEDED = {"status": JobStatus.SUCCEEDED, "progress": f"with {SECRET}: Epoch 4/4"}
FAILED = {"status": JobStatus.FAILED, "exit_code": 1, "error": f"no login with {SECRET}"}


def fail(world: World) -> None:
    world.sources.failing = True


def hang(world: World) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    world.sources.answering = for_ever


def recover(world: World) -> None:
    world.sources.failing, world.sources.answering = False, at_once


async def running(world: World) -> None:
    """Have the job of a SeedJob with a Secret run, its words masked."""
    world.sources.read = Sources(secrets={"hf": {"token": SECRET}}, versions={"hf": "1"})
    world.apply(spec=SPEC)
    await world.work(5)
    await says(world, status=JobStatus.RUNNING, progress=f"with {SECRET}: Epoch 1/4")
    assert world.status["progress"]["message"] == "with ***: Epoch 1/4"


def show(world: World, **said: Any) -> None:
    """Have the poll show something new of the job."""
    (name,) = world.platform.jobs
    world.observations.listed(KEY, world.platform.change(name, **said))
    world.queue.add(KEY)


async def says(world: World, *, seconds: float = 30, **said: Any) -> None:
    """Have the poll show something new of the job, and some time go by."""
    show(world, **said)
    await world.work(seconds)


async def advances(world: World) -> None:
    """Have the poll show each quarter of a minute that the job got on, for five minutes."""
    for step in range(1, 21):
        show(world, progress=f"with {SECRET}: Step {step}/40")
        await asyncio.sleep(15)  # of the simulated clock


def play(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        world = World()
        await running(world)
        await story(world)
        if KEY in world.objects.live:
            shown = world.objects.live[KEY] | {"spec": None}
            assert SECRET not in str((shown, world.recorder.told))

    simulate(told())


unreadable = pytest.mark.parametrize("break_off", [fail, hang])


@unreadable
@pytest.mark.parametrize(
    ("asked", "phase"),
    [({"cancel": True}, "Cancelled"), ({"costLimit": "1"}, "Failed"), ({"suspend": True}, "Suspended")],
)
def test_a_verb_is_carried_out(break_off: Callable[[World], None], asked: dict[str, Any], phase: str) -> None:
    async def story(world: World) -> None:
        break_off(world)
        show(world, progress=f"with {SECRET}: Epoch 2/4", total_cost=Decimal("2.5"))
        world.apply(spec=SPEC | asked)
        await world.work(2)
        assert [job.status for job in world.platform.jobs.values()] == [JobStatus.CANCELLED], "at once"
        world.queue.add(KEY)  # the end of that work may have cut off its pass
        await world.work(60)
        assert world.status["phase"] == phase

    play(story)


@unreadable
def test_a_deletion_is_carried_out(break_off: Callable[[World], None]) -> None:
    async def story(world: World) -> None:
        break_off(world)
        show(world, progress=f"with {SECRET}: Epoch 2/4")
        world.annotate(deletionTimestamp="2026-01-01T00:00:00Z")
        await world.work(2)
        assert (world.platform.jobs, KEY in world.objects.live) == ({}, False)

    play(story)


@unreadable
@pytest.mark.parametrize(("ends", "phase"), [(SUCCEEDED, "Succeeded"), (FAILED, "Failed")])
def test_an_end_is_recorded(break_off: Callable[[World], None], ends: dict[str, Any], phase: str) -> None:
    async def story(world: World) -> None:
        break_off(world)
        await says(world, **ends)
        assert (world.status["phase"], world.status.get("exitCode")) == (phase, ends.get("exit_code"))

    play(story)


@unreadable
def test_how_far_a_job_is_shows_all_the_same_and_its_words_once_they_can_be_masked(
    break_off: Callable[[World], None],
) -> None:
    """Without a word from the platform in between; and a Kubernetes in trouble is asked once a minute at most."""

    async def story(world: World) -> None:
        async def goes_on() -> None:
            await advances(world)
            show(world)  # as each round of the poll does: what came while a step was taken may be told once more
            await asyncio.sleep(30)  # of the simulated clock
            assert world.sources.reads - before <= 7
            assert world.status["progressText"] == "50 %"
            assert "Step" not in world.status["progress"]["message"]
            recover(world)

        break_off(world)
        before = world.sources.reads
        await asyncio.gather(goes_on(), world.work(450))
        assert world.status["progress"]["message"] == "with ***: Step 20/40"

    play(story)


@unreadable
def test_the_words_of_an_end_come_later_masked(break_off: Callable[[World], None]) -> None:
    """A Kubernetes that doesn't answer just then costs a delay, not the only sentence that says why the job failed."""

    async def story(world: World) -> None:
        async def logs(name: str, *, tail: int) -> list[LogLine]:
            return [LogLine(message=f"tried {SECRET}")]

        world.platform.get_logs = logs  # type: ignore[method-assign]
        break_off(world)
        await says(world, **FAILED, seconds=40)
        assert "no login" not in str(world.status)
        assert "logTail" not in world.status
        recover(world)
        await world.work(120)
        ended = [one for one in world.status["conditions"] if one["type"] in {"Ready", "Failed"}]
        assert len(ended) == 2
        assert all("no login with ***" in one["message"] for one in ended)
        assert world.status["logTail"] == ["tried ***"]

    play(story)


@unreadable
def test_nobody_waits_for_the_words_of_an_end_for_good(break_off: Callable[[World], None]) -> None:
    """After ten minutes the status says where the log is, and nothing is read or written any more."""

    async def story(world: World) -> None:
        break_off(world)
        await says(world, **FAILED, seconds=600)
        (line,) = world.status["logTail"]
        assert "on the platform" in line
        reads, version = world.sources.reads, world.objects.live[KEY]["metadata"]["resourceVersion"]
        await world.work(3600)
        assert (world.sources.reads, world.objects.live[KEY]["metadata"]["resourceVersion"]) == (reads, version)

    play(story)

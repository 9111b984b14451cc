"""A SeedConnection is held from before its first job on: whoever deletes it at any moment doesn't take it from under one."""

import asyncio
from typing import Any

import pytest

from seedjob_operator.controller.holding import Holder
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import KubernetesError
from seedjob_operator.controller.store import Store
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import CONNECTION_FINALIZER
from unit.controller.world import Objects
from unit.simulated import seedjob, simulate

ACME = Key("ns", "acme")


class World:
    """A SeedConnection, and the SeedJobs that there are. Each write takes a while."""

    def __init__(self, **metadata: Any) -> None:
        self.objects, self.connections, self.jobs = Objects(), Store(), Store()
        parts: Any = {"seedconnections": self.objects}
        self.holder = Holder(connections=self.connections, jobs=self.jobs, **parts)
        known = {"name": "acme", "namespace": "ns", "uid": "c1", "resourceVersion": "1"} | metadata
        self.connections.put(self.objects.put({"metadata": known, "spec": {}, "status": {}}))

    @property
    def is_held(self) -> bool:
        return CONNECTION_FINALIZER in self.objects.live[ACME]["metadata"].get("finalizers", ())

    @property
    def version(self) -> str:
        return str(self.objects.live[ACME]["metadata"]["resourceVersion"])

    def use(self) -> None:
        """Have a SeedJob refer to it."""
        self.jobs.put(seedjob(spec={"connectionRef": {"name": "acme"}}))


def test_it_is_held_when_the_call_is_over_and_written_once() -> None:
    async def test() -> None:
        world = World()
        world.use()
        await asyncio.gather(world.holder.hold(ACME), world.holder.hold(ACME))
        assert world.is_held
        version = world.version
        await world.holder.hold(ACME)
        await world.holder.refresh(ACME)
        assert world.version == version

    simulate(test())


def test_a_first_job_that_comes_while_it_is_let_go_of() -> None:
    """The finalizer of the last job is being taken off: the next job isn't submitted on the strength of it."""

    async def test() -> None:
        world = World(finalizers=[CONNECTION_FINALIZER])
        letting_go = asyncio.create_task(world.holder.refresh(ACME))
        await asyncio.sleep(0.001)
        world.use()
        await world.holder.hold(ACME)
        await letting_go
        assert world.is_held

    simulate(test())


def test_a_first_job_that_comes_before_the_watch_tells_that_it_is_gone() -> None:
    """Its last finalizer is off, so that Kubernetes has removed it: what is known of it is old."""

    async def test() -> None:
        world = World(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[CONNECTION_FINALIZER])
        await world.holder.refresh(ACME)
        assert ACME not in world.objects.live
        world.use()
        hold = await world.holder.hold(ACME)
        assert hold is not None
        assert hold.reason is Reason.CONNECTION_NOT_READY

    simulate(test())


def test_whether_it_was_let_go_of_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost, the write isn't: the next job waits until it is known what there is, and then it is held."""

    async def lost(*given: Any, **named: Any) -> Any:
        await write(*given, **named)
        raise KubernetesError("no answer")

    async def test() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(world.objects, "patch_metadata", lost)
            await world.holder.refresh(ACME)
        world.use()
        with pytest.raises(KubernetesError):
            await world.holder.hold(ACME)
        world.connections.put(world.objects.live[ACME])
        assert await world.holder.hold(ACME) is None
        assert world.is_held

    world = World(finalizers=[CONNECTION_FINALIZER])
    write = world.objects.patch_metadata
    simulate(test())


def test_one_that_is_being_deleted_takes_no_first_job() -> None:
    """Kubernetes takes no new finalizer any more: it would go away from under the job."""

    async def test() -> None:
        world = World(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["another.dev/holds-it"])
        world.use()
        hold = await world.holder.hold(ACME)
        assert isinstance(hold, Hold)
        assert hold.reason is Reason.CONNECTION_NOT_READY
        held = World(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[CONNECTION_FINALIZER])
        assert await held.holder.hold(ACME) is None, "it waits for the jobs that it has, and for this one"

    simulate(test())


def test_who_finds_it_held_waits_for_nobody() -> None:
    """Each job of each pass asks; a slow write to another connection would hold up all of them."""

    async def test() -> None:
        world = World(finalizers=[CONNECTION_FINALIZER])
        world.use()
        other = Key("ns", "globex")
        known = {"name": "globex", "namespace": "ns", "uid": "c2", "resourceVersion": "2"}
        world.connections.put(world.objects.put({"metadata": known, "spec": {}, "status": {}}))
        writing = asyncio.create_task(world.holder.hold(other))
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        await world.holder.hold(ACME)
        assert asyncio.get_running_loop().time() == began
        assert not writing.done()
        await writing

    simulate(test())


@pytest.mark.parametrize("status", [403, 422])
def test_a_finalizer_that_is_refused_holds_its_jobs_and_says_why(status: int) -> None:
    """Nothing heals that by itself, and who looks at the job sees no operator's log."""

    async def test() -> None:
        world = World()
        world.objects.refusal = KubernetesError(f"the Kubernetes API answered {status}: no", status=status)
        hold = await world.holder.hold(ACME)
        assert isinstance(hold, Hold)
        assert "acme" in hold.message
        assert f"answered {status}: no" in hold.message
        world.objects.refusal = KubernetesError("the Kubernetes API answered 503: busy", status=503)
        with pytest.raises(KubernetesError):  # that passes: the pass is put off
            await world.holder.hold(ACME)

    simulate(test())

"""What is told of a SeedJob while writes fail: each thing once, and none of it lost with the write that it belongs to."""

from seedjob_operator import metrics
from seedjob_operator.controller.kubernetes import ConflictError, KubernetesError
from seedjob_operator.controller.observations import Observations
from seedjob_operator.core.reasons import Reason
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.controller.world import KEY, World
from unit.simulated import simulate

DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def orphans_counted() -> float:
    """Give `seedjob_orphaned_total` as it stands."""
    return next(iter(metrics.ORPHANED.collect())).samples[0].value


def test_an_intent_that_is_dropped_is_told_of_once() -> None:
    """The write that removes it is refused at first: nothing was removed yet, and nothing is told."""

    async def play() -> None:
        world = World()
        world.apply()
        world.annotate(annotations={"seed.dev/intent": "{}"}, finalizers=["seed.dev/job"])
        world.objects.refusal = ConflictError("changed meanwhile", status=409)
        await world.work(5)
        assert [event.reason for _, event in world.recorder.told] == []
        world.objects.refusal = None
        world.queue.add(KEY)
        await world.work(30)
        assert [event.reason for _, event in world.recorder.told].count(Reason.INTENT_DROPPED) == 1

    simulate(play())


def test_an_intent_whose_removal_was_not_answered_is_told_of() -> None:
    """The next pass sees none, and has nothing to tell: whose intent it was would never know."""

    async def play() -> None:
        world = World()
        world.apply()
        world.annotate(annotations={"seed.dev/intent": "{}"}, finalizers=["seed.dev/job"])
        world.objects.unheard = 1
        await world.work(60)
        assert world.status["phase"] == "Queued"
        assert Reason.INTENT_DROPPED in [event.reason for _, event in world.recorder.told]

    simulate(play())


def test_what_a_write_is_told_with_is_told_once_however_often_the_write_fails() -> None:
    """A webhook that answers 500 for an hour mustn't fill `kubectl describe` with one sentence."""

    async def play() -> None:
        world = World()
        world.apply()
        world.annotate(annotations={"seed.dev/intent": "{}"}, finalizers=["seed.dev/job"])
        world.objects.refusal = KubernetesError("the webhook answered 500", status=500)
        await world.work(600)
        assert [event.reason for _, event in world.recorder.told] == [Reason.INTENT_DROPPED]
        world.objects.refusal = None
        await world.work(120)
        assert [event.reason for _, event in world.recorder.told].count(Reason.INTENT_DROPPED) == 1
        world.objects.refusal = KubernetesError("the webhook answered 500", status=500)
        known = world.objects.live[KEY]["metadata"]["annotations"]
        world.annotate(**DELETED, annotations=known | {"seed.dev/force-orphan": "true"})
        await world.work(600)
        assert len(world.orphans) == 1
        world.objects.refusal = None
        await world.work(120)
        assert (len(world.orphans), KEY in world.objects.live) == (1, False)

    simulate(play())


def test_what_could_not_be_told_with_a_failed_write_is_told_with_the_next() -> None:
    """I2: while Kubernetes answers nothing, no Event can be written either; that a job was let go of must not be lost."""

    async def play() -> None:
        world = World()
        world.apply(spec={"job": {"image": "i", "command": "c", "gpu": {"type": "none"}}, "deletionPolicy": "Orphan"})
        await world.work(5)
        before = orphans_counted()
        world.objects.refusal, world.recorder.failing = KubernetesError("busy", status=503), True
        world.annotate(**DELETED)
        await world.work(30)
        world.objects.refusal, world.recorder.failing = None, False
        await world.work(120)
        assert (len(world.orphans), KEY in world.objects.live) == (1, False)
        assert orphans_counted() == before + 1, "one job, however often it was tried to say so"

    simulate(play())


def test_a_failed_write_does_not_put_back_what_the_poll_has_overtaken() -> None:
    """The write may hang for half a minute, in which the job ends."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)
        (name,) = world.platform.jobs
        running = world.platform.change(name, status=JobStatus.RUNNING)
        world.observations.listed(KEY, running)

        async def hangs(*_: object, **__: object) -> object:
            world.observations.listed(KEY, running.model_copy(update={"status": JobStatus.SUCCEEDED, "exit_code": 0}))
            raise KubernetesError("no answer")

        world.objects.patch_metadata = hangs  # type: ignore[method-assign,assignment]  # it stands for one that hangs
        known = world.objects.live[KEY]["metadata"]["annotations"]
        world.annotate(**DELETED, annotations=known | {"seed.dev/force-orphan": "true"})
        await world.work(0.5)
        assert len(world.orphans) == 1, "an Event went with the write, and is kept in mind as told"
        seen = world.observations.get(KEY, uid="u1").remote
        assert isinstance(seen, Job)
        assert seen.status is JobStatus.SUCCEEDED

    simulate(play())


def test_a_failed_write_does_not_bring_back_what_was_seen_in_an_earlier_term() -> None:
    """While it hung, the lease may have been lost and won again: what the other replica did meanwhile is looked for."""

    async def play() -> None:
        world = World()
        world.apply()
        world.annotate(annotations={"seed.dev/intent": "{}"}, finalizers=["seed.dev/job"])

        async def hangs(*_: object, **__: object) -> object:
            world.leadership.term += 1
            world.observations.forget_all()
            raise KubernetesError("no answer", status=500)

        world.objects.patch_metadata = hangs  # type: ignore[method-assign,assignment]  # it stands for one that hangs
        await world.work(0.5)
        assert world.recorder.told != []
        assert world.observations.get(KEY, uid="u1") == Observations(currency="USD").get(KEY, uid="u1")

    simulate(play())


def test_another_intent_that_is_dropped_is_told_of_too() -> None:
    """What was told of the first says nothing of the second."""

    async def play() -> None:
        world = World()
        world.apply(spec={"job": {"image": "i", "command": "c", "gpu": {"type": "none"}}, "suspend": True})
        for told in (1, 2):
            world.annotate(annotations={"seed.dev/intent": "{}"}, finalizers=["seed.dev/job"])
            world.objects.unheard = 1
            await world.work(60)
            assert [event.reason for _, event in world.recorder.told].count(Reason.INTENT_DROPPED) == told

    simulate(play())


def test_a_job_that_was_let_go_of_by_an_unanswered_write_is_told_of_once() -> None:
    """The watch then says that the object is gone with its finalizer: that was us, and nobody who removed it by force."""

    async def play() -> None:
        world, before = World(), orphans_counted()
        world.apply(spec={"job": {"image": "i", "command": "c", "gpu": {"type": "none"}}, "deletionPolicy": "Orphan"})
        await world.work(5)
        world.objects.unheard = 1
        world.annotate(**DELETED)
        await world.work(0.5)
        world.reconciler.vanished(KEY, uid="u1")
        world.queue.add(KEY)
        await world.work(60)
        assert [message for _, message in world.orphans if "by force" in message] == []
        assert (len(world.orphans), orphans_counted()) == (1, before + 1)

    simulate(play())


def test_what_was_tried_to_be_told_for_long_is_told_once() -> None:
    """Each try is kept in mind, once, until the object is gone with a write that wasn't answered."""

    async def play() -> None:
        world = World()
        world.apply(spec={"job": {"image": "i", "command": "c", "gpu": {"type": "none"}}, "deletionPolicy": "Orphan"})
        await world.work(5)
        world.objects.refusal, world.recorder.failing = KubernetesError("busy", status=503), True
        world.annotate(**DELETED)
        await world.work(600)
        assert len(world.observations.get(KEY, uid="u1").tried) == 1
        world.reconciler.vanished(KEY, uid="u1")
        world.recorder.failing = False
        await world.work(120)
        assert len(world.orphans) == 1

    simulate(play())

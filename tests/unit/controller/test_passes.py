"""A pass rests on one state of its object: what changes under it is decided on anew, and nothing is lost on the way."""

import asyncio
from collections.abc import Callable

from seedjob_operator.controller.keys import Key
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.controller.world import KEY, Wait, World
from unit.simulated import seedjob, simulate

DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def once(seconds: float, change: Callable[[], None]) -> Wait:
    """Make a wait during which, the first time, something happens."""
    state = {"armed": True}

    async def wait() -> None:
        await asyncio.sleep(seconds)
        if state.pop("armed", False):
            change()
        await asyncio.sleep(seconds)

    return wait


def test_a_job_is_made_and_recorded() -> None:
    """The undisturbed case, which the others differ from."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)
        assert [request.name for request in world.platform.created] == [world.status["jobName"]]
        assert (world.status["phase"], world.status["jobId"]) == ("Queued", "job_1")
        assert world.orphans == []

    simulate(play())


def test_a_spec_that_cannot_be_read_waits_and_says_what_is_odd() -> None:
    """The CRD in the cluster may be another version's: the object is neither ignored nor in the way of the others."""

    async def play() -> None:
        world, good = World(), {"image": "i", "command": "c", "gpu": {"type": "none"}}
        world.apply(spec={"job": good | {"cpu": 3}})
        await world.work(5)
        ready = next(one for one in world.status["conditions"] if one["type"] == "Ready")
        assert (world.status["phase"], ready["reason"]) == ("Pending", "SpecUnreadable")
        assert "spec.job.cpu" in ready["message"]
        assert world.platform.created == []
        world.apply(spec={"job": good})
        await world.work(5)
        assert world.status["phase"] == "Queued"

    simulate(play())


def test_no_more_of_a_log_is_kept_than_was_asked_for() -> None:
    """Kubernetes refuses a status with more lines as a whole, and its end would never be recorded."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)
        name = world.status["jobName"]
        failed = world.platform.jobs[name].model_copy(update={"status": JobStatus.FAILED, "exit_code": 1})
        world.platform.jobs[name] = failed
        world.observations.listed(KEY, failed)
        world.queue.add(KEY)
        await world.work(30)
        assert world.status["phase"] == "Failed"
        assert world.status["logTail"] == [f"line {number}" for number in range(130, 150)]

    simulate(play())


def test_two_that_would_take_over_one_job_at_once() -> None:
    """Applied together, each finds the job unclaimed: the one whose intent is stored first has it, the other waits."""

    async def play() -> None:
        world, spec = World(), {"jobName": "nightly", "adoptionPolicy": "IfMatching"}
        there = {"id": "job_9", "name": "nightly", "status": "running", "command": "c", "image": "i", "gpu": "none"}
        world.platform.jobs["nightly"] = Job.model_validate(there)
        keys = [Key("ns", name) for name in ("a", "b", "c")]
        for key in keys:
            world.store.put(world.objects.put(seedjob(key.name, uid=f"uid-{key.name}", spec=spec)))
            world.queue.add(key)
        await world.work(30)
        found = sorted(str(world.objects.live[key]["status"].get("jobId")) for key in keys)
        assert found == ["None", "None", "job_9"]
        assert sorted(world.objects.live[key]["status"]["phase"] for key in keys) == ["Pending", "Pending", "Running"]

    simulate(play())


def test_a_create_that_waited_is_not_sent_for_an_object_that_is_being_deleted() -> None:
    """At 60 requests a minute it may wait for long, and its object may go meanwhile."""

    async def play() -> None:
        world = World()
        world.platform.turn = once(30, lambda: world.annotate(**DELETED))
        world.apply()
        await world.work(100)
        assert world.platform.created == []
        assert KEY not in world.objects.live

    simulate(play())


def test_a_create_that_waited_is_not_sent_in_another_term() -> None:
    """Whoever led meanwhile may have carried the job out: what was decided before that doesn't stand."""

    async def play() -> None:
        world = World()

        def lose_and_win() -> None:
            world.leadership.term += 1

        world.platform.turn = once(30, lose_and_win)
        world.apply()
        await world.work(61)
        assert world.platform.created == []

    simulate(play())


def test_a_create_that_waited_has_the_spec_of_now() -> None:
    """The command that was edited while the environment was read goes out with the environment that was read for it."""

    async def play() -> None:
        world = World()
        job = {"image": "i", "command": "new", "gpu": {"type": "none"}}
        world.sources.reading = once(5, lambda: world.apply(spec={"job": job}))
        world.apply()
        await world.work(300)
        assert [request.command for request in world.platform.created] == ["new"]

    simulate(play())


def test_a_namesake_gets_nothing_of_its_predecessor() -> None:
    """Removed by force and applied again while a pass waits for the connection's Secret."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)

        def recreate() -> None:
            world.remove_by_force()
            world.apply(uid="u2")

        world.connections.looking_up = once(1, recreate)
        world.queue.add(KEY)
        await world.work(20)
        first, second = world.platform.created
        assert first.name != second.name
        assert (world.status["jobName"], world.status["jobId"]) == (second.name, "job_2")
        assert [uid for uid, _ in world.orphans] == ["u1"]

    simulate(play())


def test_a_job_whose_object_was_removed_by_force_is_told_of() -> None:
    """No remote job outlives its owner unseen, also where somebody strips the finalizer."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)
        world.remove_by_force()
        await world.work(5)
        ((uid, message),) = world.orphans
        assert uid == "u1"
        assert world.platform.created[0].name in message

    simulate(play())


def test_a_job_that_was_being_made_while_its_object_was_removed_is_told_of() -> None:
    """The create was on its way already."""

    async def play() -> None:
        world = World()
        create = world.platform.create_job

        async def slow(request: object) -> object:
            job = await create(request)  # type: ignore[arg-type]  # a CreateJob
            world.remove_by_force()
            await asyncio.sleep(1)
            return job

        world.platform.create_job = slow  # type: ignore[assignment,method-assign]  # the same, slower
        world.apply()
        await world.work(20)
        assert len(world.platform.created) == 1
        assert [uid for uid, _ in world.orphans] == ["u1"]

    simulate(play())


def test_a_job_that_we_let_go_of_is_told_of_once() -> None:
    """Also where the watch tells of its end before our own write is answered."""

    async def play() -> None:
        world = World()
        world.apply(spec={"deletionPolicy": "Orphan"})
        await world.work(5)
        patch = world.objects.patch_metadata

        async def watched(*arguments: object, **named: object) -> object:
            written = await patch(*arguments, **named)  # type: ignore[arg-type]  # as given
            world.reconciler.vanished(KEY, uid="u1")
            return written

        world.objects.patch_metadata = watched  # type: ignore[assignment,method-assign]  # the same, and the watch is quick
        world.annotate(**DELETED)
        await world.work(5)
        assert KEY not in world.objects.live
        assert len(world.orphans) == 1, "by its policy"

    simulate(play())


def test_a_standby_keeps_no_keys_and_tells_nothing() -> None:
    """Thousands of objects must cost it nothing; whoever begins to act looks at all of them."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)
        world.leadership.held = False
        world.remove_by_force()
        await world.work(30)
        assert world.orphans == []
        assert len(world.queue) == 0

    simulate(play())


def test_a_watch_that_lags_tells_of_nobody_as_orphaned() -> None:
    """The late news of an earlier state comes after our own write let the object go."""

    async def play() -> None:
        world = World()
        world.apply()
        await world.work(5)
        before = world.objects.live[KEY]
        world.annotate(**DELETED)
        name = world.platform.created[0].name
        world.platform.jobs.pop(name)
        await world.work(900)
        assert KEY not in world.objects.live
        world.store.put(before | {"metadata": before["metadata"] | {"resourceVersion": "900"}})
        world.reconciler.vanished(KEY, uid="u1")
        world.queue.add(KEY)
        await world.work(5)
        assert world.orphans == []

    simulate(play())


def test_what_was_seen_in_an_earlier_term_does_not_stand() -> None:
    """Another replica may have made the job meanwhile: what this one knew of the create is forgotten."""

    async def play() -> None:
        world = World()

        def lose_and_win() -> None:
            world.leadership.term += 1
            world.observations.forget_all()

        world.sources.reading = once(5, lose_and_win)
        world.apply()
        await world.work(30)
        assert world.observations.get(KEY, uid="u1").environment_read is False

    simulate(play())


def test_what_the_poll_shows_during_a_write_is_kept() -> None:
    """An end that was shown while the status was being written must not wait for the next round."""

    async def play() -> None:
        world = World()
        patch = world.objects.patch_status

        async def slow(*arguments: object, **named: object) -> object:
            for job in world.platform.jobs.values():
                shown = job.model_copy(update={"status": JobStatus.RUNNING})
                world.observations.listed(KEY, shown)
            return await patch(*arguments, **named)  # type: ignore[arg-type]  # as given

        world.objects.patch_status = slow  # type: ignore[assignment,method-assign]  # the same, and the poll is quick
        world.apply()
        await world.work(5)
        remote = world.observations.get(KEY, uid="u1").remote
        assert isinstance(remote, Job)
        assert remote.status is JobStatus.RUNNING

    simulate(play())


def test_the_words_of_a_recorded_end_do_not_change() -> None:
    """A finished result stays, whatever the platform says later."""

    async def test() -> None:
        world = World()
        world.apply()
        await world.work(5)
        (name,) = world.platform.jobs
        ended = world.platform.change(name, status=JobStatus.FAILED, exit_code=1, error="worker lost")
        world.observations.listed(KEY, ended)
        world.queue.add(KEY)
        await world.work(900)
        recorded = _failure(world)
        assert "worker lost" in recorded
        world.platform.change(name, error="another word")
        noted = world.objects.live[KEY]["metadata"]["annotations"]
        world.annotate(annotations=noted | {"seed.dev/reconcile-at": "now"})
        await world.work(900)
        assert _failure(world) == recorded

    simulate(test())


def _failure(world: World) -> str:
    (message,) = [str(one["message"]) for one in world.status["conditions"] if one["type"] == "Failed"]
    return message

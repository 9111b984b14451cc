"""What is asked again is asked with pauses, each longer than the last, whatever the platform answers.

A platform whose reads lag behind its writes, or that takes a write and loses it, is no reason to flood it.
"""

import collections
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from seedjob_operator.core import learning, pacing
from seedjob_operator.core.decision import CancelJob, CreateJob, DeleteJob, ReadJob, Step
from seedjob_operator.core.snapshot import Desired, Observed
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.core import given
from unit.core.given import NOW, SPEC
from unit.core.world import World

WRITES = (CreateJob, CancelJob, DeleteJob)
HOUR = 3600.0


class Contrary(World):
    """A world whose platform does something else than it says. `takes` carries out what it really does."""

    requests: list[tuple[datetime, type]]
    takes: Callable[["Contrary", Step, Observed, Desired], Observed | None]

    def _carry_out(self, step: Step, observed: Observed, desired: Desired) -> Observed:
        self.requests.append((self.now, type(step)))
        return self.takes(self, step, observed, desired) or super()._carry_out(step, observed, desired)

    def live(self, seconds: float) -> None:
        """Look whenever a look is due."""
        until = self.now + timedelta(seconds=seconds)
        while self.exists and self.now < until:
            self.wait(max(self.look() or 60.0, 0.5))

    def pauses(self) -> Iterator[float]:
        """Give the seconds between a write to the platform and the same one again."""
        last: dict[type, datetime] = {}
        for when, kind in self.requests:
            if kind in WRITES and kind in last:
                yield (when - last[kind]).total_seconds()
            last[kind] = when

    def count(self, kind: type) -> int:
        return collections.Counter(kind for _, kind in self.requests)[kind]


def contrary(takes: Callable[[Contrary, Step, Observed, Desired], Observed | None]) -> Contrary:
    world = Contrary(SPEC)
    world.requests, world.takes = [], takes
    return world


def reads_lag(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
    return learning.job_absent(observed, now=world.now) if isinstance(step, ReadJob) else None


def removal_is_lost(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
    return learning.record_deleted(observed) if isinstance(step, DeleteJob) else None


def cancel_is_lost(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
    if not isinstance(step, CancelJob):
        return None
    return learning.cancel_taken(observed, world.platform.jobs[step.name], now=world.now)


def cancel_is_refused(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
    return learning.cancel_taken(observed, None, now=world.now) if isinstance(step, CancelJob) else None


def as_it_says(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
    return None


def unanswered_create() -> Contrary:
    world = contrary(reads_lag)
    world.fault = "answer"
    world.wait(world.look() or 1.0)
    assert world.platform.accepted == [given.GENERATED]
    world.requests = []
    return world


def name_that_exists() -> Contrary:
    world = contrary(reads_lag)
    world.platform.jobs[given.GENERATED] = given.job(JobStatus.RUNNING)
    return world


def running(takes: Callable[[Contrary, Step, Observed, Desired], Observed | None]) -> Contrary:
    world = contrary(as_it_says)
    world.look()
    world.platform.turn(given.GENERATED, JobStatus.RUNNING, world.now)
    world.wait(60.0)
    world.look()
    world.takes, world.requests = takes, []
    return world


def deleted(world: Contrary) -> Contrary:
    world.delete()
    return world


def ended(world: Contrary) -> Contrary:
    world.platform.turn(given.GENERATED, JobStatus.SUCCEEDED, world.now)
    return world


CONTRARY: dict[str, Callable[[], Contrary]] = {
    "a create isn't answered, and reads lag": unanswered_create,
    "a create is refused as taken, and reads lag": name_that_exists,
    "a removal is taken and lost": lambda: deleted(ended(running(removal_is_lost))),
    "a deletion's cancel is taken and lost": lambda: deleted(running(cancel_is_lost)),
    "a deletion's cancel is refused": lambda: deleted(running(cancel_is_refused)),
    "a user's cancel is taken and lost": lambda: cancelled(running(cancel_is_lost)),
    "a user's cancel is refused": lambda: cancelled(running(cancel_is_refused)),
}


def cancelled(world: Contrary) -> Contrary:
    world.edit(cancel=True)
    return world


@pytest.mark.parametrize("name", CONTRARY)
def test_no_write_is_repeated_without_a_pause(name: str) -> None:
    world = CONTRARY[name]()
    world.live(HOUR)
    pauses = list(world.pauses())
    assert pauses, "it is tried again"
    assert min(pauses) >= pacing.FIRST_TRY.total_seconds()
    assert pauses == sorted(pauses), "each pause is as long as the last, or longer"


@pytest.mark.parametrize("name", CONTRARY)
def test_reads_leave_the_budget_to_others(name: str) -> None:
    world = CONTRARY[name]()
    world.live(HOUR)
    assert world.count(ReadJob) <= 180


@pytest.mark.parametrize("lost", [cancel_is_lost, cancel_is_refused], ids=["lost", "refused for a moment"])
def test_a_cancel_that_did_nothing_is_sent_again_until_the_job_ends(
    lost: Callable[[Contrary, Step, Observed, Desired], Observed | None],
) -> None:
    world = cancelled(running(lost))
    world.live(600.0)
    assert world.platform.active()

    def ends(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
        if isinstance(step, CancelJob):
            world.platform.turn(step.name, JobStatus.CANCELLED, world.now)
            return learning.cancel_taken(observed, world.platform.jobs[step.name], now=world.now)
        return None

    world.takes = ends
    world.live(HOUR)
    assert not world.platform.active()
    assert world.status.phase is Phase.CANCELLED


@pytest.mark.parametrize("world", [unanswered_create, name_that_exists])
def test_a_job_that_was_hidden_is_found(world: Callable[[], Contrary]) -> None:
    found = world()
    found.live(90.0)
    found.takes = as_it_says
    found.live(90.0)
    assert found.status.job_name == given.GENERATED
    assert found.status.job_id is not None
    assert found.platform.accepted in ([], [given.GENERATED])


def test_a_deletion_ends_where_only_the_poll_reads() -> None:
    """The poll of a single job reads it by name, more often than a look is due."""
    world = deleted(running(as_it_says))
    world.platform.jobs.clear()
    world.look()
    for _ in range(400):
        if not world.exists:
            break
        world.wait(2.0)
        assert world.observed is not None
        world.observed = learning.job_absent(world.observed, now=world.now)
        world.look()
    assert not world.exists


def test_a_job_is_not_given_up_while_it_may_become_visible() -> None:
    """The platform refused every create for a long time; the one that it took at last counts from then."""
    refused_until = NOW + timedelta(minutes=10)

    def takes(world: Contrary, step: Step, observed: Observed, desired: Desired) -> Observed | None:
        if isinstance(step, ReadJob):
            return learning.job_absent(observed, now=world.now)
        if isinstance(step, CreateJob) and world.now < refused_until:
            fault = given.fault()
            return learning.create_failed(observed, learning.Answer.REFUSED, fault=fault)
        return None

    world = contrary(takes)
    world.live(660.0)
    taken = next(when for when, kind in reversed(world.requests) if kind is CreateJob)
    assert taken >= refused_until
    world.observed = learning.job_unlisted(world.observed or given.observed())
    while world.status.phase is not Phase.FAILED:
        world.wait(max(world.look() or 10.0, 1.0))
    assert world.now - taken > timedelta(minutes=7)


def test_a_listed_job_says_that_a_removal_got_lost() -> None:
    removed = learning.record_deleted(given.observed())
    shown = learning.job_seen(removed, _ended_job(), now=None, listed_at=NOW)
    again = learning.job_seen(shown, _ended_job(), now=NOW + timedelta(seconds=9))
    assert (shown.undeleted_since, again.undeleted_since) == (NOW, NOW)
    assert learning.record_deleted(again).undeleted_since is None


def _ended_job() -> Job:
    return given.job(JobStatus.CANCELLED)


@pytest.mark.parametrize("takes", [as_it_says, removal_is_lost])
def test_an_object_that_another_holds_is_cleaned_up_once(
    takes: Callable[[Contrary, Step, Observed, Desired], Observed | None],
) -> None:
    """Released, it stays because of another's finalizer: nothing more is asked or told."""
    world = ended(running(takes))
    world.held_by_others = True
    world.delete()
    world.live(60.0)
    world.takes = as_it_says
    world.live(HOUR)
    assert (world.exists, world.finalizer, world.intent) == (True, False, None)
    assert not world.platform.jobs
    world.requests.clear()
    world.observed = None  # as after a restart
    world.live(HOUR)
    assert not world.requests


def test_a_stripped_finalizer_keeps_no_job_running() -> None:
    world = running(as_it_says)
    world.held_by_others = True
    world.delete()
    world.finalizer = False
    world.version += 1
    world.live(30.0)
    assert world.count(CancelJob) == 1
    ended(world)
    world.live(60.0)
    assert not world.platform.jobs
    assert world.intent is None

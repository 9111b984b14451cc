"""Lanes: few wait for the platform at a time, the others as mere keys, and nobody waits behind another kind of request."""

import random

import pytest

from chance import draw_seed
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.lanes import WIDTH, LaneKind, Lanes, lane_of
from seedjob_operator.core.decision import CancelJob, DeleteJob, DropIntent, ReadEnvironment, ReadJob, ReleaseFinalizer


def keys(count: int, namespace: str = "ns") -> list[Key]:
    return [Key(namespace, f"j{number}") for number in range(count)]


def test_a_full_lane_admits_the_next_when_one_leaves() -> None:
    """5,000 new jobs are 16 passes that wait for the platform, not 5,000."""
    admitted: list[Key] = []
    lanes = Lanes(admitted.append)
    crowd = keys(WIDTH + 2)
    assert [lanes.enter("create", key) for key in crowd] == [True] * WIDTH + [False, False]
    lanes.leave(crowd[0])
    assert admitted == [crowd[WIDTH]]
    assert lanes.enter("create", crowd[WIDTH]), "its place was kept"
    assert not lanes.enter("create", crowd[WIDTH + 1]), "and nobody else's"


def test_a_lane_that_is_full_holds_up_no_other() -> None:
    """A cancel goes past all creates, and one account's line is not another's."""
    lanes = Lanes(lambda key: None)
    for key in keys(WIDTH):
        lanes.enter(("a", LaneKind.CREATE), key)
    assert lanes.enter(("a", LaneKind.END), Key("ns", "cancel-me"))
    assert lanes.enter(("b", LaneKind.CREATE), Key("ns", "other-account"))


def test_who_does_not_wait_is_not_called() -> None:
    """A result that is read later is asked for again by its own pass."""
    admitted: list[Key] = []
    lanes = Lanes(admitted.append)
    crowd = keys(WIDTH + 1)
    for key in crowd[:-1]:
        lanes.enter("read", key)
    assert not lanes.enter("read", crowd[-1], wait=False)
    lanes.leave(crowd[0])
    assert admitted == []


def test_namespaces_take_turns_in_line() -> None:
    """One team's thousands must not hold up another's first."""
    admitted: list[Key] = []
    lanes = Lanes(admitted.append)
    inside, crowd = keys(WIDTH, "first"), keys(100, "many")
    for key in (*inside, *crowd, Key("few", "a")):
        lanes.enter("create", key)
    for key in inside[:2]:
        lanes.leave(key)
    assert admitted == [crowd[0], Key("few", "a")]


def test_no_place_is_lost_whatever_comes() -> None:
    """A place that nobody gives back would in the end stop all submissions."""
    seed = draw_seed()
    chance = random.Random(seed)
    lanes = Lanes(lambda key: None)
    crowd = keys(60)
    for _ in range(20_000):
        key = chance.choice(crowd)
        if chance.random() < 0.5:
            lanes.enter(chance.choice(("create", "end", "read")), key, wait=chance.random() < 0.8)
        else:
            lanes.leave(key)
    for _ in range(3):  # whoever is admitted leaves as well
        for key in crowd:
            lanes.leave(key)
    for name in ("create", "end", "read"):
        newcomers = keys(WIDTH, name)
        assert all(lanes.enter(name, key) for key in newcomers)


@pytest.mark.parametrize(
    ("step", "lane"),
    [
        (ReadEnvironment(attempt=1), LaneKind.CREATE),
        (CancelJob(name="j"), LaneKind.END),
        (DeleteJob(name="j", delete_artifacts=False), LaneKind.END),
        (ReadJob(name="j", urgent=True), LaneKind.END),
        (ReadJob(name="j"), LaneKind.READ),
        (DropIntent(), None),
        (ReleaseFinalizer(), None),
    ],
)
def test_which_step_is_taken_where(step: object, lane: LaneKind | None) -> None:
    """What ends a job or settles a create never stands behind submissions; what only Kubernetes serves waits for nobody."""
    assert lane_of(step) is lane  # type: ignore[arg-type]  # a step

"""`decide` over its input space: whatever it is given, no promise breaks, and asking again changes nothing."""

import collections
import dataclasses
from collections.abc import Callable, Iterator

import pytest

from chance import draw_seed
from seedjob_operator.core import learning
from seedjob_operator.core.decide import decide
from seedjob_operator.resources import Phase, SeedJobStatus
from unit.core import cells
from unit.core.cells import Cell
from unit.core.given import NOW
from unit.core.promises import PROMISES, makes_room, refused_by_record

SPECS_THAT_ACT = ("plain", "jobName", "jobName, job changed", "other jobName", "costLimit")
PASSES = ("begun", "environment read")
MODES = ("wanted", "paused", "deleted, Delete", "deleted, Cancel", "deleted, Orphan", "deleted, force-orphan")

SLICES: dict[str, Callable[[], Iterator[Cell]]] = {
    "recorded x remote x intent x deletion": lambda: cells.product(
        status=None, remote=None, intent=None, mode=MODES, at=("environment read",)
    ),
    "remote x intent x sent x spec, before the submission": lambda: cells.product(
        status=("no status", "Pending, SpecRejected", "Pending, NameTaken"),
        remote=("unread", "404", "listed running", "under another name", "chosen name, ours", "chosen name, differs"),
        intent=None,
        sent=None,
        spec=SPECS_THAT_ACT,
        at=("environment read",),
    ),
    "remote x intent x sent x deletion, before the submission": lambda: cells.product(
        status=("no status", "Pending, NameTaken"),
        remote=None,
        intent=("own", "chosen", "restored", "forged"),
        sent=None,
        mode=("deleted, Delete", "deleted, Cancel", "deleted, Orphan", "deleted, force-orphan"),
        spec=("plain", "jobName", "jobName, job changed"),
    ),
    "recorded x connection x intent x deletion": lambda: cells.product(
        status=None, connection=None, intent=None, mode=MODES, remote=("unread", "404 for long")
    ),
    "spec x recorded x remote": lambda: cells.product(spec=None, status=None, remote=None, intent=("own",), at=PASSES),
    "spec x connection x sent x pass, with the own intent": lambda: cells.product(
        spec=None,
        connection=None,
        sent=("unknown", "nothing", "unanswered"),
        at=None,
        intent=("own", "own, new"),
        remote=("404",),
    ),
    "spec x connection x recorded, while the job runs": lambda: cells.product(
        spec=None,
        connection=None,
        status=("Queued", "Running", "Unknown", "Cancelling"),
        intent=("own", "own, to be held"),
        remote=("listed running",),
    ),
    "pass x recorded x remote, deleted": lambda: cells.product(
        status=None, remote=None, at=None, intent=("own",), mode=("deleted, Delete", "deleted, Cancel")
    ),
}


def complaints(cell: Cell) -> Iterator[str]:
    decision = decide(cell.desired, cell.observed, NOW)
    for promise in PROMISES:
        yield from promise(cell.desired, cell.observed, decision)
    if decision.status is None:
        return
    if not _settles(cell, decision.status, made_room=makes_room(decision)):
        yield "writes again what was just written"


def _settles(cell: Cell, status: SeedJobStatus, *, made_room: bool) -> bool:
    """Whether nothing is left to write. A recorded refusal may give way to another hold, which takes one write more."""
    at_once = (
        cell.desired.tracked
    )  # a TTL of 0 is over with the write of the end, and that it isn't carried out is news
    observed = learning.attempt_begun(cell.observed) if made_room else cell.observed
    concluded = Phase.SUSPENDED in {
        cell.desired.status.phase,
        status.phase,
    }  # held and cancelled, and its record may be gone too
    for _ in range(3 if refused_by_record(cell.desired) or made_room or concluded or at_once else 1):
        again = decide(dataclasses.replace(cell.desired, status=status), observed, NOW).status
        if again is None:
            return True
        status = again
    return False


def assert_kept(judged: Callable[[Cell], Iterator[str]], some: Iterator[Cell]) -> int:
    broken: dict[str, list[tuple[str, ...]]] = collections.defaultdict(list)
    count = 0
    for cell in some:
        count += 1
        for complaint in judged(cell):
            broken[complaint].append(cell.names)
    told = [f"{complaint}: {len(where)} times, e.g. {where[0]}" for complaint, where in broken.items()]
    assert not told, "\n".join(told)
    return count


@pytest.mark.parametrize("name", SLICES)
def test_no_promise_breaks_in_the_product_of(name: str) -> None:
    assert assert_kept(complaints, SLICES[name]()) > 1000


def test_no_promise_breaks_anywhere_else() -> None:
    """A random part of the product of all axes: set SEED_OF_CASES to what a failure printed."""
    seed = draw_seed()
    assert_kept(complaints, cells.sample(10_000, seed=seed))


def stored(status: SeedJobStatus) -> SeedJobStatus:
    """Give what comes back from Kubernetes: nulls gone, moments in whole seconds."""
    return SeedJobStatus.read({field: value for field, value in status.dump().items() if value is not None})


def test_decisions_are_the_same_each_time_and_survive_storage() -> None:
    """Asked twice, or with the status as Kubernetes gives it back, there is nothing new to write."""

    def judged(cell: Cell) -> Iterator[str]:
        first, second = (decide(cell.desired, cell.observed, NOW) for _ in range(2))
        if first != second:
            yield "decides differently when asked twice"
        if first.status is not None and not _settles(cell, stored(first.status), made_room=makes_room(first)):
            yield "writes again what was stored"

    seed = draw_seed()
    assert_kept(judged, cells.sample(3_000, seed=seed))


def test_every_value_of_every_axis_stands_for_something() -> None:
    """An axis with two names for one value would look wider than it is."""
    for axis in cells.AXES:
        values = list(axis.values())
        assert all(one not in values[:index] for index, one in enumerate(values))

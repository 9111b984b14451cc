"""Lanes: how many passes may wait for the platform at a time, by account and kind of request.

At 60 requests a minute a pass may wait for its turn for long, and while it waits it holds what it decided on and what it
read for that. So only so many go in; the others leave just their key in line, and decide anew when a place is free.
"""

import dataclasses
from collections.abc import Callable, Hashable
from enum import StrEnum

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.queue import Turns
from seedjob_operator.core.decision import (
    CancelJob,
    CreateJob,
    DeleteJob,
    ReadEnvironment,
    ReadJob,
    ReadResult,
    Step,
    WriteIntent,
)

WIDTH = 16
"""Passes in a lane: enough for a platform without a limit, and few enough that what they decided on is fresh."""


class LaneKind(StrEnum):
    """What a pass in a lane waits for. Ending a job never waits behind making others, nor behind looking at them."""

    CREATE = "create"
    END = "end"
    READ = "read"


def lane_of(step: Step) -> LaneKind | None:
    """Give the lane in which a step is taken; None for one that Kubernetes alone serves.

    A submission begins with what it sends: whoever has no place reads no Secret and stores no intent.
    """
    match step:
        case WriteIntent() if step.intent.cancel_reason is not None:
            return LaneKind.END
        case ReadEnvironment() | WriteIntent() | CreateJob():
            return LaneKind.CREATE
        case CancelJob() | DeleteJob() | ReadJob(urgent=True):
            return LaneKind.END
        case ReadJob() | ReadResult():
            return LaneKind.READ
    return None


@dataclasses.dataclass
class _Lane:
    inside: set[Key] = dataclasses.field(default_factory=set)
    line: Turns = dataclasses.field(default_factory=Turns)


class Lanes:
    """All lanes. A key is in one at most; `admit` hears of a key that waited and has a place now."""

    def __init__(self, admit: Callable[[Key], None]) -> None:
        self._admit = admit
        self._lanes: dict[Hashable, _Lane] = {}
        self._places: dict[Key, Hashable] = {}

    def enter(self, name: Hashable, key: Key, *, wait: bool = True) -> bool:
        """Take a place in a lane; False where it is full, and the key then waits in line if it is to.

        A pass that has a place keeps it until it ends, whatever it comes to need.
        """
        if key in self._places:
            return True
        lane = self._lanes.setdefault(name, _Lane())
        if len(lane.inside) < WIDTH:
            self._place(name, lane, key)
            return True
        if wait:
            lane.line.add(key)
        return False

    def leave(self, key: Key) -> None:
        """End a pass: its place goes to the next in line."""
        name = self._places.pop(key, None)
        if name is None:
            return
        lane = self._lanes[name]
        lane.inside.discard(key)
        while len(lane.line) and len(lane.inside) < WIDTH:
            self._admit_next(name, lane)
        if not lane.inside:
            del self._lanes[name]

    def _admit_next(self, name: Hashable, lane: _Lane) -> None:
        """Keep the place for the next one: its pass finds itself inside, and gives it back if it needs none any more."""
        key = lane.line.take()
        if key not in self._places:
            self._place(name, lane, key)
        self._admit(key)

    def _place(self, name: Hashable, lane: _Lane, key: Key) -> None:
        lane.inside.add(key)
        self._places[key] = name

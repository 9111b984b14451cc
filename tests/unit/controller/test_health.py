"""Readiness is about having begun well; health only about what a restart mends."""

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.health import BEAT_LIMIT, Health


class SetClock(Clock):
    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def test_ready_once_all_that_it_waits_for_has_arrived() -> None:
    health = Health(SetClock())
    health.wait_for("watch", "the SeedJobs were not listed yet")
    health.wait_for("default connection", "The credential isn't accepted.")
    health.arrived("watch")
    assert health.unready() == ["default connection: The credential isn't accepted."]
    health.arrived("default connection")
    assert health.unready() == []


def test_a_loop_that_stopped_is_named() -> None:
    """So that a restart is no riddle to who looks at it."""
    clock = SetClock()
    health = Health(clock)
    health.beat("event loop")
    clock.seconds += BEAT_LIMIT
    assert health.stopped() == []
    clock.seconds += 1
    assert health.stopped() == ["event loop stopped"]
    health.beat("event loop")
    assert health.stopped() == []

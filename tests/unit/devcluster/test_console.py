"""`Console`: one live line on a terminal, and few plain lines in a log."""

from __future__ import annotations

import io

import pytest

from seedjob_operator.devcluster.console import Console, duration, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_shows_each_update_in_the_same_line() -> None:
    stream = Terminal()
    console = Console(stream)
    console.update("1 of 9")
    console.update("2 of 9")
    assert stream.getvalue() == "\r\x1b[K1 of 9\r\x1b[K2 of 9"


def test_what_is_said_replaces_the_live_line_and_stays() -> None:
    stream = Terminal()
    console = Console(stream)
    console.update("1 of 9")
    console.say("done")
    console.say("next")
    assert stream.getvalue() == "\r\x1b[K1 of 9\r\x1b[Kdone\nnext\n"


def test_elsewhere_updates_are_a_plain_line_every_15_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    console = Console(stream, clock=clock)
    for second in range(46):
        clock.now = float(second)
        console.update(f"second {second}")
    assert stream.getvalue() == "second 15\nsecond 30\nsecond 45\n"


def test_a_line_that_was_said_counts_as_a_sign_of_life() -> None:
    stream, clock = io.StringIO(), Clock()
    console = Console(stream, clock=clock)
    clock.now = 10.0
    console.say("step two")
    clock.now = 24.0
    console.update("too early")
    clock.now = 25.0
    console.update("in time")
    assert stream.getvalue() == "step two\nin time\n"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (125, "2 min 5 s")])
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(105_525_513, "106 MB"), (999_999_999, "1000 MB"), (2_140_000_000, "2.1 GB")]
)
def test_sizes_read_as_people_say_them(count: int, text: str) -> None:
    assert size(count) == text

"""Staleness is what the benchmark says of a status's truth: it must not be flattered by what was never seen."""

from typing import Any

from benchmarks.staleness import Observation, measure

WINDOW = (0.0, 1000.0)


def _job(**times: float | None) -> dict[str, Any]:
    unset = {"created": None, "started": None, "ended": None, "progress_every": None, "progress_shift": 0.0}
    return {"name": "remote", **unset, **times}


def _seen(time: float, phase: str, step: int | None = None) -> Observation:
    return (time, "job", "remote", phase, step)


def _ages(job: dict[str, Any], *observations: Observation, until: float = 1000.0) -> tuple[float, float, int, int]:
    found = measure([job], observations, window=WINDOW, until=until)
    assert found is not None
    return found.p50, found.most, found.changes, found.unseen


def test_each_change_counts_from_the_platforms_time_to_the_first_sight() -> None:
    """Creation, start and end are three changes."""
    job = _job(created=10.0, started=20.0, ended=30.0)
    seen = [_seen(11.0, "Queued"), _seen(23.0, "Running"), _seen(35.0, "Succeeded"), _seen(90.0, "Succeeded")]

    assert _ages(job, *seen) == (3.0, 5.0, 3, 0)


def test_a_later_state_shows_an_earlier_one_too() -> None:
    """An operator that goes from Queued to Succeeded has told of the start by then."""
    assert _ages(_job(started=20.0, ended=30.0), _seen(35.0, "Succeeded")) == (15.0, 15.0, 2, 0)


def test_what_was_never_seen_is_as_old_as_the_measurement() -> None:
    """Else an operator that writes nothing would be the freshest."""
    assert _ages(_job(ended=30.0), _seen(25.0, "Running"), until=100.0) == (70.0, 70.0, 1, 1)


def test_progress_is_seen_with_its_step_or_a_later_one() -> None:
    """Steps 1, 2 and 3 are at 110, 120 and 130; the job ends before the fourth."""
    job = _job(started=100.0, ended=135.0, progress_every=10.0)
    ages = _ages(job, _seen(101.0, "Running", 0), _seen(122.0, "Running", 2), _seen(136.0, "Succeeded", 3))

    assert ages == (2.0, 12.0, 5, 0)


def test_changes_outside_the_window_and_other_jobs_do_not_count() -> None:
    """A row measures its own time only."""
    other: Observation = (11.0, "job", "another", "Running", None)

    assert measure([_job(created=-5.0, ended=1000.0)], [other], window=WINDOW, until=1000.0) is None

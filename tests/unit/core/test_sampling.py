"""Analytics of a running job: read now and then, shown like progress, and never taken for the result."""

from datetime import timedelta

import pytest

from seedjob_operator.core import learning, sampling
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import ReadResult
from seedjob_operator.core.snapshot import MISSING, UNREAD, Observed, Sent
from seedjob_operator.resources import Phase, SeedJobStatus
from seedjob_operator.seedapi.wire import Analytics, JobStatus
from unit.core.given import GENERATED, NOW, OWN, desired, job, observed, recorded

SAMPLE = Analytics.model_validate({"summary": {"gpu_utilization_avg": 40}, "series": [{"gpu_utilization": 1}]})
RUNNING = observed(remote=job())
JUST_NOW, LONG_AGO = NOW - timedelta(seconds=3), NOW - timedelta(minutes=20)


def sampled(*, remote: object = None, **fields: object) -> Observed:
    return learning.sampled(observed(remote=remote or job(), **fields), SAMPLE, now=JUST_NOW)


@pytest.mark.parametrize(
    ("seen", "due"),
    [
        (RUNNING, True),
        (observed(remote=job(runtime_seconds=5)), False),  # there is nothing to sum up yet
        (observed(remote=job(runtime_seconds=None)), True),  # who knows
        (observed(remote=job(JobStatus.QUEUED)), False),
        (observed(remote=job(JobStatus.FAILED)), False),  # that is its result, and read in a pass
        (observed(remote=UNREAD), False),
        (observed(remote=MISSING), False),
        (sampled(), False),
        (learning.sampled(RUNNING, None, now=JUST_NOW), False),  # not to be had, and not asked for again at once
        (learning.sampled(RUNNING, SAMPLE, now=NOW - timedelta(minutes=5)), True),
        (learning.attempt_begun(learning.sampled(RUNNING, SAMPLE, now=LONG_AGO)), False),
    ],
)
def test_when_they_are_due(seen: Observed, due: bool) -> None:
    assert (sampling.due_since(seen, NOW) is not None) is due


def test_a_restart_asks_for_none() -> None:
    """An earlier process sampled them; a job that begins under this one has its first sample after half a minute."""
    found = learning.job_seen(observed(sent=Sent.UNKNOWN), job(), now=None, listed_at=NOW)
    assert sampling.due_since(found, NOW + timedelta(minutes=4)) is None
    assert sampling.due_since(found, NOW + timedelta(minutes=5)) is not None
    waiting = learning.job_seen(observed(sent=Sent.UNKNOWN), job(JobStatus.QUEUED), now=None, listed_at=NOW)
    begun = learning.job_seen(waiting, job(), now=None, listed_at=NOW)
    assert sampling.due_since(begun, NOW) is not None
    made = learning.job_created(observed(sent=Sent.NOTHING), job(), now=NOW)
    assert sampling.due_since(made, NOW) is not None


def test_what_an_earlier_process_showed_stays_until_there_is_news() -> None:
    status = shown(sampled(), ago=60.0)
    later = decide(desired(status=status, intent=OWN), observed(remote=job(progress="2/3")), NOW).status
    assert later is not None
    assert later.analytics == status.analytics is not None


def test_whoever_never_had_any_comes_first() -> None:
    waited = sampling.due_since(learning.sampled(RUNNING, SAMPLE, now=LONG_AGO), NOW)
    never = sampling.due_since(RUNNING, NOW)
    assert never is not None
    assert waited is not None
    assert never < waited


def test_the_summary_is_shown_and_the_series_isnt_kept() -> None:
    seen = sampled()
    status = decide(desired(status=recorded(Phase.RUNNING, at=LONG_AGO), intent=OWN), seen, NOW).status
    assert status is not None
    assert status.analytics is not None
    assert status.analytics.gpu_utilization_avg == 40
    assert seen.sample is not None
    assert not seen.sample.series


def shown(seen: Observed, *, ago: float) -> SeedJobStatus:
    """Give the status that was written some seconds ago."""
    at = NOW - timedelta(seconds=ago)
    status = decide(desired(status=recorded(Phase.RUNNING, at=LONG_AGO), intent=OWN), seen, at).status
    assert status is not None
    return status


def test_they_cause_no_write_before_progress_would() -> None:
    """One more write in five minutes at most, and none within ten seconds of the last."""
    status = shown(RUNNING, ago=4.0)
    early = decide(desired(status=status, intent=OWN), sampled(), NOW)
    assert early.status is None
    assert early.requeue_after == pytest.approx(6.0)
    later = decide(desired(status=status, intent=OWN), sampled(), NOW + timedelta(seconds=6))
    assert later.status is not None


def test_the_same_figures_are_no_news() -> None:
    assert decide(desired(status=shown(sampled(), ago=60.0), intent=OWN), sampled(), NOW).status is None


def test_what_was_seen_while_it_ran_isnt_the_result() -> None:
    """I6: the final analytics are those of the end; until they are to be had none are shown, and they are asked for."""
    status = shown(sampled(), ago=60.0)
    assert status.analytics is not None
    ended = learning.job_seen(sampled(), job(JobStatus.SUCCEEDED), now=NOW)
    assert isinstance(decide(desired(status=status, intent=OWN), ended, NOW).step, ReadResult)
    nothing = learning.result_read(ended, analytics=None, log_tail=None, now=NOW)
    final = decide(desired(status=status, intent=OWN), nothing, NOW).status
    assert final is not None
    assert (final.phase, final.analytics) == (Phase.SUCCEEDED, None)
    again = decide(desired(status=final, intent=OWN), nothing, NOW + timedelta(minutes=1))
    assert again.step == ReadResult(name=GENERATED, tail_lines=0, secrets="")


def test_a_result_that_was_recorded_stays() -> None:
    """Also where a later pass, of another process, read the record once more."""
    result = Analytics.model_validate({"summary": {"gpu_utilization_avg": 55}})
    ended = learning.job_seen(sampled(), job(JobStatus.SUCCEEDED), now=NOW)
    read = learning.result_read(ended, analytics=result, log_tail=None, now=NOW)
    final = decide(desired(status=shown(sampled(), ago=60.0), intent=OWN), read, NOW).status
    assert final is not None
    anew = learning.job_seen(observed(look_now=True), job(JobStatus.SUCCEEDED), now=NOW)
    after = decide(desired(status=final, intent=OWN, generation=2), anew, NOW + timedelta(minutes=20)).status
    assert after is not None
    assert after.analytics is not None
    assert after.analytics.gpu_utilization_avg == 55


def test_what_the_platform_forgot_has_no_result() -> None:
    """I6: how it ended is unknown, so figures of its midst must not pass for those of its end."""
    status = shown(sampled(), ago=60.0)
    gone = observed(remote=MISSING, fresh=True, absences=tuple(NOW - timedelta(minutes=m) for m in (3, 2, 0)))
    after = decide(desired(status=status, intent=OWN), gone, NOW).status
    assert after is not None
    assert status.analytics is not None
    assert (after.phase, after.analytics) == (Phase.FAILED, None)

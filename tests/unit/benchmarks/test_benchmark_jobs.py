"""The stub platform is the benchmark's measure of truth: its jobs must do what their script says, when it says so."""

import pytest

from benchmarks.jobs import Jobs, Listing, NameTakenError, Script, WrongStateError, progress_step, progress_text, shown
from seedjob_operator.seedapi.wire import JobStatus


def _request(name: str) -> dict[str, object]:
    return {"name": name, "command": "true", "gpu": "none", "image": "busybox"}


def _listing(status: JobStatus | None, *, page: int = 1, order: str = "asc") -> Listing:
    return Listing(status=status, sort="created_at", order=order, page=page, per_page=2)


def test_changes_have_the_time_at_which_they_were_due() -> None:
    """However late anybody looks: staleness is measured from the platform's own time."""
    jobs = Jobs(Script(queued_for=5.0, runs_for=10.0))
    job = jobs.create(_request("one"), 100.0)

    jobs.advance(1000.0)

    assert (job.status, job.started, job.ended) == (JobStatus.SUCCEEDED, 105.0, 115.0)


def test_a_job_without_a_script_waits_for_ever() -> None:
    """The converge row measures the submission alone."""
    jobs = Jobs()
    job = jobs.create(_request("one"), 100.0)

    jobs.advance(10.0**6)

    assert job.status is JobStatus.QUEUED


def test_lists_are_filtered_sorted_and_cut_into_pages() -> None:
    """As the contract has it; also right after a change."""
    jobs = Jobs(Script(queued_for=5.0))
    for number in range(5):
        jobs.create(_request(f"job-{number}"), 100.0 + number)

    def names(listing: Listing) -> list[str]:
        return [job.name for job in jobs.listed(listing)[0]]

    assert names(_listing(JobStatus.QUEUED, page=2)) == ["job-2", "job-3"]
    assert names(_listing(None, order="desc")) == ["job-4", "job-3"]
    jobs.advance(106.5)
    assert names(_listing(JobStatus.RUNNING)) == ["job-0", "job-1"]
    assert names(_listing(JobStatus.QUEUED, page=2)) == ["job-4"]
    assert jobs.listed(_listing(JobStatus.QUEUED, page=3)) == ([], 3)


def test_progress_moves_with_the_run_and_stops_at_its_end() -> None:
    """The step in a text is what staleness compares."""
    jobs = Jobs(Script(queued_for=0.0, runs_for=12.0, progress_every=5.0))
    job = jobs.create(_request("one"), 100.0)
    jobs.advance(100.0)

    assert [job.step(moment) for moment in (100.0, 104.9, 105.0, 111.0)] == [0, 0, 1, 2]
    jobs.advance(200.0)
    assert job.step(200.0) == 2
    assert progress_step(shown(job, "acme", 200.0).progress) == 2


@pytest.mark.parametrize("text", [None, "", "Epoch 1/3"])
def test_other_texts_have_no_step(text: str | None) -> None:
    """An operator may show a message of its own."""
    assert progress_step(text) is None


def test_a_progress_text_is_read_back() -> None:
    """Writer and reader agree."""
    assert progress_step(progress_text(123)) == 123


def test_a_name_is_taken_once_and_only_ended_jobs_are_deleted() -> None:
    """What the operator's exactly-once rests on."""
    jobs = Jobs()
    jobs.create(_request("one"), 100.0)
    with pytest.raises(NameTakenError):
        jobs.create(_request("one"), 101.0)
    with pytest.raises(WrongStateError):
        jobs.delete("one")
    jobs.cancel("one", 102.0)
    with pytest.raises(WrongStateError):
        jobs.cancel("one", 103.0)

    jobs.delete("one")

    assert jobs.get("one") is None
    assert [job.ended for job in jobs.all()] == [102.0]


def test_all_running_jobs_end_within_the_time() -> None:
    """The row `ends` depends on it; jobs in the queue stay there."""
    jobs = Jobs(Script())
    for number in range(20):
        jobs.load(id=f"job_{number}", name=f"job-{number}", created=0.0, started=1.0, ended=None)
    jobs.create(_request("waits"), 100.0)

    assert jobs.end(None, within=10.0, now=100.0) == 20
    jobs.advance(110.0)

    ended = [job.ended for job in jobs.all() if job.status is JobStatus.SUCCEEDED]
    assert len(ended) == 20
    assert all(moment is not None and 100.0 <= moment <= 110.0 for moment in ended)

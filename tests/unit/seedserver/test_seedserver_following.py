"""How long a running job may take to end, where another server started it."""

import pytest

from seedjob_operator.seedserver.following import Active
from seedjob_operator.seedserver.scheduler import Claim, Room


def active() -> Active:
    claim = Claim(job_id="j", region="us-east-1", gpu="none", need=Room(0, 1, 1))
    return Active(claim=claim, vcpus=1, patience=10.0)


def test_a_job_keeps_the_longer_times_with_which_an_earlier_server_started_it() -> None:
    """Its supervisor has those of its order; a server with shorter ones would kill both while the job still may run."""
    job = active()
    job.keep_times({"grace_seconds": "30.0", "timeout_seconds": "3600.0"})
    assert (job.patience, job.run_seconds) == (60.0, 3600.0)


@pytest.mark.parametrize("said", [{}, {"grace_seconds": "x", "timeout_seconds": ""}, {"grace_seconds": "-1"}])
def test_without_them_this_servers_times_hold(said: dict[str, str]) -> None:
    """A job may have removed or overwritten what tells of them."""
    job = active()
    job.keep_times(said)
    assert (job.patience, job.run_seconds) == (10.0, 0.0)


def test_none_is_longer_than_a_timer_can_be() -> None:
    job = active()
    job.keep_times({"grace_seconds": "1e17", "timeout_seconds": "1e17"})
    assert job.patience <= 1e9
    assert job.run_seconds <= 1e9

"""The data folder: what a killed server left in it is removed by the next one."""

from pathlib import Path

from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.supervisor import files


def test_a_start_removes_what_a_killed_server_left(tmp_path: Path) -> None:
    """An order has values of the environment: only a running job may still need its own, a queued one gets a new one."""
    folders = Folders(tmp_path)
    folders.prepare()
    for name in ("gone", "ended", "running"):
        folders.job(name).mkdir()
        for order in (files.ORDER, files.ORDER + files.PARTIAL):
            (folders.job(name) / order).write_text("env.TOKEN=s3cr3t")
    folders.tidy(known={"ended", "running"}, running={"running"})
    left = sorted(str(path.relative_to(folders.jobs)) for path in folders.jobs.rglob("*"))
    assert left == ["ended", "running", "running/order", "running/order.partial"]


def test_a_folder_that_its_job_closed_is_opened_again(tmp_path: Path) -> None:
    """A server that can't read there would take the job's supervisor for gone."""
    folders = Folders(tmp_path)
    folders.job("job_1").mkdir(parents=True)
    folders.job("job_1").chmod(0)
    folders.take_back("job_1")
    assert folders.job("job_1").stat().st_mode & 0o777 == 0o700
    folders.take_back("job_2")
    assert not folders.job("job_2").exists(), "one that a job has removed stays away"

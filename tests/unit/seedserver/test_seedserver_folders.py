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

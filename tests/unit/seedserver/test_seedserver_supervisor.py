"""A supervisor without processes, where a test must hold it at a moment that no signal hits reliably."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.supervisor import files, run
from seedjob_operator.seedserver.supervisor.run import Supervisor


def ordered(data: Path, **source: str) -> Path:
    """Write a job's order as the server does; give its folder."""
    record = new_record("acme", CreateJob(name="a", command="exit 3", gpu="none", **source), now=0)  # type: ignore[arg-type]
    folders = Folders(data)
    folder = folders.job(record.id)
    Launcher(repos=None, git_config=folders.git_config, grace_seconds=1, time_scale=1).write_order(record, folder)
    return folder


def supervisor_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *, stop: bool) -> Supervisor:
    monkeypatch.setattr(run, "Signals", lambda: SimpleNamespace(stop=stop))
    order = files.read_record(str(folder / files.ORDER), most=files.LONGEST_ORDER)
    assert order is not None
    return Supervisor(str(folder), order)


@pytest.mark.parametrize("source", [{"image": "x"}, {"repo": "acme/trainer"}], ids=["command", "clone"])
def test_what_is_told_to_stop_before_it_was_started_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, str]
) -> None:
    """It would end by itself before anybody looks, or be refused, and the job that was cancelled would have failed."""
    result = supervisor_of(ordered(tmp_path, **source), monkeypatch, stop=True).run()
    assert (result["outcome"], result["exit_code"]) == (files.STOPPED, "")


def test_a_result_is_recorded_though_the_job_has_closed_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal is played, because it refuses root nothing, and tests may run as root."""
    folder, write = ordered(tmp_path, repo="acme/trainer"), files.write_record

    def write_where_allowed(path: str, record: dict[str, str]) -> None:
        if folder.stat().st_mode & 0o700 != 0o700:
            raise PermissionError
        write(path, record)

    monkeypatch.setattr(files, "write_record", write_where_allowed)
    supervisor = supervisor_of(folder, monkeypatch, stop=False)
    folder.chmod(0)
    supervisor.record({"outcome": files.REFUSED})
    assert files.read_record(str(folder / files.RESULT)) == {"outcome": files.REFUSED}


def test_a_refusal_that_quotes_much_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result of any size is not read, and the job would be said to have been killed."""
    folder = ordered(tmp_path, repo=f"acme/{'x' * 100_000}")
    supervisor = supervisor_of(folder, monkeypatch, stop=False)
    supervisor.record(supervisor.run())
    result = files.read_record(str(folder / files.RESULT)) or {}
    assert result.get("reason", "").startswith("repo acme/xxx")

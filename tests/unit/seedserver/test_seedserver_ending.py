"""What becomes of a job, for each thing that its supervisor may have left behind."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.ending import GONE, LOST, NEVER_BEGAN, REBOOTED, last_sign, may_begin, read_ending
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.supervisor import files

RUNNING = replace(
    new_record("acme", CreateJob(name="a", command="x", image="x", gpu="none", timeout_minutes=5), now=0),
    status=JobStatus.RUNNING,
)
CANCELLED = replace(RUNNING, cancel_requested=True)
RESULT = {"exit_code": "", "reason": "", "retries": "2", "ended_at": "77", "cpu_seconds": "1.5", "peak_memory_kb": "9"}


@pytest.mark.parametrize(
    ("record", "outcome", "code", "status", "error", "why"),
    [
        (RUNNING, files.EXITED, "0", "succeeded", None, "exit code 0 is success"),
        (RUNNING, files.EXITED, "3", "failed", "the command ended with exit code 3", "anything else isn't"),
        (CANCELLED, files.EXITED, "0", "succeeded", None, "it had ended before the cancel reached it"),
        (CANCELLED, files.STOPPED, "143", "cancelled", None, "it was cancelled"),
        (CANCELLED, files.STOPPED, "0", "cancelled", None, "also if it took the signal well"),
        (RUNNING, files.STOPPED, "143", "failed", "something else than the Seed platform", "nobody cancelled it"),
        (RUNNING, files.TIMED_OUT, "143", "timed_out", "timeout of 5 minutes", "its time was over"),
        (CANCELLED, files.TIMED_OUT, "143", "timed_out", "timeout of 5 minutes", "the timeout was first"),
    ],
)
def test_a_result_decides(
    tmp_path: Path, *, record: JobRecord, outcome: str, code: str, status: str, error: str | None, why: str
) -> None:
    files.write_record(str(tmp_path / files.RESULT), RESULT | {"outcome": outcome, "exit_code": code})
    ending = read_ending(record, tmp_path)
    assert (ending.status.value, ending.exit_code) == (status, int(code)), why
    assert (ending.error is None) if error is None else (error in (ending.error or "")), why
    assert (ending.retry_count, ending.ended_at, ending.cpu_seconds, ending.strays) == (2, 77, 1.5, False), why


def test_a_refusal_has_its_reason_and_no_exit_code(tmp_path: Path) -> None:
    files.write_record(str(tmp_path / files.RESULT), RESULT | {"outcome": files.REFUSED, "reason": "no such repo"})
    ending = read_ending(RUNNING, tmp_path)
    assert (ending.status, ending.exit_code, ending.error) == (JobStatus.FAILED, None, "no such repo")


def test_no_result_and_no_order_is_a_killed_supervisor(tmp_path: Path) -> None:
    files.write_record(str(tmp_path / files.STATE), {"pid": "1", "retries": "1"})
    ending = read_ending(RUNNING, tmp_path)
    assert (ending.status, ending.error, ending.retry_count, ending.strays) == (JobStatus.FAILED, LOST, 1, True)


def test_a_supervisor_that_died_at_its_start_gives_its_last_words(tmp_path: Path) -> None:
    files.write_record(str(tmp_path / files.ORDER), {"command": "x"})
    (tmp_path / files.ERRORS).write_text("Traceback\n  ...\nOSError: no space left\n")
    ending = read_ending(RUNNING, tmp_path)
    assert ending.error == f"{NEVER_BEGAN} (OSError: no space left)"
    assert read_ending(CANCELLED, tmp_path).status is JobStatus.CANCELLED, "a cancel may come before it could listen"


def test_a_running_job_may_begin_only_while_its_order_is_there(tmp_path: Path) -> None:
    files.write_record(str(tmp_path / files.ORDER), {"command": "x"})
    files.write_record(str(tmp_path / files.STATE), {})
    assert may_begin(tmp_path), "killed between the two: nothing was started yet"
    (tmp_path / files.ORDER).unlink()
    assert not may_begin(tmp_path)
    (tmp_path / files.STATE).unlink()
    assert not may_begin(tmp_path), "a job may remove what tells that it has begun"
    assert not may_begin(tmp_path / "gone"), "or all of its folder"


def test_a_job_that_removed_what_told_of_it_has_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        ending = read_ending(CANCELLED, folder)
        assert (ending.status, ending.error, ending.strays) == (JobStatus.FAILED, GONE, True)


def test_what_nobody_saw_end_ends_with_its_last_sign_of_life(tmp_path: Path) -> None:
    """Its start, its output or a look at its processes: what was after that may not have run, and is not billed."""
    record = replace(RUNNING, resumed_at=50)
    assert last_sign(record, tmp_path, sampled_at=None) == 50, "nothing is known but its start"
    assert last_sign(record, tmp_path, sampled_at=70) == 70, "a server had looked at it"
    log = tmp_path / files.LOG
    log.mkdir()
    (log / "0").write_text("60 0o hello\n80 1e oops\n90 -e seed: a note of the platform's own\n")
    assert last_sign(record, tmp_path, sampled_at=70) == 80, "its last output, and no note of ours"
    files.write_record(str(tmp_path / files.STATE), {"pid": "1"})
    os.utime(tmp_path / files.STATE, ns=(0, 85_000))
    assert last_sign(record, tmp_path, sampled_at=70) == 85, "a try that said nothing yet"


def test_an_order_is_withdrawn_only_while_nobody_has_it(tmp_path: Path) -> None:
    """A supervisor that was started too late finds nothing; one that has the job keeps it."""
    files.write_record(str(tmp_path / files.ORDER), {"command": "x"})
    lock = files.take_lock(str(tmp_path))
    assert lock is not None
    assert not files.withdraw_order(str(tmp_path))
    assert (tmp_path / files.ORDER).exists()
    os.close(lock)
    assert files.withdraw_order(str(tmp_path))
    assert (tmp_path / files.ORDER).read_bytes() == b"", "it has values of the environment"
    assert not may_begin(tmp_path)
    assert NEVER_BEGAN in str(read_ending(RUNNING, tmp_path).error), "nor did it ever"
    assert files.withdraw_order(str(tmp_path)), "doing it again is fine"


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of an order would have values of the environment."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        files.write_record(str(tmp_path / files.ORDER), {"env.TOKEN": "s3cr3t"})
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_reserved_record_is_written_to_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that has filled the disk keeps it full until its result is read: only what is there can be overwritten."""
    files.reserve(str(tmp_path / files.RESULT))
    assert not (tmp_path / files.RESULT).exists()
    write = os.write

    def only_over_what_is_there(descriptor: int, content: bytes) -> int:
        if os.lseek(descriptor, 0, os.SEEK_CUR) + len(content) > os.fstat(descriptor).st_size:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", only_over_what_is_there)
    files.write_record(str(tmp_path / files.RESULT), RESULT)
    assert files.read_record(str(tmp_path / files.RESULT)) == RESULT
    with pytest.raises(OSError, match="No space"):
        files.write_record(str(tmp_path / files.STATE), RESULT)


def test_a_record_keeps_any_text(tmp_path: Path) -> None:
    record = {"command": "a=b\nc", "env.X": "ä\udcff=", "empty": ""}
    files.write_record(str(tmp_path / "r"), record)
    assert files.read_record(str(tmp_path / "r")) == record
    assert files.read_record(str(tmp_path / "nothing")) is None


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    assert not files.is_locked(str(tmp_path))
    assert files.take_lock(str(tmp_path)) is not None
    assert files.is_locked(str(tmp_path))
    assert files.take_lock(str(tmp_path)) is None


def test_after_a_restart_of_the_machine_the_reason_says_so(tmp_path: Path) -> None:
    files.write_record(str(tmp_path / files.STATE), {"pid": "1", "retries": "0", "boot_id": "another start"})
    assert read_ending(RUNNING, tmp_path).error == REBOOTED
    (tmp_path / files.RESULT).touch()
    assert read_ending(RUNNING, tmp_path).error == REBOOTED, "a power cut can leave an empty result"

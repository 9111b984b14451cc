"""An answer with a log's lines: bounded in lines and bytes, and never with a gap that it doesn't tell of."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from seedjob_operator.seedserver.excerpts import first_after, newest
from seedjob_operator.seedserver.requests import read_time
from seedjob_operator.seedserver.supervisor import joblog
from seedjob_operator.seedserver.supervisor.joblog import JobLog

MIB = 1 << 20


def read(body: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(body)["data"]
    return found


def messages(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines if "node" in line]


def told_since(line: dict[str, Any]) -> int:
    """Give the time with which a note says to go on."""
    assert line["message"].startswith("seed: "), "the platform's own"
    assert "node" not in line
    return read_time(line["message"].rpartition("since=")[2])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 300 lines of 1,000 characters, and then 300 that are six times as long in JSON."""
    written = JobLog(str(tmp_path / "log"))
    for number in range(600):
        written.feed("0o", f"{number} ".encode() + (b"x" if number < 300 else b"\x01") * 1000 + b"\n")
    return tmp_path / "log"


@pytest.mark.parametrize("most_bytes", [10_000, 150_000, 1_500_000, 2_200_000], ids="{:,} bytes".format)
def test_the_newest_lines_that_fit_are_given_and_the_rest_is_told(log: Path, most_bytes: int) -> None:
    body = newest(log, 500, since=None, most_bytes=most_bytes)
    lines = read(body)
    assert len(body) <= most_bytes + 300, "and the note"
    numbers = [int(message.partition(" ")[0]) for message in messages(lines)]
    assert numbers == list(range(numbers[0], 600)), "whole lines, up to the last one"
    if numbers[0] == 100:
        assert len(lines) == 500, "all that was asked for, and no word"
        return
    assert len(lines) <= 500
    rest = messages(read(first_after(log, told_since(lines[0]))))
    assert rest[0].startswith("100 "), "the first one that was asked for and is missing"


def test_what_is_asked_for_as_the_note_says_is_the_whole_log(log: Path) -> None:
    seen, since, turns = list[str](), 0, 0
    while True:
        lines = read(first_after(log, since, most=50, most_bytes=100_000))
        seen += messages(lines)
        turns += 1
        assert len(lines) <= 50
        if "node" in lines[-1]:
            break
        since = told_since(lines[-1])
    assert [int(message.partition(" ")[0]) for message in seen] == list(range(600))
    assert turns > 12, "more than the lines alone would need"


def test_lines_of_one_moment_are_not_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes on behind the time of the last line would miss the others; the clock may also have been set back."""
    log = JobLog(str(tmp_path / "log"))
    monkeypatch.setattr(time, "time_ns", lambda: 5_000)
    for first in range(0, 4000, 40):
        log.feed("0o", b"".join(b"%d\n" % number for number in range(first, first + 40)))
    log.feed("0o", b"".join(b"%d\n" % number for number in range(4000, 7000)))
    seen, since = list[int](), 0
    while True:
        lines = read(first_after(tmp_path / "log", since, most=1500))
        seen += map(int, messages(lines))
        if "node" in lines[-1]:
            break
        since = told_since(lines[-1])
    assert seen == list(range(7000))


def test_all_that_fits_is_given_without_a_word(log: Path, tmp_path: Path) -> None:
    assert len(messages(read(newest(log, 600, since=None)))) == len(read(newest(log, 600, since=None))) == 600
    assert len(messages(read(first_after(log, 0)))) == 600
    assert read(newest(tmp_path / "none", 5, since=None)) == read(first_after(tmp_path / "none", 0)) == []


def test_a_line_that_a_killed_supervisor_began_is_not_glued_to_the_next(tmp_path: Path) -> None:
    log = JobLog(str(tmp_path))
    log.feed("0o", b"whole\n")
    log.close()
    with (tmp_path / "0").open("ab") as file:
        file.write(b"17900000000")
    log = JobLog(str(tmp_path))
    log.note("seed: its supervisor was killed")
    assert [line["message"] for line in read(newest(tmp_path, 5, since=None))] == [
        "whole",
        "seed: its supervisor was killed",
    ]
    assert joblog.bases(str(tmp_path)) == [0]

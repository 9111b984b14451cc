"""The job's log: what the supervisor writes of output in any pieces, and what readers find again."""

import random
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import LogStream
from seedjob_operator.seedserver import joblog
from seedjob_operator.seedserver.supervisor.joblog import JobLog


def written(path: Path, *pieces: bytes) -> list[str]:
    log = JobLog(str(path))
    for piece in pieces:
        log.feed("0o", piece)
    log.close_source("0o")
    log.close()
    return [line.message for line in joblog.lines_from(path, 0)]


@pytest.mark.parametrize(
    ("pieces", "expected", "why"),
    [
        ([b"a\nb\n"], ["a", "b"], "two lines"),
        ([b"a", b"b\n"], ["ab"], "a line in two pieces"),
        ([b"a\n\nb"], ["a", "", "b"], "an empty line, and one without its end"),
        ([b"a\r\nb\r", b"\nc\n"], ["a", "b", "c"], "both halves of a line's end apart"),
        ([b" 1%\r 2%\r", b" 3%\n"], [" 1%", " 2%", " 3%"], "a progress bar redraws its line"),
        ([b"a\r"], ["a"], "a last carriage return"),
        ([b"\xff\xc3", b"\xa4\n"], ["�ä"], "a character in two pieces, and a byte that is none"),
        ([], [], "nothing"),
    ],
)
def test_lines_of_output(tmp_path: Path, pieces: list[bytes], expected: list[str], why: str) -> None:
    assert written(tmp_path / "log", *pieces) == expected, why


def test_a_line_without_an_end_is_cut_into_pieces(tmp_path: Path) -> None:
    """A job that never ends its line must not fill the memory, nor hide its output."""
    lines = written(tmp_path / "log", *[b"x" * 40_000] * 4)
    assert len(lines) > 1
    assert all(len(line) <= 65_536 for line in lines)
    assert "".join(lines) == "x" * 160_000, "and nothing of it is lost"


def test_a_line_knows_its_node_and_stream(tmp_path: Path) -> None:
    log = JobLog(str(tmp_path / "log"))
    log.note("seed: hello")
    log.feed("1e", b"oops\n")
    log.feed("12o", b"fine\n")
    lines = joblog.last_lines(tmp_path / "log", 10)
    assert [(line.node, line.stream, line.message) for line in lines] == [
        (None, LogStream.STDERR, "seed: hello"),
        (1, LogStream.STDERR, "oops"),
        (12, LogStream.STDOUT, "fine"),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_readers_agree_with_reading_all(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tail, since and positions over blocks of any size give what a plain reading of the file gives."""
    rng, path = random.Random(seed), tmp_path / "log"
    monkeypatch.setattr(joblog, "BLOCK", rng.choice([16, 64, 500, 65536]))
    times = sorted(rng.choices(range(10**15, 10**15 + 50), k=120))
    content = "".join(f"{at} 0o {'y' * rng.choice([0, 1, 40, 700])}{number}\n" for number, at in enumerate(times))
    path.write_text(content + f"{10**15 + 99} 0o a line that is being writ")
    whole = list(range(len(times)))

    def numbers(lines: list[joblog.Line]) -> list[int]:
        return [int(line.message.lstrip("y")) for line in lines]

    for count in (1, 2, 7, 119, 120, 500):
        assert numbers(joblog.last_lines(path, count)) == whole[-count:], f"seed {seed}"
    for since in (0, times[0] - 1, *rng.choices(times, k=10), times[-1], 10**16):
        later = [number for number in whole if times[number] > since]
        assert numbers(joblog.lines_after(path, since, most=1000)) == later, f"seed {seed}"
        assert numbers(joblog.lines_after(path, since, most=3)) == later[:3], f"seed {seed}"
        assert numbers(joblog.last_lines(path, 5, since=since)) == later[-5:], f"seed {seed}"
    position, found = 0, list[int]()
    while lines := joblog.lines_from(path, position, most_bytes=2000):
        assert joblog.is_position(path, position)
        position, found = lines[-1].end, found + numbers(lines)
    assert found == whole, f"seed {seed}"
    assert not joblog.is_position(path, position - 2)


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert joblog.last_lines(path, 5) == []
    assert joblog.lines_after(path, 0, most=5) == []
    assert joblog.lines_from(path, 0) == []
    assert joblog.is_position(path, 0)
    assert not joblog.is_position(path, 5)

"""The job's log: what the supervisor writes of output in any pieces, and what readers find again."""

import itertools
import random
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import LogStream
from seedjob_operator.seedserver import joblog
from seedjob_operator.seedserver.segments import LogFile
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


def test_a_note_is_one_line_whatever_it_quotes(tmp_path: Path) -> None:
    """An artifacts_path may have line breaks, and must not write lines of its own."""
    log = JobLog(str(tmp_path / "log"))
    log.note("seed: nothing at a\n1 0o forged\rb")
    log.close()
    assert [(line.node, line.message) for line in joblog.last_lines(tmp_path / "log", 9)] == [
        (None, "seed: nothing at a 1 0o forged b")
    ]


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


def cut(path: Path, content: str, rng: random.Random) -> list[int]:
    """Write a log in segments that end at random lines; give where they begin."""
    ends = [index + 1 for index, character in enumerate(content) if character == "\n"]
    bases = [0, *sorted(rng.sample(ends, rng.choice([0, 1, 4])))]
    path.mkdir()
    for base, end in itertools.pairwise([*bases, len(content)]):
        (path / str(base)).write_text(content[base:end])
    return bases


@pytest.mark.parametrize("seed", range(12))
def test_readers_agree_with_reading_all(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tail, since and positions over blocks of any size give what a plain reading of the file gives."""
    rng, path = random.Random(seed), tmp_path / "log"
    monkeypatch.setattr(joblog, "BLOCK", rng.choice([16, 64, 500, 65536]))
    times = sorted(rng.choices(range(10**15, 10**15 + 50), k=120))
    content = "".join(f"{at} 0o {'y' * rng.choice([0, 1, 40, 700])}{number}\n" for number, at in enumerate(times))
    bases = cut(path, content + f"{10**15 + 99} 0o a line that is being writ", rng)
    gone = rng.choice(bases)
    for base in bases:
        if base < gone:
            (path / str(base)).unlink()
    whole = list(range(content[:gone].count("\n"), len(times)))

    def numbers(lines: list[joblog.Line]) -> list[int]:
        return [int(line.message.lstrip("y")) for line in lines]

    for count in (1, 2, 7, 119, 120, 500):
        assert numbers(joblog.last_lines(path, count)) == whole[-count:], f"seed {seed}"
        assert numbers(joblog.lines_from(path, joblog.position_of_last(path, count)))[:1] == whole[-count:][:1]
    for since in (0, times[0] - 1, *rng.choices(times, k=10), times[-1], 10**16):
        later = [number for number in whole if times[number] > since]
        assert numbers(joblog.lines_after(path, since, most=1000)) == later, f"seed {seed}"
        assert numbers(joblog.lines_after(path, since, most=3)) == later[:3], f"seed {seed}"
        assert numbers(joblog.last_lines(path, 5, since=since)) == later[-5:], f"seed {seed}"
    position, found = gone, list[int]()
    while lines := joblog.lines_from(path, position, most_bytes=2000):
        assert joblog.next_line(path, position) == position
        position, found = lines[-1].end, found + numbers(lines)
    assert found == whole, f"seed {seed}"
    assert joblog.next_line(path, position - 2) == joblog.next_line(path, position + 99) == position
    assert joblog.next_line(path, gone // 2) == gone
    assert gone == 0 or joblog.lines_from(path, gone // 2) == []


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert joblog.last_lines(path, 5) == []
    assert joblog.lines_after(path, 0, most=5) == []
    assert joblog.lines_from(path, 0) == []
    assert joblog.next_line(path, 5) == 0


LIMIT = 16_384


def size(path: Path) -> int:
    return sum(segment.stat().st_size for segment in path.iterdir())


@pytest.mark.parametrize("seed", range(6))
def test_a_log_keeps_its_last_part_and_says_so(tmp_path: Path, seed: int) -> None:
    """It is never longer than its limit, loses nothing but its beginning, and positions in it stay what they were."""
    rng, path = random.Random(seed), tmp_path / "log"
    log, number, ends = JobLog(str(path), limit=LIMIT), 0, dict[str, int]()
    for _ in range(400):
        piece = range(number, number := number + rng.choice([1, 3, 40]))
        log.feed("0o", "".join(f"line {count}\n" for count in piece).encode())
        assert size(path) <= LIMIT, f"seed {seed}"
        ends |= {line.message: line.end for line in joblog.last_lines(path, 45)}
        if rng.random() < 0.05:
            log.close()
            log = JobLog(str(path), limit=LIMIT)  # a preempted job's next supervisor goes on with it
    lines = joblog.last_lines(path, 100_000)
    said = [line.message for line in lines if line.node is None]
    kept = [line.message for line in lines if line.node == 0]
    assert kept == [f"line {count}" for count in range(number - len(kept), number)], f"seed {seed}"
    assert size(path) > LIMIT // 2, f"seed {seed}: no more is dropped than must be"
    assert said, f"seed {seed}"
    assert all("bytes of this one were dropped" in words for words in said)
    assert {line.message: line.end for line in lines} == {line.message: ends[line.message] for line in lines}


def test_a_segment_that_goes_away_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    JobLog(str(path)).feed("0o", b"a\nb\n")
    with LogFile(path) as file:
        (path / "0").unlink()
        assert len(file.read().splitlines()) == 2


def test_the_words_about_what_was_dropped_are_within_the_limit_too(tmp_path: Path) -> None:
    """Output in pieces that fill a segment exactly leaves no slack for them."""
    path, line = tmp_path / "log", b"x" * (64 - len("1700000000000000 0o \n")) + b"\n"
    log = JobLog(str(path), limit=LIMIT)
    for _ in range(30):
        log.feed("0o", line * (LIMIT // 8 // 64))
        assert size(path) <= LIMIT
    assert size(path) > LIMIT // 2


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    """What a full disk leaves of a line must not make the whole log unreadable."""
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "0").write_bytes(b"1 0o whole\n2 0\n3 0o after\n")
    assert [line.message for line in joblog.lines_from(folder, 0)] == ["whole", "after"]


def test_times_never_go_back_though_the_clock_was_set_back_between_two_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor's, and the server's that completes the log: readers search by time."""
    for seconds, piece in ((20, b"first\n" + b"x" * 65536 + b"\n"), (10, b"second\n")):
        monkeypatch.setattr("time.time_ns", lambda seconds=seconds: seconds * 10**9)
        written(tmp_path, piece)
    assert [line.at for line in joblog.lines_from(tmp_path, 0)] == [20_000_000, 20_000_000, 20_000_001]

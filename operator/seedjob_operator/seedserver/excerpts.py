"""What one answer with a log's lines holds: so many lines, and so many bytes. It says itself what it had to leave out.

That is said by a line of the platform's own in the place of what is missing, with the `since` that goes on from there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from seedjob_operator.seedapi.queries import iso8601
from seedjob_operator.seedapi.wire import MAX_TAIL, LogStream
from seedjob_operator.seedserver import joblog
from seedjob_operator.seedserver.answers import log_body, log_line, time_of
from seedjob_operator.seedserver.joblog import Line

MOST_BYTES: Final = 7 << 20
"""Of an answer's lines: clients such as ours read no answer of more than 8 MiB. No line has fewer bytes there than on disk,
so no more than this has to be read."""
_MIB: Final = 1 << 20


class _Written(NamedTuple):
    line: Line
    text: str


def newest(path: Path, count: int, *, since: int | None, most_bytes: int = MOST_BYTES) -> str:
    """Give the answer with the last `count` lines, those after a time where one is given; the oldest are left out first."""
    lines, older = joblog.last_lines_within(path, count, since=since, most_bytes=most_bytes)
    kept = _fitting(reversed(lines), most_bytes)[::-1]
    if len(kept) < len(lines):
        older = older or lines[0]
    if older is None or not kept:  # nothing that stands there is a line of ours
        return log_body(written.text for written in kept)
    said = f"older lines are left out here, because an answer has at most {most_bytes // _MIB} MiB: read them"
    note = _note(kept[0].line.at, said, since=older.at - 1)
    return log_body((note, *(written.text for written in kept)))


def first_after(path: Path, since: int, *, most: int = MAX_TAIL, most_bytes: int = MOST_BYTES) -> str:
    """Give the answer with the first lines after a time; where more follow, one can go on from the last of them.

    Lines of the same moment stay together, because nobody could go on between them.
    """
    lines = joblog.lines_after(path, since, most=most + 1, most_bytes=most_bytes + 2 * joblog.BLOCK)
    kept = _fitting(lines[:most], most_bytes)
    if len(kept) == len(lines):
        return log_body(written.text for written in kept)
    following = lines[min(len(kept), most - 1)].at
    kept = [written for written in kept if written.line.at < following] or kept[: most - 1]
    said = f"more lines follow, because an answer has at most {most} lines and {most_bytes // _MIB} MiB: go on"
    note = _note(kept[-1].line.at, said, since=kept[-1].line.at)
    return log_body((*(written.text for written in kept), note))


def _fitting(lines: Iterable[Line], most_bytes: int) -> list[_Written]:
    kept: list[_Written] = []
    size = 0
    for line in lines:
        written = _Written(line, log_line(line).model_dump_json(exclude_none=True))
        size += len(written.text.encode()) + 1
        if size > most_bytes and kept:
            break
        kept.append(written)
    return kept


def _note(at: int, said: str, *, since: int) -> str:
    line = Line(at, f"seed: {said} with since={iso8601(time_of(since))}", LogStream.STDERR, None, 0)
    return log_line(line).model_dump_json(exclude_none=True)

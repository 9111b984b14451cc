"""Finds in a job's output how far it is."""

import re
from collections.abc import Iterable

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WORDS = (
    r"(?:epoch|step|batch|iteration|iter|fold|round|trial|task|item|file|sample|shard|chunk|part|stage|phase"
    r"|processed|completed|progress)(?:e?s)?"
)
_COUNT = rf"\b{_WORDS}\b[\s:=#]{{0,4}}[\[(]?\s{{0,2}}\d{{1,12}}\s?(?:/|of)\s?\d{{1,12}}(?![\d/.])[\])]?"
_COUNTED = re.compile(rf"{_COUNT}(?:.{{0,40}}?{_COUNT})*", re.IGNORECASE)
_NUMBER = r"(?<![\d.])(?:100(?:\.0+)?|\d{1,2}(?:\.\d{1,6})?)\s?%"
# A percentage counts only where it can't be an accuracy or a loss rate: at a line's beginning, before a bar, or called progress.
_PERCENT = re.compile(
    rf"^[\s\[(]*({_NUMBER})|({_NUMBER})\s?\||({_NUMBER})\s(?:done|complete|finished)|\bprogress\W{{1,4}}({_NUMBER})",
    re.IGNORECASE,
)
_LONGEST = 1000  # characters of a line: progress stands at its beginning, and patterns cost more on a long one


def progress_in(line: str) -> str | None:
    """Give the part of a line that tells progress, such as `Epoch 2/3 - Step 4200/6300` or `43%`; else None."""
    text = _ESCAPES.sub("", line[:_LONGEST])
    counted = _COUNTED.search(text)
    if counted is not None:
        return counted.group().strip()
    percent = _PERCENT.search(text)
    return None if percent is None else next(group for group in percent.groups() if group)


def last_progress(lines: Iterable[str]) -> str | None:
    """Give the progress that the last such line tells."""
    found = None
    for line in lines:
        found = progress_in(line) or found
    return found

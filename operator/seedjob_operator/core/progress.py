"""Reads how far a job is from the free text that the platform passes on."""

import re
from decimal import ROUND_HALF_UP, Decimal

from seedjob_operator.resources import Progress
from seedjob_operator.seedapi import redaction

_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)\s?%")
_FRACTION = re.compile(r"(?<![\d./])(\d{1,12})\s?/\s?(\d{1,12})(?![\d/])")
_MESSAGE_LENGTH = 256
_TEXT_LENGTH = 32


def read_progress(text: str | None, *, runtime_seconds: int | None) -> Progress | None:
    """Read a progress text: an explicit percentage wins, else its last `a/b`, else the message stands alone.

    `Epoch 2/3 - Step 4200/6300` is 67 %. The time to go extrapolates the run time so far (seconds).
    """
    if not text or not text.strip():
        return None
    text = redaction.unsigned(text)
    current, total = _last_fraction(text)
    percent = _explicit_percent(text)
    if percent is None and current is not None and total is not None:
        percent = _rounded(Decimal(current) * 100 / Decimal(total))
    return Progress(
        message=text.strip()[:_MESSAGE_LENGTH],
        percent=percent,
        current=current,
        total=total,
        eta_seconds=_time_to_go(percent, runtime_seconds),
    )


def progress_text(progress: Progress | None) -> str | None:
    """Give the column's text: `67 %`, else the message cut at 32 characters."""
    if progress is None:
        return None
    if progress.percent is not None:
        return f"{progress.percent} %"
    return (progress.message or "")[:_TEXT_LENGTH] or None


def _explicit_percent(text: str) -> int | None:
    found = _PERCENT.findall(text)
    values = [Decimal(value) for value in found if Decimal(value) <= 100]
    return _rounded(values[-1]) if values else None


def _last_fraction(text: str) -> tuple[int | None, int | None]:
    pairs = [(int(a), int(b)) for a, b in _FRACTION.findall(text) if int(b) > 0 and int(a) <= int(b)]
    return pairs[-1] if pairs else (None, None)


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _time_to_go(percent: int | None, runtime_seconds: int | None) -> int | None:
    if not percent or not runtime_seconds:
        return None
    return runtime_seconds * (100 - percent) // percent

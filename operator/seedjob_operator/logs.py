"""Logging: one line a record, as text or JSON, with the object and attempt that it is about."""

import contextlib
import contextvars
import logging
import sys
from collections.abc import Iterator

from pythonjsonlogger.json import JsonFormatter

_ABOUT: contextvars.ContextVar[dict[str, object]] = contextvars.ContextVar("about", default={})  # noqa: B039  # never changed in place
_TEXT = "%(asctime)s %(levelname)-7s %(about)s%(message)s"
_JSON = "%(asctime)s %(levelname)s %(name)s %(message)s"


@contextlib.contextmanager
def about(key: object, *, attempt: int | None = None) -> Iterator[None]:
    """Have each record inside say which object, and which attempt of it, it is about."""
    said: dict[str, object] = {"seedjob": str(key)} | ({} if attempt is None else {"attempt": attempt})
    token = _ABOUT.set(said)
    try:
        yield
    finally:
        _ABOUT.reset(token)


def note_attempt(attempt: int) -> None:
    """Say, from here to the end of the enclosing `about`, which attempt it is."""
    _ABOUT.set({**_ABOUT.get(), "attempt": attempt})


class _About(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        said = _ABOUT.get()
        for name, value in said.items():
            setattr(record, name, value)
        attempt = f" #{said['attempt']}" if "attempt" in said else ""
        record.about = f"[{said['seedjob']}{attempt}] " if said else ""
        return True


def configure(*, log_format: str, level: str) -> None:
    """Send all records to standard error in the format that was asked for."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_About())
    if log_format == "json":
        renamed = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter(_JSON, rename_fields=renamed, reserved_attrs=[*_RESERVED, "about"]))
    else:
        handler.setFormatter(logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("kopf", "httpx", "httpcore", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


_RESERVED = (*vars(logging.makeLogRecord({})), "message", "asctime", "taskName")

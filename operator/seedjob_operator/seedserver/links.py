"""Links to artifacts that are good for an hour, and for one path only: whoever has one needs no token."""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import Request

from seedjob_operator.seedserver.secretfile import read_or_make

LINK_SECONDS: Final = 3600
PREFIX: Final = "/_artifacts/"
_ERRORS: Final = "surrogateescape"
"""A file's name may be any bytes; this is how Python keeps those that aren't UTF-8 in its paths."""


def public_base(request: Request) -> str:
    """Give what links begin with: the server's public address, or else the one that was asked."""
    said: str | None = request.app.state.public_url
    return said or str(request.base_url).rstrip("/")


def shown(path: str) -> str:
    """Give a file's path for people and for JSON, which can't have bytes that aren't UTF-8."""
    return path.encode("utf-8", _ERRORS).decode("utf-8", "replace")


def asked_place(raw_path: bytes) -> str:
    """Give the place that a link's path names, exactly: what else is decoded from a path loses bytes that aren't UTF-8."""
    return unquote_to_bytes(raw_path).decode("utf-8", _ERRORS).removeprefix(PREFIX)


class Links:
    """Signs and checks links by a key of the data folder, so that they outlive a restart of the server."""

    def __init__(self, key_file: Path) -> None:
        self._key = read_or_make(key_file, lambda: secrets.token_hex(32)).encode()

    def signed(self, namespace: str, job_id: str, path: str = "", *, expires: int) -> str:
        """Give the link to a job's index of files, or to one of them; it is good until a time in seconds."""
        place = "/".join(part for part in (namespace, job_id, path) if part)
        return f"{PREFIX}{quote(place, errors=_ERRORS)}?expires={expires}&signature={self._signature(place, expires)}"

    def is_good(self, place: str, *, expires: int, signature: str, now: int) -> bool:
        """Whether a link was signed here for this place, and its time isn't over (seconds)."""
        expected = self._signature(place, expires)
        return hmac.compare_digest(expected, signature.encode("ascii", "replace").decode()) and now <= expires

    def _signature(self, place: str, expires: int) -> str:
        message = f"{expires} {place}".encode("utf-8", _ERRORS)
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

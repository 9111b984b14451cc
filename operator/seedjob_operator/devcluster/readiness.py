"""Waits until a kube-apiserver serves."""

import http.client
import ssl
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from seedjob_operator.devcluster.console import Progress, duration
from seedjob_operator.devcluster.errors import NotReadyError

_ASK_EVERY_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 5.0
# The server makes the namespace `default` after it calls itself ready; a first `kubectl apply` needs it.
_SIGNS: Final = ("/readyz", "/api/v1/namespaces/default")


def wait_until_ready(
    url: str,
    *,
    certificate: Path,
    token: str,
    still_runs: Callable[[], None],
    progress: Progress,
    within_seconds: float,
) -> None:
    """Ask until the API is ready and has its default namespace.

    Raises:
        NotReadyError: that took too long; the text has the last answer.
        PartDiedError: as `still_runs` raises it.
    """
    began = time.monotonic()
    while (answer := _first_no(url, certificate=certificate, token=token)) is not None:
        still_runs()
        waited = time.monotonic() - began
        if waited > within_seconds:
            raise NotReadyError(
                f"kube-apiserver at {url} was not ready after {duration(waited)} (its last answer: {answer});"
                f" its log is {certificate.parent.parent / 'kube-apiserver.log'}."
            )
        progress.update(f"waiting for kube-apiserver to be ready, {duration(waited)}")
        time.sleep(_ASK_EVERY_SECONDS)
    progress.say(f"Kubernetes is ready at {url} after {time.monotonic() - began:.1f} s")


def _first_no(url: str, *, certificate: Path, token: str) -> str | None:
    """What kube-apiserver says instead of yes, or None if it is ready."""
    try:
        trust = ssl.create_default_context(cafile=str(certificate))
        for sign in _SIGNS:
            status, text = _get(url, sign, trust=trust, token=token)
            if status != http.HTTPStatus.OK:
                return f"{sign}: HTTP {status} {text[:200]}"
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    return None


def _get(url: str, path: str, *, trust: ssl.SSLContext, token: str) -> tuple[int, str]:
    server = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection(server.hostname or "", server.port, context=trust, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()

"""A platform that answers as a test says. No sockets, no waiting."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from seedjob_operator.seedapi.account import Account
from seedjob_operator.seedapi.client import SeedClient

TOKEN = "tok-5f1c2e9a77"
NOW = datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC)
JOB = {"id": "job_6e5d4c3b2a1f", "name": "train-1", "status": "queued"}

Answer = httpx.Response | Exception


@dataclasses.dataclass
class Platform:
    """Answers each request with the next of `answers`, and keeps what it was asked."""

    answers: list[Answer] = dataclasses.field(default_factory=list)
    requests: list[httpx.Request] = dataclasses.field(default_factory=list)
    outcomes: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def will(self, *answers: Answer) -> None:
        self.answers.extend(answers)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        told = self.answers.pop(0)
        if isinstance(told, Exception):
            raise told
        return told

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]

    @property
    def last_body(self) -> Any:
        return json.loads(self.last.content)


def account(**changed: Any) -> Account:
    usual: dict[str, Any] = {
        "endpoint": "https://api.seed.example",
        "namespace": "acme",
        "scheme": "Bearer",
        "token": SecretStr(TOKEN),
    }
    return Account(**(usual | changed))


MakeClient = Callable[..., SeedClient]

"""A client of a platform that answers as a test says."""

from typing import Any

import httpx
import pytest

from seedjob_operator.seedapi.budget import Budget
from seedjob_operator.seedapi.client import SeedClient, Timeouts
from unit.seedapi.answering import NOW, MakeClient, Platform, account


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def make_client(platform: Platform) -> MakeClient:
    def make(*, timeouts: Timeouts | None = None, budget: Budget | None = None, **changed: Any) -> SeedClient:
        return SeedClient(
            account(**changed),
            budget or Budget(),
            transport=httpx.MockTransport(platform.answer),
            on_request=lambda operation, outcome, _: platform.outcomes.append((operation, outcome)),
            clock=lambda: NOW,
            timeouts=timeouts or Timeouts(),
        )

    return make


@pytest.fixture
def client(make_client: MakeClient) -> SeedClient:
    return make_client()

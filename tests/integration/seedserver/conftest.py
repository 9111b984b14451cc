"""Servers for tests: one that many share, and fresh ones to be killed or started with other flags."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.seedserver.server import SeedServer

SHARED = ("--log-limit-mib", "1")
NewServer = Callable[..., SeedServer]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeedServer]:
    """A server that all tests with jobs of their own names share."""
    running = SeedServer(tmp_path_factory.mktemp("shared") / "data", *SHARED).start()
    yield running
    running.clean_up()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[NewServer]:
    """Starts servers of the test's own, with more flags."""
    started: list[SeedServer] = []

    def start(*flags: str) -> SeedServer:
        started.append(SeedServer(tmp_path / f"data{len(started)}", *flags).start())
        return started[-1]

    yield start
    for running in started:
        running.clean_up()

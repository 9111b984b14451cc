"""A local Seed server and an operator on the real control plane, in a Kubernetes namespace of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.processes import SEED_NAMESPACE, TOKEN, Cluster, Operator, Platform

StartOperator = Callable[..., Operator]


@pytest.fixture
def cluster(control_plane: Any, namespace: str) -> Cluster:
    """Kubernetes, in a namespace of the test's own."""
    return Cluster(control_plane.kubectl, control_plane.kubeconfig, namespace)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A running local Seed server."""
    started = Platform(tmp_path).start()
    yield started
    for job in started.jobs():
        if job["status"] in ("queued", "running"):
            started.cancel(job["name"])
    started.process.stop()


@pytest.fixture
def operators(tmp_path: Path, control_plane: Any, cluster: Cluster) -> Iterator[StartOperator]:
    """A function that starts operators which watch the test's namespace only; all are stopped in the end."""
    started: list[Operator] = []

    def start(platform: Platform | None, **settings: str) -> Operator:
        default = {} if platform is None else {
            "SEED_API_URL": platform.url,
            "SEED_API_TOKEN": TOKEN,
            "SEED_NAMESPACE": SEED_NAMESPACE,
            "SEED_REQUESTS_PER_MINUTE": "100000",
        }  # fmt: skip
        own = {"WATCH_NAMESPACES": cluster.namespace, "LEASE_NAMESPACE": cluster.namespace}
        name = f"operator-{len(started)}"
        operator = Operator(tmp_path, control_plane.kubeconfig, name=name, **(default | own | settings))
        started.append(operator)
        return operator.start()

    yield start
    for operator in started:
        operator.process.kill()


@pytest.fixture
def operator(operators: StartOperator, platform: Platform) -> Operator:
    """A running operator whose default connection is the local Seed server."""
    return operators(platform).wait_until_ready()

"""A local Seed server and an operator on the real control plane, in a Kubernetes namespace of the test's own."""

import dataclasses
import uuid
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


def end(platform: Platform) -> None:
    """Cancel what runs on a Seed server, and stop it."""
    for job in platform.jobs():
        if job["status"] in ("queued", "running"):
            platform.cancel(job["name"])
    platform.process.stop()


def settings_for(cluster: Cluster, platform: Platform | None) -> dict[str, str]:
    """Give the settings of an operator for one namespace, with a Seed server as its default connection or without one."""
    default = {} if platform is None else {
        "SEED_API_URL": platform.url,
        "SEED_API_TOKEN": TOKEN,
        "SEED_NAMESPACE": SEED_NAMESPACE,
        "SEED_REQUESTS_PER_MINUTE": "100000",
    }  # fmt: skip
    return default | {"WATCH_NAMESPACES": cluster.namespace, "LEASE_NAMESPACE": cluster.namespace}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A running local Seed server."""
    started = Platform(tmp_path).start()
    yield started
    end(started)


@pytest.fixture
def operators(tmp_path: Path, control_plane: Any, cluster: Cluster) -> Iterator[StartOperator]:
    """A function that starts operators which watch the test's namespace only; all are stopped in the end."""
    started: list[Operator] = []

    def start(platform: Platform | None, **settings: str) -> Operator:
        name = f"operator-{len(started)}"
        operator = Operator(
            tmp_path, control_plane.kubeconfig, name=name, **(settings_for(cluster, platform) | settings)
        )
        started.append(operator)
        return operator.start()

    yield start
    for operator in started:
        operator.process.kill()


@pytest.fixture
def operator(operators: StartOperator, platform: Platform) -> Operator:
    """A running operator whose default connection is the local Seed server."""
    return operators(platform).wait_until_ready()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """What a module's tests share: Kubernetes, a Seed server, and an operator whose default connection that is."""

    cluster: Cluster
    platform: Platform
    operator: Operator


@pytest.fixture(scope="module")
def stage(control_plane: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One of each, for tests that disturb none of them: each names its SeedJobs as nobody else does."""
    folder, namespace = tmp_path_factory.mktemp("stage"), f"stage-{uuid.uuid4().hex[:10]}"
    control_plane.run_kubectl("create", "namespace", namespace, check=True)
    cluster = Cluster(control_plane.kubectl, control_plane.kubeconfig, namespace)
    platform = Platform(folder).start()
    operator = Operator(folder, control_plane.kubeconfig, **settings_for(cluster, platform)).start()
    yield Stage(cluster=cluster, platform=platform, operator=operator.wait_until_ready())
    operator.process.kill()
    end(platform)

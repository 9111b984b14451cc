"""What happens when Kubernetes is not there, or not yet as it should be."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.processes import SEED_NAMESPACE, TOKEN, Cluster, Operator, Platform, seedjob, wait_for
from seedjob_operator.devcluster import Assets, ControlPlane
from seedjob_operator.devcluster.console import Console

CRDS = Path(__file__).parents[3] / "crds"


@pytest.fixture
def bare(assets: Assets, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane of the test's own, without our CRDs."""
    with ControlPlane(assets, directory=tmp_path / "bare", progress=Console(io.StringIO())) as running:
        yield running


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A running local Seed server."""
    started = Platform(tmp_path).start()
    yield started
    started.process.stop()


@pytest.fixture
def operator(bare: ControlPlane, platform: Platform, tmp_path: Path) -> Iterator[Operator]:
    """An operator for the bare control plane, not started yet."""
    settings = {"SEED_API_URL": platform.url, "SEED_API_TOKEN": TOKEN, "SEED_NAMESPACE": SEED_NAMESPACE}
    made = Operator(tmp_path, bare.kubeconfig, **settings)
    yield made
    made.process.kill()


@pytest.mark.timeout(400)
def test_kubernetes_comes_goes_and_returns(
    bare: ControlPlane, platform: Platform, operator: Operator, tmp_path: Path
) -> None:
    """It waits for its resources and for the API server, says so, and goes on; where that stays away it ends."""
    cluster = Cluster(bare.kubectl, bare.kubeconfig, "default")
    operator.start()
    wait_for("it says what it waits for", lambda: "kubectl apply -f crds/" in operator.ask("/readyz")[1], seconds=90)
    assert operator.ask("/healthz")[0] == 200
    bare.apply_crds(CRDS)
    operator.wait_until_ready()

    over = tmp_path / "over"
    cluster.apply(seedjob("through", f"until test -f {over}; do sleep 0.2; done; exit 6"))
    cluster.wait_for_phase("through", "Running", seconds=90)
    bare.stop_apiserver()
    assert operator.process.running is not None
    assert operator.process.running.wait(240) != 0  # to be started again by what runs it
    operator.process.running = None
    over.touch()

    operator.start()
    wait_for(
        "it says what it waits for", lambda: "Kubernetes API can't be reached" in operator.ask("/readyz")[1], seconds=90
    )
    bare.start_apiserver()
    operator.wait_until_ready()
    assert cluster.wait_for_phase("through", "Failed", "Succeeded", seconds=90)["exitCode"] == 6
    assert len(platform.ledger()) == 1

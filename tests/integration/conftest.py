"""A real Kubernetes API for every integration test: one control plane, and a fresh namespace for each test."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedjob_operator.devcluster import Assets, ControlPlane, ensure_assets
from seedjob_operator.devcluster.console import Console

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def assets() -> Assets:
    """The control plane's programs; `make control-plane` gets them beforehand, which may take minutes the first time."""
    return ensure_assets()


@pytest.fixture(scope="session")
def control_plane(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with etcd and with our CRDs served. Namespaces are never emptied: no kube-controller-manager."""
    directory = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(assets, directory=directory, progress=Console(io.StringIO())) as running:
        running.apply_crds(CRDS)
        yield running


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A fresh Kubernetes namespace; the control plane's end removes it."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    control_plane.run_kubectl("create", "namespace", name, check=True)
    return name

"""A real Kubernetes control plane on a bare machine, for the demo and the tests: found, fetched or built, and run."""

from seedjob_operator.devcluster.assets import Assets, ensure_assets
from seedjob_operator.devcluster.controlplane import ControlPlane
from seedjob_operator.devcluster.errors import DevClusterError

__all__ = ["Assets", "ControlPlane", "DevClusterError", "ensure_assets"]

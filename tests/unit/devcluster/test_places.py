"""`Places`: where the control plane's programs are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.places import Places, go_platform

HOME = Path("/home/ada")


@pytest.mark.parametrize(
    ("environment", "cache", "why"),
    [
        ({}, "/home/ada/.cache/seedjob-operator/control-plane", "the usual place of a user's caches"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/seedjob-operator/control-plane", "the freedesktop variable moves all caches"),
        ({"XDG_CACHE_HOME": ""}, "/home/ada/.cache/seedjob-operator/control-plane", "empty counts as unset there"),
        ({"SEEDJOB_CACHE": "/big", "XDG_CACHE_HOME": "/x"}, "/big/control-plane", "our own variable goes first"),
    ],
)
def test_the_cache_folder_follows_the_environment(environment: dict[str, str], cache: str, why: str) -> None:
    assert Places.of_this_machine(environment, home=HOME).cache == Path(cache), why


@pytest.mark.parametrize(("value", "given"), [("/assets", Path("/assets")), ("", None)])
def test_kubebuilder_assets_counts_if_it_is_not_empty(value: str, given: Path | None) -> None:
    assert Places.of_this_machine({"KUBEBUILDER_ASSETS": value}, home=HOME).given == given


def test_versions_and_platforms_have_folders_of_their_own_so_that_a_new_pin_gets_new_binaries() -> None:
    one = Places(platform="linux-amd64", cache=Path("/c"))
    other = Places(platform="linux-arm64", cache=Path("/c"))
    assert one.built.name == "kubernetes-1.36.3-etcd-3.6.16-linux-amd64"
    folders = [
        place for each in (one, other) for place in (each.built, each.downloaded, each.kubectl_wheel, each.go_wheel)
    ]
    assert len(set(folders)) == 8


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-amd64"),
    ],
)
def test_platforms_are_named_as_go_names_them(system: str, machine: str, name: str) -> None:
    assert go_platform(system=system, machine=machine) == name


@pytest.mark.parametrize(("system", "machine"), [("Windows", "AMD64"), ("Linux", "riscv64")])
def test_another_platform_is_refused_with_a_way_out(system: str, machine: str) -> None:
    with pytest.raises(ToolMissingError, match=rf"this is {system} on {machine}.*make demo CLUSTER=current"):
        go_platform(system=system, machine=machine)

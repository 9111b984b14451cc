"""A build: its progress, its disk and its failures. A shell script stands for `go`."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedjob_operator.devcluster import gobuild
from seedjob_operator.devcluster.errors import BuildError, DiskTooSmallError
from seedjob_operator.devcluster.gobuild import PackageCount, build, check_disk
from seedjob_operator.devcluster.gotool import GoTool
from seedjob_operator.devcluster.places import Places
from unit.devcluster.recording import Recording


class TestPackageCount:
    def listed(self, *lines: str) -> PackageCount:
        count = PackageCount()
        for line in lines:
            count.listed(line)
        return count

    def test_a_first_build_counts_from_none(self) -> None:
        count = self.listed("compile errors", "compile io", "compile fmt")
        assert (count.done, count.total) == (0, 3)
        count.compiling("errors")
        assert (count.done, count.total) == (1, 3)

    def test_what_an_interrupted_build_left_counts_as_built(self) -> None:
        count = self.listed("cached errors", "cached io", "compile fmt")
        assert (count.done, count.total) == (2, 3)
        count.compiling("fmt")
        assert (count.done, count.total) == (3, 3)

    def test_other_lines_count_nothing(self) -> None:
        count = self.listed("go: downloading k8s.io/api v0.36.3", "", "compile fmt")
        for line in ("go: downloading example.com/x v1", "", "# runtime/cgo", "fmt.go:3: warning"):
            count.compiling(line)
        assert (count.done, count.total) == (0, 1)

    def test_a_package_that_is_named_twice_counts_once(self) -> None:
        count = self.listed("compile fmt", "compile io")
        count.compiling("fmt")
        count.compiling("fmt")
        assert count.done == 1


class TestDisk:
    @pytest.fixture
    def places(self, tmp_path: Path) -> Places:
        return Places(platform="linux-amd64", cache=tmp_path / "cache")

    def test_enough_is_enough(self, places: Places) -> None:
        check_disk(["etcd"], places, free_bytes=gobuild.COLD_BUILD_BYTES)

    def test_each_further_program_needs_more(self, places: Places) -> None:
        with pytest.raises(DiskTooSmallError):
            check_disk(["etcd", "kube-controller-manager"], places, free_bytes=gobuild.COLD_BUILD_BYTES)

    def test_too_little_is_said_with_figures_and_a_way_out(
        self, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gobuild, "COLD_BUILD_BYTES", 3_200_000_000)
        with pytest.raises(DiskTooSmallError) as caught:
            check_disk(["etcd"], places, free_bytes=900_000_000)
        assert str(caught.value) == (
            f"Building the control plane needs 3.2 GB of disk for {places.cache}, where 900 MB are free:"
            " free some, or set SEEDJOB_CACHE to a folder on a larger disk."
        )

    def test_what_an_interrupted_build_left_is_not_needed_again(
        self, places: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gobuild, "COLD_BUILD_BYTES", 1000)
        for folder in (places.go_build / "aa", places.go_modules / "cache"):
            folder.mkdir(parents=True)
            (folder / "file").write_bytes(b"x" * 300)
        check_disk(["etcd"], places, free_bytes=400)
        with pytest.raises(DiskTooSmallError, match="needs 0 MB"):
            check_disk(["etcd"], places, free_bytes=399)


class TestBuild:
    GO = """#!/bin/sh
case "$1" in
  list) echo 'go: downloading example.com/x v1' >&2; echo 'cached errors'; echo 'compile io'; echo 'compile fmt' ;;
  build)
    echo "$@" > "$SEEN"; pwd >> "$SEEN"
    echo io >&2; echo fmt >&2
    while [ "$1" != -o ]; do shift; done
    echo binary > "$2"; {ending} ;;
esac
"""

    def go(self, tmp_path: Path, ending: str = "exit 0") -> GoTool:
        command = tmp_path / "go"
        command.write_text(self.GO.replace("{ending}", ending))
        command.chmod(0o755)
        return GoTool(command=command, environment={"PATH": "/usr/bin:/bin", "SEEN": str(tmp_path / "seen")})

    def test_the_binary_is_put_in_place_and_progress_counts_to_the_end(self, tmp_path: Path) -> None:
        progress = Recording()
        binary = build("etcd", into=tmp_path / "out", go=self.go(tmp_path), progress=progress)
        assert binary.read_text() == "binary\n"
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["etcd"]
        assert "etcd: 1 Go modules downloaded" in progress.updates
        built = [text.rpartition(", ")[0] for text in progress.updates]  # and behind that how long it took
        assert "etcd: 2 of 3 packages built" in built
        assert "etcd: 3 of 3 packages built, linking" in built

    def test_it_runs_in_its_module_with_the_version_in_the_link_flags(self, tmp_path: Path) -> None:
        build("kube-apiserver", into=tmp_path / "out", go=self.go(tmp_path), progress=Recording())
        seen = (tmp_path / "seen").read_text()
        assert "version.gitVersion=v1.36.3" in seen, "kubectl can't parse the default"
        assert "version.gitMajor=1 " in seen
        assert "version.gitMinor=36 " in seen
        assert seen.rstrip().endswith("devcluster/go/kubernetes")

    def test_a_failed_build_puts_nothing_in_place_and_says_what_go_said(self, tmp_path: Path) -> None:
        go = self.go(tmp_path, ending="echo 'dial tcp: lookup proxy: no such host' >&2; exit 1")
        with pytest.raises(BuildError, match=r"Building etcd failed: .*no such host.*set GOPROXY.*KUBEBUILDER_ASSETS"):
            build("etcd", into=tmp_path / "out", go=go, progress=Recording())
        assert not (tmp_path / "out" / "etcd").exists()

    def test_a_disk_that_fills_up_meanwhile_is_named_as_such(self, tmp_path: Path) -> None:
        go = self.go(tmp_path, ending="echo 'write /x: no space left on device' >&2; exit 1")
        with pytest.raises(DiskTooSmallError, match="filled the disk: free some, or set SEEDJOB_CACHE"):
            build("etcd", into=tmp_path / "out", go=go, progress=Recording())

    def test_a_go_that_cannot_be_started_is_a_failure_too(self, tmp_path: Path) -> None:
        go = GoTool(command=tmp_path / "missing", environment={"PATH": "/usr/bin:/bin"})
        with pytest.raises(BuildError, match="No such file or directory"):
            build("etcd", into=tmp_path / "out", go=go, progress=Recording())

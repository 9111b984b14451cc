"""Builds one program of the control plane from its pinned Go modules, and tells how far that is."""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.console import Progress, duration, size
from seedjob_operator.devcluster.errors import BuildError, DiskTooSmallError
from seedjob_operator.devcluster.following import lines_and_ticks
from seedjob_operator.devcluster.gotool import GoTool
from seedjob_operator.devcluster.guarded import GuardedProcess
from seedjob_operator.devcluster.places import Places

# Measured on linux-amd64, with a twentieth to spare: sources, compiled packages, the binary and PyPI's Go. The programs
# share most of it: the first one to be built needs the first figure, the others what they add.
COLD_BUILD_BYTES: Final = 4_000_000_000
_ADDED_BYTES: Final = {"kube-controller-manager": 800_000_000, "kubectl": 350_000_000}
_VERSION: Final = "k8s.io/component-base/version"
_KUBERNETES_FLAGS: Final = " ".join([
    "-s -w",
    f"-X {_VERSION}.gitVersion=v{pins.KUBERNETES}",  # without it kubectl can't read the server's version
    f"-X {_VERSION}.gitMajor={pins.KUBERNETES.split('.')[0]}",
    f"-X {_VERSION}.gitMinor={pins.KUBERNETES.split('.')[1]}",
])  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where a program's source is: a package, in one of the modules under `go/`."""

    module: Path
    package: str
    link_flags: str


SOURCES: Final = {
    "etcd": Source(module=pins.ROOM / "go" / "etcd", package="go.etcd.io/etcd/server/v3", link_flags="-s -w"),
    **{
        name: Source(
            module=pins.ROOM / "go" / "kubernetes",
            package=f"k8s.io/kubernetes/cmd/{name}",
            link_flags=_KUBERNETES_FLAGS,
        )
        for name in ("kube-apiserver", "kube-controller-manager", "kubectl")
    },
}


# `Stale` of a package: it has to be compiled, because Go's build cache doesn't have it as it is now.
_LIST_FORMAT: Final = "{{if .Stale}}compile{{else}}cached{{end}} {{.ImportPath}}"


class PackageCount:
    """How many of a program's packages are built, those of an earlier run included."""

    def __init__(self) -> None:
        self._to_compile: set[str] = set()
        self.total = 0

    @property
    def done(self) -> int:
        """Packages that need no more work (a package counts from the moment its compilation starts)."""
        return self.total - len(self._to_compile)

    def listed(self, line: str) -> None:
        """Take in a line of `go list -deps -f ...`; those on other matters count nothing."""
        state, _, package = line.partition(" ")
        if state in {"compile", "cached"}:
            self.total += 1
        if state == "compile":
            self._to_compile.add(package)

    def compiling(self, line: str) -> None:
        """Take in a line of `go build -v`; those that name no package of the program count nothing."""
        self._to_compile.discard(line)


def check_disk(names: Iterable[str], places: Places, *, free_bytes: int | None = None) -> None:
    """See that a build of these programs fits, less what an earlier one left behind.

    Raises:
        DiskTooSmallError: it doesn't.
    """
    places.cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(places.cache).free if free_bytes is None else free_bytes
    needed = COLD_BUILD_BYTES + sum(_ADDED_BYTES.get(name, 0) for name in names) - _bytes_left(places)
    if free < needed:
        raise DiskTooSmallError(
            f"Building the control plane needs {size(needed)} of disk for {places.cache}, where {size(free)} are free:"
            " free some, or set SEEDJOB_CACHE to a folder on a larger disk."
        )


@contextlib.contextmanager
def working_folder(places: Places) -> Iterator[None]:
    """Give Go an empty folder for its working files, and remove it afterwards."""
    shutil.rmtree(places.go_temporary, ignore_errors=True)
    places.go_temporary.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(places.go_temporary, ignore_errors=True)


def left_by_builds(places: Places) -> str:
    """How large what builds left is, for people."""
    return size(_bytes_left(places))


def build(name: str, *, into: Path, go: GoTool, progress: Progress) -> Path:
    """Build a program and put it in place whole; what was compiled before, also by an interrupted run, is reused.

    Returns:
        The path of the binary.

    Raises:
        BuildError: modules could not be downloaded, or did not compile.
    """
    source = SOURCES[name]
    began = time.monotonic()
    progress.say(f"building {name} {version_of(name)} from its pinned Go modules")
    count = _list_packages(name, source, go=go, progress=progress)
    unfinished = into / f".{name}.partial"
    into.mkdir(parents=True, exist_ok=True)
    _compile(name, source, count=count, output=unfinished, go=go, progress=progress)
    binary = into / name
    unfinished.replace(binary)
    took = duration(time.monotonic() - began)
    progress.say(f"built {name}: {count.total} packages in {took}, {size(binary.stat().st_size)}")
    return binary


def version_of(name: str) -> str:
    """The pinned version of a program."""
    return pins.ETCD if name == "etcd" else pins.KUBERNETES


def _list_packages(name: str, source: Source, *, go: GoTool, progress: Progress) -> PackageCount:
    count = PackageCount()
    downloads = 0
    arguments = ["list", "-deps", "-f", _LIST_FORMAT, source.package]
    purpose = f"Downloading what {name} is made of"
    with contextlib.closing(_go(arguments, source=source, go=go, purpose=purpose)) as lines:
        for line in lines:
            count.listed(line or "")
            downloads += line is not None and line.startswith("go: downloading ")
            progress.update(f"{name}: {downloads} Go modules downloaded")
    return count


def _compile(name: str, source: Source, *, count: PackageCount, output: Path, go: GoTool, progress: Progress) -> None:
    began = time.monotonic()
    arguments = ["build", "-v", "-ldflags", source.link_flags, "-o", str(output), source.package]
    with contextlib.closing(_go(arguments, source=source, go=go, purpose=f"Building {name}")) as lines:
        for line in lines:
            count.compiling(line or "")
            took = duration(time.monotonic() - began)
            what = "packages built" if count.done < count.total else "packages built, linking"
            progress.update(f"{name}: {count.done} of {count.total} {what}, {took}")


def _go(arguments: list[str], *, source: Source, go: GoTool, purpose: str) -> Generator[str | None]:
    """Run go; yields what it prints, and None when it prints nothing for a while."""
    last_lines: deque[str] = deque(maxlen=5)
    with GuardedProcess.start(
        [go.command, *arguments],
        output=subprocess.PIPE,
        errors=subprocess.STDOUT,
        environment=go.environment,
        directory=source.module,
    ) as process:
        for line in lines_and_ticks(process.output):
            if line:
                last_lines.append(line)
            yield line
        if process.wait() != 0:
            raise _failure(purpose, " | ".join(last_lines))


def _failure(purpose: str, said: str) -> BuildError | DiskTooSmallError:
    if "no space left on device" in said:
        return DiskTooSmallError(
            f"{purpose} filled the disk: free some, or set SEEDJOB_CACHE to a folder on a larger one."
        )
    return BuildError(
        f"{purpose} failed: {said}. If the network is the reason, set GOPROXY to a Go module proxy that this machine"
        " reaches, or KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl; then run this again."
    )


def _bytes_left(places: Places) -> int:
    folders = (places.go_build, places.go_modules)
    files = (Path(path, name) for folder in folders for path, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)

"""The demo itself: set up, apply the samples, watch them to their ends, say how it went, clean up."""

import contextlib
import dataclasses
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console as RichConsole
from rich.markup import escape

from seedjob_operator.devcluster.assets import ensure_assets
from seedjob_operator.devcluster.console import Progress
from seedjob_operator.devcluster.controlplane import ControlPlane
from seedjob_operator.devcluster.demo.board import Board
from seedjob_operator.devcluster.demo.samples import DELETED, SAMPLES, Sample, manifests
from seedjob_operator.devcluster.demo.stage import Cluster, Stage, running
from seedjob_operator.devcluster.errors import DevClusterError

_LOOK_EVERY_SECONDS: Final = 0.5
_GIVE_UP_SECONDS: Final = 240.0
_RUN_BEFORE_DELETION_SECONDS: Final = 4.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says. `checkout` is the folder that has `crds/` and `examples/`."""

    keep: bool = False
    current_cluster: bool = False
    checkout: Path = Path()


class Show:
    """One run of the samples."""

    def __init__(self, cluster: Cluster, stage: Stage) -> None:
        self._cluster = cluster
        self._stage = stage
        self.last: dict[str, dict[str, Any]] = {}
        self._remote_name = ""
        self._deleted_at: float | None = None
        self._running_since: float | None = None
        self._asked: dict[str, int] = {}

    def play(self, board: Board) -> None:
        """Watch until every sample has ended and the deleted one is gone.

        Raises:
            DevClusterError: that takes too long, or a part ended.
        """
        began = time.monotonic()
        while not self._look(board):
            if time.monotonic() - began > _GIVE_UP_SECONDS:
                raise DevClusterError(f"the samples had not all ended after {_GIVE_UP_SECONDS:.0f} s")
            self._stage.check()
            time.sleep(_LOOK_EVERY_SECONDS)

    def _look(self, board: Board) -> bool:
        seedjobs = self._cluster.seedjobs()
        self.last |= {name: item.get("status") or {} for name, item in seedjobs.items()}
        gone = self._deleted_at is not None and DELETED not in seedjobs
        board.show(
            {
                sample.name: None if sample.name == DELETED and gone else self.last.get(sample.name, {})
                for sample in SAMPLES
            }
        )
        self._delete_when_it_runs()
        for sample in SAMPLES:
            self._ask(sample)
        ended = all(sample.has_ended(self.last.get(sample.name, {})) for sample in SAMPLES if sample.ended_well)
        return ended and gone

    def _ask(self, sample: Sample) -> None:
        """Ask of a sample what is next, where it has come to that."""
        done = self._asked.get(sample.name, 0)
        if done < len(sample.asks) and self.last.get(sample.name, {}).get("phase") == sample.asks[done].at:
            self._cluster.change(sample.name, sample.asks[done].spec)
            self._asked[sample.name] = done + 1

    def _delete_when_it_runs(self) -> None:
        if self._deleted_at is not None or self.last.get(DELETED, {}).get("phase") != "Running":
            return
        self._running_since = self._running_since or time.monotonic()
        if time.monotonic() - self._running_since >= _RUN_BEFORE_DELETION_SECONDS:
            self._remote_name = self.last[DELETED]["jobName"]
            self._cluster.run("delete", "sj", DELETED, "--wait=false")
            self._deleted_at = time.monotonic()

    def verdicts(self) -> list[tuple[str, bool, str]]:
        """Say of each sample whether it ended as it should, and how."""
        found = []
        for sample in SAMPLES:
            status = self.last.get(sample.name, {})
            if sample.ended_well is None:
                gone = bool(self._remote_name) and not self._stage.platform.has_job(self._remote_name)
                found.append(
                    (sample.name, gone, "deleted; gone on the platform too" if gone else "still on the platform")
                )
            else:
                found.append((sample.name, sample.ended_well(status), _ending(status)))
        return found


def _ending(status: dict[str, Any]) -> str:
    parts = [str(status.get("phase", "new"))]
    parts += [f"attempt {status['attempt']}"] if status.get("attempts") else []
    parts += [f"exit code {status['exitCode']}"] if "exitCode" in status else []
    parts += [f"{status['runtimeSeconds']} s"] if "runtimeSeconds" in status else []
    parts += [status["costText"]] if "costText" in status else []
    artifacts = status.get("artifacts") or {}
    parts += (
        [f"{artifacts['fileCount']} artifact(s), {artifacts.get('sizeBytes', 0)} bytes"]
        if artifacts.get("fileCount")
        else []
    )
    return ", ".join(parts)


def run(options: Options, progress: Progress) -> bool:
    """Run the demo; True only if every sample ended as it should.

    Raises:
        DevClusterError: something is missing or doesn't come up; the text says what to do.
    """
    console = RichConsole()
    began = time.monotonic()
    examples = options.checkout / "examples"
    with (
        _directory() as directory,
        _cluster(options, directory, progress) as cluster,
        running(directory, cluster, examples=examples, progress=progress) as stage,
    ):
        progress.say(f"the operator is reconciling after {time.monotonic() - began:.1f} s")
        try:
            good = _show(cluster, stage, options, console)
            if options.keep:
                _stay(cluster, stage, console)
        finally:
            if options.current_cluster:
                _remove_samples(cluster, progress)
    return good


def _show(cluster: Cluster, stage: Stage, options: Options, console: RichConsole) -> bool:
    platform = stage.platform
    cluster.apply(manifests(options.checkout / "examples", endpoint=platform.url, token=platform.token))
    show = Show(cluster, stage)
    with Board(console) as board:
        show.play(board)
    verdicts = show.verdicts()
    console.print()
    for name, good, how in verdicts:
        sign = "[green]as it should[/]" if good else "[red]NOT as it should[/]"
        console.print(f"  {name:<10} {escape(how)}: {sign}", highlight=False, soft_wrap=True)
    _how_to_look_further(show, options, console)
    return all(good for _, good, _ in verdicts)


def _how_to_look_further(show: Show, options: Options, console: RichConsole) -> None:
    console.print("\nWhat `kubectl describe sj broken` shows of its log:", highlight=False)
    for line in show.last.get("broken", {}).get("logTail", ()):
        console.print(f"    {escape(line)}", highlight=False)
    if not options.keep:
        console.print("\nTo look around yourself: make demo KEEP=1", highlight=False)


def _stay(cluster: Cluster, stage: Stage, console: RichConsole) -> None:
    """Leave all of it up until Ctrl-C."""
    console.print("\nAll of it stays up until Ctrl-C. In another terminal:", highlight=False)
    where = "" if cluster.namespace == "default" else f" -n {cluster.namespace}"
    for line in (
        f"export KUBECONFIG={cluster.kubeconfig}",
        f"export PATH={Path(sys.executable).parent}:{cluster.kubectl.parent}:$PATH",
        f"kubectl get sj{where}",
        f"kubectl describe sj broken{where}",
        f"tail -f {stage.operator_log}",
        f"curl -H 'Authorization: Bearer {stage.platform.token}' {stage.platform.url}/demo/jobs",
    ):
        console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    while True:
        stage.check()
        time.sleep(_LOOK_EVERY_SECONDS)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="seedjob-demo-"))
    try:
        yield directory
    except DevClusterError as error:
        raise DevClusterError(f"{error}\nThe logs stay in {directory}.") from error
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _cluster(options: Options, directory: Path, progress: Progress) -> Iterator[Cluster]:
    assets = ensure_assets(progress=progress)
    if options.current_cluster:
        with _current_cluster(assets.kubectl.path, options.checkout, progress) as cluster:
            yield cluster
        return
    with ControlPlane(assets, directory=directory / "control-plane", progress=progress) as control_plane:
        control_plane.apply_crds(options.checkout / "crds")
        yield Cluster(kubectl=control_plane.kubectl, kubeconfig=control_plane.kubeconfig, namespace="default")


@contextlib.contextmanager
def _current_cluster(kubectl: Path, checkout: Path, progress: Progress) -> Iterator[Cluster]:
    """Use the caller's own cluster: a namespace of our own, which goes afterwards; CRDs stay."""
    kubeconfig = Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or Path.home() / ".kube" / "config")
    done = subprocess.run(
        [kubectl, "--kubeconfig", kubeconfig, "config", "current-context"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DevClusterError(f"There is no current context in {kubeconfig}: kubectl config use-context NAME.")
    cluster = Cluster(kubectl=kubectl, kubeconfig=kubeconfig, namespace=f"seedjob-demo-{secrets.token_hex(3)}")
    progress.say(f"using your cluster: context {done.stdout.strip()}, a new namespace {cluster.namespace}")
    cluster.run("apply", "--server-side", "-f", str(checkout / "crds"))
    cluster.run("wait", "--for=condition=Established", "--timeout=30s", "-f", str(checkout / "crds"))
    cluster.run("create", "namespace", cluster.namespace)
    try:
        yield cluster
    finally:
        cluster.run("delete", "namespace", cluster.namespace, "--wait=false")
        progress.say(f"removed the namespace {cluster.namespace}; the SeedJob resources (CRDs) stay")


def _remove_samples(cluster: Cluster, progress: Progress) -> None:
    """Delete the samples while the operator is there to clean up after them."""
    progress.say("removing the samples")
    cluster.run("delete", "sj", "--all", "--timeout=60s")

"""`python -m seedjob_operator.devcluster`: get the control plane's programs, or run them until Ctrl-C."""

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from seedjob_operator.devcluster.assets import Assets, ensure_assets
from seedjob_operator.devcluster.console import Console, terminal
from seedjob_operator.devcluster.controlplane import ControlPlane
from seedjob_operator.devcluster.errors import DevClusterError
from seedjob_operator.devcluster.finding import Binary

_CANNOT_GO_ON: Final = 2
_INTERRUPTED: Final = 130
_LOOK_EVERY_SECONDS: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 2 when the user has to do something, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    # Also where whoever started this ignored them, as a shell's `&` does: what runs here must be stoppable.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _as_interrupt)
    progress = terminal()
    command: Callable[[argparse.Namespace, Console], None] = options.command
    try:
        command(options, progress)
    except DevClusterError as error:
        progress.say(f"seedjob_operator.devcluster: {error}")
        return _CANNOT_GO_ON
    except KeyboardInterrupt:
        progress.say("stopped")
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seedjob_operator.devcluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    get = commands.add_parser("control-plane", help="find, download or build the programs, and say where they are")
    get.set_defaults(command=_get)
    up = commands.add_parser("up", help="run a control plane until Ctrl-C")
    up.add_argument("--directory", type=Path, required=True, help="its data, logs and kubeconfig go here")
    up.add_argument("--crds", type=Path, default=Path("crds"), help="applied if there (default: %(default)s)")
    up.set_defaults(command=_up)
    demo = commands.add_parser("demo", help="run the samples of this checkout and watch them")
    demo.add_argument("--keep", action="store_true", help="leave all of it up until Ctrl-C")
    demo.add_argument("--cluster", choices=["current"], help="use the kubeconfig's current context")
    demo.set_defaults(command=_demo)
    for command in (get, up):
        command.add_argument("--controller-manager", action="store_true", help="with kube-controller-manager too")
    return parser


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _get(options: argparse.Namespace, progress: Console) -> None:
    assets = ensure_assets(controller_manager=options.controller_manager, progress=progress)
    print(_table(assets))


def _table(assets: Assets) -> str:
    versions = [_version(binary) for binary in assets.all]
    name_width = max(len(binary.name) for binary in assets.all)
    version_width = max(len(version) for version in versions)
    return "\n".join(
        f"{binary.name:{name_width}}  {version:{version_width}}  {binary.path}  ({binary.origin})"
        for binary, version in zip(assets.all, versions, strict=True)
    )


def _version(binary: Binary) -> str:
    """The first line of what a program says its version is, in its last word."""
    question = ["version", "--client"] if binary.name == "kubectl" else ["--version"]
    try:
        answer = subprocess.run(
            [binary.path, *question], capture_output=True, text=True, timeout=30, check=False
        ).stdout.split("\n")[0]
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DevClusterError(
            f"{binary.path} can't be run ({error}): remove it and run this again, so that it is got anew."
        ) from error
    return answer.split()[-1] if answer else "version unknown"


def _demo(options: argparse.Namespace, progress: Console) -> None:
    from seedjob_operator.devcluster import demo  # noqa: PLC0415  # its table's package is an extra

    if not demo.run(demo.Options(keep=options.keep, current_cluster=options.cluster == "current"), progress):
        raise DevClusterError("a sample did not end as it should; see the lines above")


def _up(options: argparse.Namespace, progress: Console) -> None:
    assets = ensure_assets(controller_manager=options.controller_manager, progress=progress)
    with ControlPlane(assets, directory=options.directory, progress=progress) as control_plane:
        if options.crds.is_dir():
            control_plane.apply_crds(options.crds)
            progress.say(f"applied {options.crds}")
        print(f"export KUBECONFIG={control_plane.kubeconfig}", flush=True)
        progress.say("running until Ctrl-C")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(_LOOK_EVERY_SECONDS)
                control_plane.check()
    progress.say(f"stopped; what it stored stays in {options.directory}")


if __name__ == "__main__":
    sys.exit(main())

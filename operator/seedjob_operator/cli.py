"""The command line: `seedjob-operator run` and `seedjob-operator seed-server`. Wiring only."""

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence

from seedjob_operator import logs, settings

_UNUSABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 2 for what the caller can put right, 1 for what failed later."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(serving="seed-server" in given[:1]).parse_args(given)
    try:
        return int(parsed.run(parsed))
    except settings.SettingsError as error:
        return _refuse(str(error))


def _parser(*, serving: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="seedjob-operator", description="Runs SeedJobs on the Seed platform.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="the operator", description="The operator. A flag wins over the environment variable of its name."
    )
    settings.add_arguments(run)
    run.set_defaults(run=_run_operator)
    serve = commands.add_parser("seed-server", help="the local Seed platform, for trying, developing and testing")
    if serving:
        _add_seed_server(serve)
    return parser


def _add_seed_server(serve: argparse.ArgumentParser) -> None:
    """Load the local server only where it is asked for: its packages are an extra, and take time to load."""
    try:
        from seedjob_operator.seedserver import command, flags  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        serve.set_defaults(run=lambda _, name=missing.name: _refuse_missing(name))
        return
    flags.add_arguments(serve)
    serve.set_defaults(run=command.run)


def _refuse_missing(name: str | None) -> int:
    return _refuse(f"the local Seed server needs the package {name}: pip install 'seedjob-operator[seed-server]'")


def _run_operator(parsed: argparse.Namespace) -> int:
    gc.disable()  # until all is loaded: hardly any of that is garbage, and looking for it took a tenth of the start
    configured = settings.load(parsed)
    logs.configure(log_format=configured.log_format, level=configured.log_level)
    import uvloop  # noqa: PLC0415

    from seedjob_operator.controller.health import PortInUseError  # noqa: PLC0415  # loads Kubernetes' clients: 1 s
    from seedjob_operator.controller.kubernetes import KubernetesError  # noqa: PLC0415
    from seedjob_operator.controller.operator import run  # noqa: PLC0415

    _relieve_the_garbage_collector()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            stopped_well = runner.run(run(configured))
    except (PortInUseError, KubernetesError) as error:
        return _refuse(str(error))
    return 0 if stopped_well else 1


def _relieve_the_garbage_collector() -> None:
    """Look for cycles less often, and never among what was loaded: few are made, and each look cost 7 % of the CPU."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _refuse(message: str) -> int:
    print(f"seedjob-operator: {message}", file=sys.stderr)  # noqa: T201  # the command line's own output
    return _UNUSABLE


if __name__ == "__main__":
    sys.exit(main())

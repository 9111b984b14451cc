"""`kubectl seedjob`: what a SeedJob is at, in a few lines, and waiting for its end."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from seedjob_operator.resources import ConditionStatus, ConditionType, Phase, SeedJobStatus

_POLL_SECONDS = 2.0
_UNUSABLE = 2
_TIMED_OUT = 3

ReadSeedJob = Callable[[str], dict[str, Any]]


class KubectlError(Exception):
    """The caller's kubectl refused; the message is its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 for a good end, 1 for a bad one, 2 where it can't be asked, 3 where waiting took too long."""
    parsed, for_kubectl = _parser().parse_known_args(arguments)
    try:
        return int(parsed.run(parsed, _reader(for_kubectl)))
    except (KubectlError, FileNotFoundError) as error:
        _say(str(error), file=sys.stderr)
        return _UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl seedjob",
        description="Looks at SeedJobs. Other flags (-n, --context, --kubeconfig ...) go to kubectl as they are.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="what a SeedJob is at, and why")
    status.add_argument("name")
    status.set_defaults(run=_status)
    wait = commands.add_parser("wait", help="wait for a SeedJob's end; exit code 0 if it succeeded")
    wait.add_argument("name")
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="give up after so long (exit code 3)")
    wait.set_defaults(run=_wait)
    return parser


def _reader(for_kubectl: Sequence[str]) -> ReadSeedJob:
    def read(name: str) -> dict[str, Any]:
        command = ["kubectl", "get", "seedjobs.seed.dev", name, "-o", "json", *for_kubectl]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the caller's own words
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return read


def _status(parsed: argparse.Namespace, read: ReadSeedJob) -> int:
    _say(summary(parsed.name, SeedJobStatus.read(read(parsed.name).get("status"))))
    return 0


def _wait(parsed: argparse.Namespace, read: ReadSeedJob) -> int:
    began = time.monotonic()
    while True:
        status = SeedJobStatus.read(read(parsed.name).get("status"))
        if status.phase is not None and status.phase.is_terminal:
            _say(summary(parsed.name, status))
            return 0 if status.phase is Phase.SUCCEEDED else 1
        if parsed.timeout is not None and time.monotonic() - began > parsed.timeout:
            _say(
                f"{parsed.name} has not ended after {parsed.timeout:g} s: it is {status.phase or 'new'}",
                file=sys.stderr,
            )
            return _TIMED_OUT
        time.sleep(_POLL_SECONDS)


def summary(name: str, status: SeedJobStatus) -> str:
    """Give the few lines that say what a SeedJob is at."""
    ready = next((condition for condition in status.conditions if condition.type == ConditionType.READY), None)
    unsynced = any(c.type == ConditionType.SYNCED and c.status is not ConditionStatus.TRUE for c in status.conditions)
    stale = unsynced and status.job_id is not None
    attention = [c for c in status.conditions if c.type == ConditionType.ATTENTION and c.status is ConditionStatus.TRUE]
    facts = {
        "phase": f"{status.phase or 'New'}{' (may be old: the platform cannot be asked)' if stale else ''}",
        "why": None if ready is None else f"{ready.reason}: {ready.message}",
        "attention": attention[0].message if attention else None,
        "job": status.job_name,
        "progress": status.progress.message if status.progress else None,
        "cost": status.cost_text,
        "exit code": status.exit_code,
        "artifacts": status.artifacts.path if status.artifacts else None,
    }
    lines = [name, *(f"  {label + ':':<11}{fact}" for label, fact in facts.items() if fact is not None)]
    if status.log_tail:
        lines += ["  last lines of its log:", *(f"    {line}" for line in status.log_tail)]
    return "\n".join(lines)


def _say(text: str, **where: Any) -> None:  # print's own keyword
    print(text, **where)  # noqa: T201  # the plugin's own output


if __name__ == "__main__":
    sys.exit(main())

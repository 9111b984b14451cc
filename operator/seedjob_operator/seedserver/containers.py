"""Runs a job's command in its image, by podman or docker: whichever answers `info`, podman first."""

import csv
import io
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seedjob_operator.seedserver.records import JobRecord

_QUESTIONS: Final = {"podman": ("info",), "docker": ("info", "--format={{.ServerVersion}} {{json .SecurityOptions}}")}
"""What the engines are asked at the server's start."""
_ANSWER_SECONDS: Final = 10
"""For `info`: a daemon that is just starting takes seconds, and one that hangs must not hold up the server's start."""
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENGINES_OWN: Final = re.compile(
    r"HOME|PATH|TMPDIR|(XDG|LD|CONTAINERS|STORAGE|SSL_CERT)_.*|.*_(proxy|PROXY)"
    r"|CONTAINER_(HOST|CONNECTION|SSHKEY)|DOCKER_(HOST|CONFIG|CONTEXT|API_VERSION|CERT_PATH|TLS.*)|REGISTRY_AUTH_FILE"
)
"""Names that the engine's own program reads: it gets the server's values of them, and never a job's."""
_REMOVAL_SECONDS: Final = 60
"""Engines kill a container at once, but a busy machine may take long to; an engine that hangs must not keep the job from ending."""
_REMOVALS: Final = 2  # as in the supervisor, and for its reason
_FIXED_OPTIONS: Final = ("--log-driver=none", "--security-opt=label=disable", "--ipc=private")
"""No second copy of the output, which the engine would keep in files or the system's journal without a bound; the job's folder
readable where SELinux labels files; and shared memory of its own, for as much as the job has memory: by default it is 64 MB,
too little for PyTorch's data loaders."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""Names that can be asked for with `--env`; podman reads others, such as those with a star, as something else."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A usable podman or docker, by the path of its program.

    `root_is_user` says that a container's root is the server's user, or is mapped to it.
    """

    program: str
    root_is_user: bool

    @property
    def environment(self) -> dict[str, str]:
        """What the engine's program needs of its user's environment, in which it answered when it was looked for."""
        own = {name: value for name, value in os.environ.items() if _ENGINES_OWN.fullmatch(name)}
        return {"HOME": str(Path.home())} | own | {"PATH": f"{Path(self.program).parent}:{SYSTEM_PATH}"}

    def options(
        self, record: JobRecord, environment: dict[str, str], rank_names: tuple[str, ...], work: Path
    ) -> list[str]:
        """Give what stands between `run` and the image's name.

        Values are passed through the program's environment: a command line can be read by every user of the machine.
        """
        options = ["--rm", "--network=host", _mount(work, str(work)), f"--workdir={work}", "--entrypoint=/bin/sh"]
        options += [*_FIXED_OPTIONS, f"--shm-size={record.memory_gb}g", *self._as_whom()]
        kept = mounted(record, work)
        if kept is not None:
            options.append(_mount(kept, str(record.artifacts_path)))
        names = [name for name in (*environment, *rank_names) if _NAME.fullmatch(name)]
        options += [f"--env={name}" for name in names if not _ENGINES_OWN.fullmatch(name)]
        own = {"HOME", *(name for name in record.env if _ENGINES_OWN.fullmatch(name))}
        options += [f"--env={name}={environment[name]}" for name in sorted(own) if _NAME.fullmatch(name)]
        return options

    def _as_whom(self) -> list[str]:
        """Run as the server's user, whoever the image is made for: the job's folder is nobody else's."""
        user = "--user=0:0" if self.root_is_user else f"--user={os.getuid()}:{os.getgid()}"
        return [user, "--http-proxy=false"] if self._is_podman else [user]

    @property
    def _is_podman(self) -> bool:
        return Path(self.program).name == "podman"

    def passed(self, environment: dict[str, str]) -> dict[str, str]:
        """Give the part of a job's environment that may be the engine's program's too; it reads nothing of that."""
        return {name: value for name, value in environment.items() if not _ENGINES_OWN.fullmatch(name)}

    @property
    def removal(self) -> list[str]:
        """The command line that removes containers, but for their names; some of them may be gone already."""
        return [self.program, "rm", "--force", *(["--ignore"] if self._is_podman else [])]

    def remove(self, record: JobRecord) -> None:
        """Remove what a job's supervisor could not, because it was killed."""
        names = [f"{container_name(record)}-{rank}" for rank in range(record.num_nodes)]
        for _ in range(_REMOVALS):
            if _output([*self.removal, *names], seconds=_REMOVAL_SECONDS) is not None:
                return


def mounted(record: JobRecord, work: Path) -> Path | None:
    """Give the folder of a job that stands at its `artifacts_path` in a container; None where the image's own does."""
    if record.artifacts_path is None or not record.artifacts_path.startswith("/"):
        return None
    kept = work / record.artifacts_path.strip("/")
    return None if ".." in kept.parts or kept == work else kept


def unpassable(record: JobRecord) -> list[str]:
    """Give the names of a job's variables that a container can't be given."""
    return [name for name in record.env if not _NAME.fullmatch(name)]


def _mount(source: Path, target: str) -> str:
    """Give the option for a mount; the engines read it as a line of CSV, and a path may contain anything."""
    line = io.StringIO()
    csv.writer(line).writerow(["type=bind", f"source={source}", f"target={target}"])
    return f"--mount={line.getvalue().removesuffix(csv.excel.lineterminator)}"


def container_name(record: JobRecord) -> str:
    """Give the name of a job's containers, but for their ranks."""
    return f"seed-{record.id}"


def find_engine() -> Engine | None:
    """Find a usable engine; None where there is none."""
    for name, question in _QUESTIONS.items():
        program = shutil.which(name)
        answer = None if program is None else _output([program, *question], seconds=_ANSWER_SECONDS)
        # Some of docker's clients end well without a server, and say nothing of its version.
        if program is not None and answer and not answer[0].isspace():
            return Engine(program=program, root_is_user=name == "podman" or "name=rootless" in answer)
    return None


def _output(command: list[str], *, seconds: float) -> str | None:
    """Give what a command prints; None where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)  # noqa: S603  # our own words
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None

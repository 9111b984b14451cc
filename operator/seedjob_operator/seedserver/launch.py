"""Writes a job's order and starts its supervisor."""

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from seedjob_operator.seedserver.containers import SYSTEM_PATH, Engine, container_name, mounted, unpassable
from seedjob_operator.seedserver.records import MICROSECONDS, JobRecord
from seedjob_operator.seedserver.supervisor import files
from seedjob_operator.seedserver.supervisor.joblog import JobLog

MIB = 1 << 20
DEFAULT_LOG_LIMIT_MIB = 64
_PACKAGES = Path(__file__).parents[2]
# At the end of the path, so that nothing there stands before the standard library.
_BOOT = "import sys; sys.path.append(sys.argv[1]); from seedjob_operator.seedserver.supervisor import run; run.main(sys.argv[2])"
_LEAST_MARGIN = 5.0  # for a supervisor to kill what is left and record the end
_RANK_NAMES = ("SEED_NODE_RANK", "RANK", "PET_NODE_RANK")


def patience(grace_seconds: float) -> float:
    """Give the seconds after which a job with this grace must have ended that was told to."""
    return grace_seconds + max(grace_seconds, _LEAST_MARGIN)


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """How jobs are run here. `time_scale` divides the seconds of `timeout_minutes`; `repos` has the repositories.

    `log_limit` is how many bytes of a job's log are kept.

    Without an `engine`, jobs with an image run as plain processes. `open_files` is the soft limit of open files that jobs
    have; None leaves them the server's own.
    """

    repos: Path | None
    git_config: Path
    grace_seconds: float
    time_scale: float
    engine: Engine | None = None
    log_limit: int = DEFAULT_LOG_LIMIT_MIB * MIB
    open_files: int | None = None

    def overdue_after(self, record: JobRecord) -> float:
        """Give the seconds after which a run must have ended, be it by its timeout."""
        return self._seconds_left(record) + self.patience

    @property
    def patience(self) -> float:
        """The seconds after which a job must have ended that was told to."""
        return patience(self.grace_seconds)

    def write_order(self, record: JobRecord, folder: Path) -> None:
        """Make the job's folder, with room for what its supervisor has to write, and then what is to run there.

        Raises:
            OSError: the system can't, for example because the disk is full; there is no order then.
        """
        for made in (folder, folder / files.WORK):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / files.LOCK).touch(mode=0o600)  # to end the job it has to be there
        JobLog(str(folder / files.LOG)).close()  # its first segment: later there may be no room for another file
        files.reserve(str(folder / files.STATE))
        files.reserve(str(folder / files.RESULT))
        environment, names = _environment(record, folder / files.WORK), _rank_names(record)
        order = {
            "command": record.command,
            "note": _note_on_names(record) if self.engine else _note_on_image(record),
            "repo": record.repo or "",
            "repo_path": self._repository(record.repo),
            "branch": record.branch or "",
            "git": shutil.which("git") or "",
            "git_config": str(self.git_config),
            "num_nodes": str(record.num_nodes),
            "timeout_seconds": str(self._seconds_left(record)),
            "grace_seconds": str(self.grace_seconds),
            "max_retries": str(record.max_retries - record.retry_count),
            "log_limit": str(self.log_limit),
            "open_files": "" if self.open_files is None else str(self.open_files),
            "rank_names": ",".join(names),
            **self._container(record, environment, names, folder / files.WORK),
        }
        passed = environment if order["engine"] == "" or self.engine is None else self.engine.passed(environment)
        order |= {files.ENV_PREFIX + name: value for name, value in passed.items()}
        files.write_record(str(folder / files.ORDER), order)

    def _container(
        self, record: JobRecord, environment: dict[str, str], names: tuple[str, ...], work: Path
    ) -> dict[str, str]:
        """Give what the supervisor needs to run the command in an image; nothing where it runs as a plain process."""
        if self.engine is None or record.image is None:
            return {"engine": ""}
        options = self.engine.options(record, environment, names, work)
        return {
            "engine": self.engine.program,
            "container": container_name(record),
            "image": record.image,
            "mounted": str(mounted(record, work) or ""),
            **{f"{files.OPTION_PREFIX}{place}": option for place, option in enumerate(options)},
            **{f"{files.REMOVAL_PREFIX}{place}": part for place, part in enumerate(self.engine.removal)},
            **{files.ENGINE_PREFIX + name: value for name, value in self.engine.environment.items()},
        }

    def _seconds_left(self, record: JobRecord) -> float:
        """Give what is left of the timeout, which counts the run time of all tries."""
        return max(record.timeout_minutes * 60 / self.time_scale - record.ran_before / MICROSECONDS, 0.0)

    def _repository(self, repo: str | None) -> str:
        """Give a repository's folder; empty where there is none. The name was checked when the job was created."""
        if repo is None or self.repos is None:
            return ""
        plain = self.repos / repo
        found = next((path for path in (plain, plain.with_name(plain.name + ".git")) if path.is_dir()), None)
        return "" if found is None else str(found.resolve())


def start_supervisor(folder: Path) -> int:
    """Start a job's supervisor, in a session of its own; give its process id.

    Raises:
        OSError: the system can't.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-c", _BOOT, str(_PACKAGES), str(folder)],
        {"LANG": "C.UTF-8"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(folder / files.ERRORS), flags, 0o600),
        ],
        setsid=True,
        setsigmask=[],
    )


def _rank_names(record: JobRecord) -> tuple[str, ...]:
    return tuple(name for name in _RANK_NAMES if name.startswith("SEED_") or name not in record.env)


def _note_on_image(record: JobRecord) -> str:
    if record.image is None:
        return ""
    return f"seed: image {record.image} is not used here: the command runs as a plain process on this machine"


def _note_on_names(record: JobRecord) -> str:
    left_out = [] if record.image is None else unpassable(record)
    return f"seed: a container can't be given variables named {', '.join(map(repr, left_out))}" if left_out else ""


def _environment(record: JobRecord, work: Path) -> dict[str, str]:
    """Give the environment of all nodes. What the job was given wins, but never over the SEED_ names."""
    address, port, nodes = "127.0.0.1", str(_free_port()), str(record.num_nodes)
    own_bin = str(Path(sys.executable).parent)
    torch = {"MASTER_ADDR": address, "MASTER_PORT": port}
    defaults = {
        "PATH": f"{own_bin}:{SYSTEM_PATH}",
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "WORLD_SIZE": nodes,
        "PET_NNODES": nodes,
        **torch,
        **{f"PET_{name}": value for name, value in torch.items()},
    }
    fixed = {"SEED_JOB_NAME": record.name, "SEED_NUM_NODES": nodes, **{f"SEED_{k}": v for k, v in torch.items()}}
    return defaults | dict(record.env) | fixed


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

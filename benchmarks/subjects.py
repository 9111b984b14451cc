"""What is measured: the operator, and the two yardsticks beside it."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.apiserver import NAMESPACE
from seedjob_operator.core.naming import generated_name

OPERATOR: Final = "operator"
OBVIOUS: Final = "obvious"
FLOOR: Final = "floor"
SEED_NAMESPACE: Final = "acme"
UNLIMITED: Final = "unlimited"
_PROGRAMS = Path(sys.executable).parent
_FOLDER = Path(__file__).parent
_NO_LIMIT = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a subject has to know."""

    kubeconfig: Path
    platform: str
    port: int
    plan: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """One operator. `job_name` gives the remote name that it chooses for a SeedJob's name and UID."""

    name: str
    command: tuple[str | Path, ...]
    environment: Callable[[Surroundings], Mapping[str, str]]
    job_name: Callable[[str, str], str]
    tells_ready: bool


def _common(surroundings: Surroundings) -> dict[str, str]:
    return {
        "KUBECONFIG": str(surroundings.kubeconfig),
        "SEED_API_URL": surroundings.platform,
        "SEED_API_TOKEN": "benchmark",
        "SEED_NAMESPACE": SEED_NAMESPACE,
    }


def _operators_own(surroundings: Surroundings) -> dict[str, str]:
    limited = surroundings.plan != UNLIMITED
    return _common(surroundings) | {
        "SEED_REQUESTS_PER_MINUTE": surroundings.plan if limited else str(_NO_LIMIT),
        "METRICS_PORT": str(surroundings.port),
        "METRICS_ADDRESS": "127.0.0.1",
        "LEASE_NAMESPACE": NAMESPACE,
    }


SUBJECTS: Final = {
    OPERATOR: Subject(
        name=OPERATOR,
        command=(_PROGRAMS / "seedjob-operator", "run"),
        environment=_operators_own,
        job_name=lambda name, uid: generated_name(namespace=NAMESPACE, name=name, uid=uid, attempt=1),
        tells_ready=True,
    ),
    OBVIOUS: Subject(
        name=OBVIOUS,
        command=(_PROGRAMS / "kopf", "run", "--all-namespaces", _FOLDER / "obvious_operator.py"),
        environment=_common,
        job_name=lambda name, uid: f"{name}-{uid[:8]}",
        tells_ready=False,
    ),
}

"""SeedJobs as Kubernetes stores them, with statuses that the operator's own rules wrote: they can't drift from it."""

from typing import Any

from seedjob_operator.core.decide import decide
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Desired, Observed
from seedjob_operator.resources import Phase, SeedJobStatus
from unit.core import given

DELETED_AT = "2026-03-01T12:00:00Z"
STARTED = given.spec(readyWhen="Started")
OWN: dict[str, Any] = {"intent": given.OWN}


def manifest(desired: Desired, status: SeedJobStatus | None = None) -> dict[str, Any]:
    """Give the object, with a status in place of its own."""
    metadata = {"name": desired.name, "namespace": desired.namespace, "uid": desired.uid}
    deleted = {"deletionTimestamp": DELETED_AT} if desired.deleting else {}
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedJob",
        "metadata": metadata | {"generation": desired.generation} | deleted,
        "spec": desired.spec.manifest(),
        "status": (status or desired.status).manifest(),
    }


def decided(*, desired: dict[str, Any], observed: dict[str, Any]) -> dict[str, Any]:
    """Give the object after the operator has looked at it once and written what it decided."""
    wanted: Desired = given.desired(**desired)
    seen: Observed = given.observed(**observed)
    return manifest(wanted, decide(wanted, seen, given.NOW).status)


def recorded(phase: Phase | None, reason: Reason | None = None, **fields: Any) -> dict[str, Any]:
    """Give the object in a phase that it has reached before."""
    spec = fields.pop("spec", given.SPEC)
    status = given.recorded(phase, reason=reason, spec=spec, **fields.pop("status", {}))
    return manifest(given.desired(**OWN, spec=spec, status=status, **fields))

"""Who waits for which Secret or ConfigMap: SeedConnections for their credential always, SeedJobs while they are held by one."""

import dataclasses

from pydantic import ValidationError

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.references import Reference
from seedjob_operator.controller.store import Document, Store
from seedjob_operator.core.environment import references
from seedjob_operator.resources import JobSpec


@dataclasses.dataclass(kw_only=True)
class Dependents:
    """The SeedConnections and the SeedJobs to look at when an object changes."""

    connections: set[Key] = dataclasses.field(default_factory=set)
    jobs: set[Key] = dataclasses.field(default_factory=set)


def dependents(*, jobs: Store, connections: Store) -> dict[Reference, Dependents]:
    """Give all that is worth a watch now, and for whom."""
    found: dict[Reference, Dependents] = {}
    for key in connections:
        name = (((connections.get(key) or {}).get("spec") or {}).get("secretRef") or {}).get("name")
        if name is not None:
            found.setdefault(Reference("secrets", key.namespace, name), Dependents()).connections.add(key)
    for key in [key for key, outline in jobs.outlines() if outline.waits_for_reference]:
        for reference in _awaited(key, jobs.get(key) or {}):
            found.setdefault(reference, Dependents()).jobs.add(key)
    return found


def _awaited(key: Key, body: Document) -> set[Reference]:
    try:
        secrets, config_maps = references(JobSpec.model_validate(body["spec"]["job"]))
    except (ValidationError, KeyError):
        return set()
    return {Reference("secrets", key.namespace, name) for name in secrets} | {
        Reference("configmaps", key.namespace, name) for name in config_maps
    }

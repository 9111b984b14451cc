"""Which remote jobs other living SeedJobs own: a job under a chosen name may be somebody else's here."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.store import Store, desired_of
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.snapshot import Desired
from seedjob_operator.resources import INTENT_ANNOTATION


@dataclasses.dataclass(frozen=True, kw_only=True)
class Others:
    """The other SeedJobs that chose the same name, or whose attempts may have it.

    `rivals`: ids of the jobs that they recorded. `bodies`: those that this operator acts on. `elsewhere`: what those have
    recorded or announced that another shard acts on, of which less is known.
    """

    rivals: frozenset[str] = frozenset()
    bodies: tuple[Mapping[str, Any], ...] = ()
    elsewhere: frozenset[str] = frozenset()

    @property
    def contenders(self) -> tuple[Desired, ...]:
        """Those whose intents may announce the name as well."""
        return tuple(map(desired_of, self.bodies))

    def claimed(self, *, seed_namespace: str) -> frozenset[str]:
        """Give the remote names in a Seed namespace that their intents announce; of another shard's in any."""
        intents = (Intent.parse(body["metadata"]["annotations"].get(INTENT_ANNOTATION)) for body in self.bodies)
        announced = {one.job_name for one in intents if one is not None and one.seed_namespace == seed_namespace}
        return self.elsewhere | announced


def others(key: Key, chosen: str | None, store: Store) -> Others:
    """Look for the others, where a name was chosen: it may be chosen twice."""
    if chosen is None:
        return Others()
    same = [(other, outline) for other, outline in store.named(chosen) if other != key]
    bodies = [(outline, store.get(other)) for other, outline in same]
    return Others(
        rivals=frozenset(job_id for _, outline in same for job_id in outline.ids),
        bodies=tuple(body for _, body in bodies if body is not None),
        elsewhere=frozenset(name for outline, body in bodies if body is None for name in outline.names),
    )

"""Which remote jobs other living SeedJobs own: a job under a chosen name may be somebody else's here."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seedjob_operator.core.intent import Intent
from seedjob_operator.resources import INTENT_ANNOTATION

Document = Mapping[str, Any]


def recorded(others: Iterable[Document]) -> frozenset[str]:
    """Give the ids of the jobs that they have recorded, of all their attempts."""
    return frozenset(str(attempt["jobId"]) for body in others for attempt in attempts_of(body) if "jobId" in attempt)


def attempts_of(body: Document) -> Iterator[Mapping[str, Any]]:
    """Give all that an object's status says of its attempts: the one in force, and the earlier ones."""
    status = body["status"]
    yield from (status, *status.get("attempts", ()), *status.get("olderJobs", ()))


def claimed(others: Iterable[Document], *, seed_namespace: str) -> frozenset[str]:
    """Give the remote names in a Seed namespace that their intents announce."""
    intents = (Intent.parse(body["metadata"]["annotations"].get(INTENT_ANNOTATION)) for body in others)
    return frozenset(
        intent.job_name for intent in intents if intent is not None and intent.seed_namespace == seed_namespace
    )

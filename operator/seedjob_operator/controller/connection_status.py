"""Keeps the status of SeedConnections: whether the platform answers with their credential, and what it allows."""

import logging
from datetime import datetime, timedelta

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connections import Connections
from seedjob_operator.controller.holding import users, waits_for
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import ConflictError, KubernetesError, NotFoundError, SeedObjects
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.store import Document, Store, precondition_of
from seedjob_operator.core import conditions
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import ConditionStatus, ConditionType, RateLimit, SeedConnectionStatus

_log = logging.getLogger(__name__)
REFRESH = timedelta(minutes=5)
_LONGEST_RESET = 86400.0
_MOST_TOLD = 1_000_000
"""What a platform tells beyond these makes no sense, and is cut."""


class ConnectionStatus:
    """Writes a connection's status when it flips, else every five minutes while jobs are active and the platform answers."""

    def __init__(
        self, *, seedconnections: SeedObjects, store: Store, connections: Connections, clock: Clock, jobs: Store
    ) -> None:
        self._seedconnections = seedconnections
        self._store = store
        self._connections = connections
        self._clock = clock
        self._jobs = jobs

    async def refresh(self, key: Key) -> None:
        """Bring one status up to date; a failure is put off to the next round."""
        body = self._store.get(key)
        if body is None:
            return
        way = await self._connections.named(key)
        link = None if isinstance(way, Hold) else self._connections.open(way)
        verdict = _verdict(way if isinstance(way, Hold) else None, link)
        verdicts = self._attention(key, body, link) | ({} if verdict is None else {ConditionType.READY: verdict})
        if not verdicts:
            return
        status = self._status(body, verdicts, link)
        if not self._due(SeedConnectionStatus.read(body["status"]), status):
            return
        try:
            written = await self._seedconnections.patch_status(
                key, precondition=precondition_of(body), status=status.dump()
            )
        except (ConflictError, NotFoundError):
            return
        except KubernetesError as error:
            _log.warning("the status of SeedConnection %s could not be written: %s", key, error)
            return
        self._store.put(written)

    def _attention(self, key: Key, body: Document, link: Link | None) -> dict[ConditionType, Verdict]:
        """Say for whom a connection waits that is to be deleted, else where its plan is too small; or that all is well."""
        names = users(key, self._jobs) if "deletionTimestamp" in body["metadata"] else []
        shortage = None if link is None else link.shortage
        if names:
            status, reason, message = ConditionStatus.TRUE, Reason.DELETION_BLOCKED, waits_for(names)
        elif shortage is not None:
            status, reason, message = ConditionStatus.TRUE, Reason.RATE_LIMITED, shortage
        elif conditions.is_true(SeedConnectionStatus.read(body["status"]).conditions, ConditionType.ATTENTION):
            status, reason, message = ConditionStatus.FALSE, Reason.SYNCED, "Nothing needs attention."
        else:
            return {}
        return {ConditionType.ATTENTION: Verdict(status=status, reason=reason, message=message)}

    def _status(
        self, body: Document, verdicts: dict[ConditionType, Verdict], link: Link | None
    ) -> SeedConnectionStatus:
        recorded, generation = SeedConnectionStatus.read(body["status"]), body["metadata"].get("generation", 1)
        merged = conditions.merge(recorded.conditions, verdicts, generation=generation, now=self._clock.now())
        success = self._clock.now() if link is not None and link.healthy else recorded.last_success_time
        facts: dict[str, object] = {
            "observed_generation": generation,
            "conditions": merged,
            "last_success_time": success,
            "rate_limit": None if link is None else _rate_limit(link, self._clock.now()),
            "active_jobs": None if link is None else len(link.followed),
        }
        return SeedConnectionStatus.model_validate(dict(recorded) | facts)

    def _due(self, recorded: SeedConnectionStatus, status: SeedConnectionStatus) -> bool:
        if _said(status) != _said(recorded):
            return True
        if recorded.active_jobs and status.active_jobs == 0:
            return True
        before, last = recorded.last_success_time, status.last_success_time
        return bool(status.active_jobs) and last is not None and (before is None or last - before >= REFRESH)


def _rate_limit(link: Link, now: datetime) -> RateLimit | None:
    told = link.client.rate_limit
    if told is None:
        return None
    reset = None if told.reset_after is None else now + timedelta(seconds=min(told.reset_after, _LONGEST_RESET))
    return RateLimit(limit=_bounded(told.limit), remaining=_bounded(told.remaining), reset_time=reset)


def _bounded(count: int | None) -> int | None:
    return None if count is None else max(0, min(count, _MOST_TOLD))


def _said(status: SeedConnectionStatus) -> list[tuple[object, ...]]:
    """Give what is worth a write; not the messages of refusals, which tell of ever new seconds to wait."""
    return [
        (c.type, c.status, c.reason, c.observed_generation, c.message if c.status is ConditionStatus.TRUE else "")
        for c in status.conditions
    ]


def _verdict(hold: Hold | None, link: Link | None) -> Verdict | None:
    """Give what Ready says; None while nothing is known yet."""
    if hold is not None:
        return Verdict(status=ConditionStatus.FALSE, reason=hold.reason, message=hold.message)
    if link is None or (not link.proven and link.fault is None):
        return None
    if link.fault is not None:
        return Verdict(status=ConditionStatus.FALSE, reason=link.fault.reason, message=link.fault.message)
    return Verdict(
        status=ConditionStatus.TRUE,
        reason=Reason.SYNCED,
        message=" ".join(("The platform answers this credential.", *link.notes)),
    )

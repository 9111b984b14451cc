"""Leader election by a Lease: of several replicas one acts, and it stops before another one may begin.

Source: Kubernetes `coordination.k8s.io/v1` Lease. Time is the process's own monotonic clock, so that replicas whose
clocks differ agree: a standby counts from when it saw the Lease change, a leader from before it sent its renewal.

Each shard has a Lease of its own. Where the number of shards changes, old and new ones split the same objects differently,
so a shard takes its Lease first and then looks for living ones of another count: where there are any it gives its own back.
Of two that start together each takes before it looks, so that at least one sees the other.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime

from seedjob_operator import metrics
from seedjob_operator.controller.kubernetes import ConflictError, Document, Kubernetes, KubernetesError, NotFoundError
from seedjob_operator.core.shard import Shard

_log = logging.getLogger(__name__)

LEASE_SECONDS = 10
RENEW_EVERY = 2.5
STOP_AFTER = 7.0
"""Seconds after the start of the last renewal that got through when a leader must have stopped acting."""
_REQUEST_TIMEOUT = 3.0
AWAY_FOR = 60.0
"""Seconds without any answer of Kubernetes after which the operator ends, to be started again with a clean view."""


class NotLeaderError(Exception):
    """This replica may not act (any more)."""


class Leadership:
    """Whether this replica is the one that acts. `on_change` hears of each gain and loss."""

    def __init__(
        self,
        kubernetes: Kubernetes,
        *,
        namespace: str,
        name: str,
        identity: str,
        on_change: Callable[[bool], None],
        shard: Shard = Shard(),  # noqa: B008  # frozen
    ) -> None:
        self._kubernetes = kubernetes
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._shard, self._base = shard, name
        self._namespace, self._name, self._identity = namespace, shard.lease_name(name), identity
        self._path = f"{self._collection}/{self._name}"
        self._on_change = on_change
        self._renewed_at: float | None = None
        self._seen: dict[str, tuple[str, float]] = {}
        self._waiting_for: list[str] = []
        self._led_by = ""
        self._answered_at: float | None = None
        self._told = False
        self.tried = asyncio.Event()
        """Set when the first attempt has ended, however: from then on it is known who leads, or that nobody says."""
        self.term = 0
        """How often this replica began to act. What was decided in one term doesn't stand in the next."""

    @property
    def held(self) -> bool:
        """Whether this replica may act at this moment."""
        if self._renewed_at is None:
            return False
        return asyncio.get_running_loop().time() - self._renewed_at < STOP_AFTER

    def check(self, term: int | None = None) -> None:
        """Pass only a replica that may act, and where a term is given has done so without a break since then.

        Raises:
            NotLeaderError: it may not, or another one may have acted meanwhile.
        """
        if not self.held or term not in {None, self.term}:
            raise NotLeaderError

    async def run(self) -> None:
        """Try for the Lease, and keep it, until cancelled; then give it back.

        Raises:
            KubernetesError: Kubernetes gave no good answer for a minute.
        """
        try:
            while True:
                await self._round()
                self.tried.set()
                await asyncio.sleep(RENEW_EVERY * random.uniform(0.8, 1.0))  # noqa: S311  # jitter, no secret
        finally:
            await asyncio.shield(self._release())

    async def _round(self) -> None:
        started = asyncio.get_running_loop().time()
        try:
            won = await asyncio.wait_for(self._try(), _REQUEST_TIMEOUT)
        except (KubernetesError, TimeoutError) as error:
            _log.warning("lease %s/%s: %s", self._namespace, self._name, str(error) or "no answer in time")
            self._give_up_after_a_while(started)
            won = None
        else:
            self._answered_at = started
        self._tell()  # a loss while it was asked for comes before a new gain
        if won:
            self._renewed_at = started
        elif won is False:
            self._renewed_at = None
        self._tell()

    def _give_up_after_a_while(self, now: float) -> None:
        self._answered_at = now if self._answered_at is None else self._answered_at
        if now - self._answered_at > AWAY_FOR:
            raise KubernetesError(f"Kubernetes gave no good answer for {AWAY_FOR:.0f} s")

    def _tell(self) -> None:
        if self.held is self._told:
            return
        self._told = self.held
        self.term += self._told
        metrics.LEADER.set(int(self._told))
        _log.info("this replica is %s", "the leader now" if self._told else "not the leader")
        self._on_change(self._told)

    async def _try(self) -> bool:
        """Give True where the Lease is ours now, False where it's another's."""
        if not await self._take():
            return False
        if not self.held and await self._is_contested():
            await self._give_back()
            return False
        return True

    async def _take(self) -> bool:
        try:
            lease = await self._kubernetes.get(self._path)
        except NotFoundError:
            return await self._write(None)
        holder = _holder(lease)
        if holder not in ("", self._identity) and not self._expired(lease):
            self._say_standby(holder)
            return False
        return await self._write(lease)

    def _say_standby(self, holder: str) -> None:
        if holder != self._led_by:
            _log.info("standing by: %s leads, by the Lease %s/%s", holder, self._namespace, self._name)
        self._led_by = holder

    async def _is_contested(self) -> bool:
        """Tell whether shards of another count live. A Lease whose holder is dead counts until its time is over."""
        leases = {lease["metadata"]["name"]: lease async for lease in self._kubernetes.each(self._collection)}
        rivals = self._shard.rivals(self._base, leases)
        living = [name for name in rivals if _holder(leases[name]) and not self._expired(leases[name])]
        if living and living != self._waiting_for:
            _log.warning("waiting: the shards of another count still act, by the Leases %s", ", ".join(living))
        self._waiting_for = living
        return bool(living)

    def _expired(self, lease: Document) -> bool:
        """Tell whether a Lease was left unchanged for its whole duration, as seen from here."""
        name, version = lease["metadata"]["name"], lease["metadata"]["resourceVersion"]
        now = asyncio.get_running_loop().time()
        if name not in self._seen or self._seen[name][0] != version:
            self._seen[name] = (version, now)
            return False
        return now - self._seen[name][1] > float(lease["spec"].get("leaseDurationSeconds") or LEASE_SECONDS)

    async def _write(self, lease: Document | None) -> bool:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(lease["spec"]) if lease is not None else {}
        if spec.get("holderIdentity") != self._identity:
            spec |= {"acquireTime": now, "leaseTransitions": (spec.get("leaseTransitions") or 0) + 1}
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        return await self._store(lease, spec)

    async def _store(self, lease: Document | None, spec: Document) -> bool:
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
        try:
            if lease is None:
                await self._kubernetes.post(self._collection, {**body, "metadata": {"name": self._name}})
            else:
                await self._kubernetes.put(self._path, {**body, "metadata": lease["metadata"]})
        except ConflictError:
            return False
        return True

    async def _release(self) -> None:
        """Give the Lease back, so that a standby need not wait for its end."""
        if not self.held:
            return
        self._renewed_at = None
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT):
                while not await self._give_back():
                    pass  # a renewal that was under way came in between
        except (KubernetesError, TimeoutError) as error:
            _log.warning("the lease could not be given back, it ends by itself: %s", error)

    async def _give_back(self) -> bool:
        lease = await self._kubernetes.get(self._path)
        if _holder(lease) != self._identity:
            return True
        return await self._store(lease, {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1})


def _holder(lease: Document) -> str:
    return lease["spec"].get("holderIdentity") or ""

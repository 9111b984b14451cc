"""The election: at most one acts at any moment, and somebody acts soon."""

import asyncio
from typing import Any, cast

import pytest

from seedjob_operator.controller.kubernetes import ConflictError, Kubernetes, KubernetesError, NotFoundError
from seedjob_operator.controller.leadership import LEASE_SECONDS, STOP_AFTER, Leadership, NotLeaderError
from unit.simulated import simulate


class Leases:
    """A Lease as the API server keeps it, with its precondition; `down` is an outage for some replicas."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.down: set[str] = set()

    def seen_by(self, replica: str) -> Kubernetes:
        return cast("Kubernetes", _Access(self, replica))


class _Access:
    def __init__(self, leases: Leases, replica: str) -> None:
        self._leases, self._replica = leases, replica

    def _check(self) -> None:
        if self._replica in self._leases.down:
            raise KubernetesError("away")

    async def get(self, path: str) -> dict[str, Any]:
        self._check()
        if self._leases.lease is None:
            raise NotFoundError("none")
        return self._leases.lease

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check()
        if self._leases.lease is not None:
            raise ConflictError("it exists")
        return self._store(body)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check()
        if body["metadata"]["resourceVersion"] != str(self._leases.version):
            raise ConflictError("changed meanwhile")
        return self._store(body)

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self._leases.version += 1
        metadata = body["metadata"] | {"resourceVersion": str(self._leases.version)}
        self._leases.lease = {**body, "metadata": metadata}
        return self._leases.lease


class Replica:
    def __init__(self, leases: Leases, name: str) -> None:
        self.changes: list[bool] = []
        self.leadership = Leadership(
            leases.seen_by(name), namespace="ns", name="lease", identity=name, on_change=self.changes.append
        )
        self.task = asyncio.create_task(self.leadership.run())

    @property
    def leads(self) -> bool:
        return self.leadership.held

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def kill(self) -> None:
        """End without a word: nothing is given back."""
        self.task.remove_done_callback(lambda _: None)
        self.leadership._renewed_at = None
        self.task.cancel()


def test_one_of_two_leads() -> None:
    async def play() -> None:
        leases = Leases()
        first, second = Replica(leases, "first"), Replica(leases, "second")
        for _ in range(60):
            await asyncio.sleep(1)
            assert [first.leads, second.leads].count(True) == 1
        assert first.changes == [True]
        assert second.changes == []
        with pytest.raises(NotLeaderError):
            second.leadership.check()

    simulate(play())


def test_a_standby_takes_over_within_15_seconds() -> None:
    """DESIGN.md: a standby takes over within 15 s."""

    async def play() -> None:
        leases = Leases()
        first = Replica(leases, "first")
        await asyncio.sleep(20)
        second = Replica(leases, "second")
        await asyncio.sleep(20)
        leases.down.add("first")
        first.kill()
        loop = asyncio.get_running_loop()
        died = loop.time()
        while not second.leads:
            await asyncio.sleep(0.1)
            assert loop.time() - died < 15

    simulate(play())


def test_a_leader_that_cannot_renew_stops_before_its_lease_can_be_taken() -> None:
    """The two never act at one time, also where only one of them is cut off."""

    async def play() -> None:
        leases = Leases()
        first = Replica(leases, "first")
        await asyncio.sleep(1)
        second = Replica(leases, "second")
        await asyncio.sleep(20)
        leases.down.add("first")
        for _ in range(300):
            await asyncio.sleep(0.1)
            assert not (first.leads and second.leads)
        assert second.leads
        assert first.changes == [True, False]

    simulate(play())


def test_the_margin_between_stopping_and_taking() -> None:
    """A leader counts from before its renewal was sent, a standby from when it saw it: later by any delay."""
    assert STOP_AFTER < LEASE_SECONDS


def test_a_leader_that_stops_gives_the_lease_back() -> None:
    """A rollout need not wait for the lease to run out."""

    async def play() -> None:
        leases = Leases()
        first = Replica(leases, "first")
        await asyncio.sleep(1)
        second = Replica(leases, "second")
        await asyncio.sleep(10)
        await first.stop()
        await asyncio.sleep(3)
        assert second.leads

    simulate(play())


def test_kubernetes_that_stays_away_ends_it() -> None:
    """Issue of every long outage: whoever is started anew has a clean view. A short one is waited out."""

    async def play() -> None:
        leases = Leases()
        only = Replica(leases, "only")
        await asyncio.sleep(10)
        leases.down.add("only")
        await asyncio.sleep(55)
        leases.down.clear()
        await asyncio.sleep(10)
        assert only.leads, "a short outage"
        leases.down.add("only")
        await asyncio.sleep(70)
        assert isinstance(only.task.exception(), KubernetesError)

    simulate(play())


def test_another_leader_is_accepted_at_once() -> None:
    """Somebody else's name in the Lease is final, whatever our own clock says."""

    async def play() -> None:
        leases = Leases()
        first = Replica(leases, "first")
        await asyncio.sleep(5)
        assert leases.lease is not None
        leases.lease["spec"]["holderIdentity"] = "somebody-else"
        await asyncio.sleep(3)
        assert not first.leads

    simulate(play())

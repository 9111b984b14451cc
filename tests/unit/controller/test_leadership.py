"""The election: at most one acts at any moment, and somebody acts soon."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from chance import draw_seed
from seedjob_operator.controller import kubernetes
from seedjob_operator.controller.kubernetes import ConflictError, Kubernetes, KubernetesError, NotFoundError
from seedjob_operator.controller.leadership import LEASE_SECONDS, STOP_AFTER, Leadership, NotLeaderError
from seedjob_operator.core.shard import Shard
from unit.simulated import simulate


class Leases:
    """Leases as the API server keeps them, with their preconditions; `down` is an outage for some replicas."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
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
        await asyncio.sleep(0.01)
        name = path.rpartition("/")[2]
        if name not in self._leases.kept:
            raise NotFoundError("none")
        return self._leases.kept[name]

    async def each(self, path: str) -> AsyncIterator[dict[str, Any]]:
        self._check()
        await asyncio.sleep(0.01)
        for lease in tuple(self._leases.kept.values()):
            yield lease

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check()
        if body["metadata"]["name"] in self._leases.kept:
            raise ConflictError("it exists")
        return self._store(body)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check()
        known = self._leases.kept[body["metadata"]["name"]]
        if body["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
            raise ConflictError("changed meanwhile")
        return self._store(body)

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self._leases.version += 1
        metadata = body["metadata"] | {"resourceVersion": str(self._leases.version)}
        self._leases.kept[metadata["name"]] = {**body, "metadata": metadata}
        return self._leases.kept[metadata["name"]]


class Replica:
    def __init__(self, leases: Leases, name: str, shard: str = "0/1") -> None:
        self.changes: list[bool] = []
        self.leadership = Leadership(
            leases.seen_by(name),
            namespace="ns",
            name="lease",
            identity=name,
            on_change=self.changes.append,
            shard=Shard.parse(shard),
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


def test_when_it_is_known_who_leads() -> None:
    """The first full list waits for it, on a replica that leads, on a standby and on one that nobody answers."""

    async def play() -> None:
        leases = Leases()
        leases.down.add("cut off")
        first = Replica(leases, "first")
        assert not first.leadership.tried.is_set()
        await asyncio.wait_for(first.leadership.tried.wait(), 5.0)
        assert first.changes == [True], "what it begins with is told before"
        for name in ("second", "cut off"):
            other = Replica(leases, name)
            await asyncio.wait_for(other.leadership.tried.wait(), 5.0)
            assert not other.leads

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
        leases.kept["lease"]["spec"]["holderIdentity"] = "somebody-else"
        await asyncio.sleep(3)
        assert not first.leads

    simulate(play())


def test_the_shards_of_one_count_act_side_by_side() -> None:
    async def play() -> None:
        leases = Leases()
        shards = [Replica(leases, f"pod-{index}", f"{index}/3") for index in range(3)]
        await asyncio.sleep(5)
        assert all(shard.leads for shard in shards)
        assert sorted(leases.kept) == ["lease-0-of-3", "lease-1-of-3", "lease-2-of-3"]

    simulate(play())


def test_a_new_count_waits_until_the_last_shard_of_the_old_one_is_gone() -> None:
    """Old and new shards split the same objects differently: one object would have two owners."""

    async def play() -> None:
        leases = Leases()
        old = [Replica(leases, f"old-{index}", f"{index}/2") for index in range(2)]
        await asyncio.sleep(5)
        new = [Replica(leases, f"new-{index}", f"{index}/4") for index in range(4)]
        await asyncio.sleep(30)
        assert all(shard.leads for shard in old)
        assert not any(shard.leads for shard in new)
        await old[0].stop()
        await asyncio.sleep(30)
        assert not any(shard.leads for shard in new), "the other one still acts"
        old[1].kill()
        leases.down.add("old-1")
        await asyncio.sleep(30)
        assert all(shard.leads for shard in new), "one that died gives nothing back, its time runs out"

    simulate(play())


def test_an_unsharded_operator_and_a_shard_never_act_at_once() -> None:
    """Sharding is switched on by a rollout, while the only replica of before still acts."""

    async def play() -> None:
        leases = Leases()
        whole = Replica(leases, "whole")
        await asyncio.sleep(5)
        part = Replica(leases, "part", "0/2")
        await asyncio.sleep(20)
        assert whole.leads
        assert not part.leads
        await whole.stop()
        await asyncio.sleep(5)
        assert part.leads

    simulate(play())


def test_two_counts_never_act_at_once_whatever_comes() -> None:
    """Replicas of several counts start, stop, die and are cut off at random; two counts at once would double work."""
    seed = draw_seed()
    chance = random.Random(seed)

    async def play() -> None:
        leases = Leases()
        living: dict[str, tuple[int, Replica]] = {}
        for number in range(400):
            await asyncio.sleep(chance.uniform(0.0, 6.0))
            counts = {count for count, replica in living.values() if replica.leads}
            assert len(counts) <= 1, f"counts {counts} act at once"
            if len(living) < 6:
                count, name = chance.choice((1, 2, 3)), f"r{number}"
                living[name] = (count, Replica(leases, name, f"{chance.randrange(count)}/{count}"))
            else:
                name = chance.choice(sorted(living))
                _, replica = living.pop(name)
                if chance.random() < 0.5:
                    await replica.stop()
                else:
                    leases.down.add(name)
                    replica.kill()

    simulate(play())


@pytest.mark.parametrize("text", ["", "1", "4/4", "-1/4", "a/b", "0/0", "1/2/3"])
def test_a_shard_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write INDEX/COUNT"):
        Shard.parse(text)


def test_each_object_has_exactly_one_shard() -> None:
    """And the shards are about equal."""
    uids = [f"{number:08x}-aaaa-4bbb-8ccc-dddddddddddd" for number in range(4000)]
    shards = [Shard(index, 4) for index in range(4)]
    assert all([shard.has(uid) for shard in shards].count(True) == 1 for uid in uids)
    assert all(900 < sum(shard.has(uid) for uid in uids) < 1100 for shard in shards)


def test_which_leases_are_of_another_count() -> None:
    """Leases of other operators with names of their own, even longer ones, are not our business."""
    leases = ["op", "op-0-of-2", "op-1-of-2", "op-0-of-4", "op-b", "op-b-0-of-3", "other", "op-0-of-"]
    assert Shard(0, 2).rivals("op", leases) == ["op", "op-0-of-4"]
    assert Shard().rivals("op", leases) == ["op-0-of-2", "op-1-of-2", "op-0-of-4"]


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A kubeconfig whose context names a namespace."""
    context = {"cluster": "c", "user": "u", "namespace": "theirs"}
    known = {"clusters": [{"name": "c", "cluster": {}}], "users": [{"name": "u", "user": {}}]}
    named = {"contexts": [{"name": "x", "context": context}], "current-context": "x"}
    (tmp_path / "kubeconfig").write_text(json.dumps(known | named))
    return tmp_path / "kubeconfig"


def test_where_the_lease_is(kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas have to find the same one: where it's told, else in the kubeconfig's context, else in the pod's namespace."""
    pods = tmp_path / "namespace"
    monkeypatch.setattr(kubernetes, "_POD_NAMESPACE", pods)
    assert kubernetes.own_namespace(None, None) == "default"
    pods.write_text("pods\n")
    assert kubernetes.own_namespace("told", None) == "told"
    assert kubernetes.own_namespace(None, None) == "pods"
    assert kubernetes.own_namespace("told", kubeconfig) == "told"
    assert kubernetes.own_namespace(None, kubeconfig) == "theirs"
    kubeconfig.write_text(kubeconfig.read_text().replace("namespace", "other"))
    assert kubernetes.own_namespace(None, kubeconfig) == "default"

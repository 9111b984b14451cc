"""Who has to make room: spot jobs only, for one that is not spot, as few and as young as possible, and for it alone."""

import random

import pytest

from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.scheduler import PATIENCE, Claim, Room, plan

INVENTORY = Inventory()


def claim(
    job_id: str, gpus: int = 1, *, spot: bool = False, gpu: str = "L4", cpu: int = 8, leaving: bool = False
) -> Claim:
    need = Room(0 if gpu == "none" else gpus, cpu, 8)
    return Claim(job_id=job_id, region="us-east-1", gpu=gpu, need=need, spot=spot, leaving=leaving)


def planned(running: list[Claim], queued: list[Claim], *, now: int = 0) -> tuple[list[str], list[str]]:
    found = plan(running=running, queued=queued, inventory=INVENTORY, now=now)
    return list(found.start), list(found.preempt)


@pytest.mark.parametrize(
    ("running", "queued", "expected", "why"),
    [
        ([claim("s", 8, spot=True)], [claim("a")], ([], ["s"]), "the room is needed"),
        ([claim("s", 8, spot=True)], [claim("a", spot=True)], ([], []), "spot never takes from spot"),
        ([claim("r", 8)], [claim("a")], ([], []), "who isn't spot stays"),
        ([claim("s", 4, spot=True)], [claim("a", 4)], (["a"], []), "there is room"),
        (
            [claim("old", 4, spot=True), claim("young", 4, spot=True)],
            [claim("a", 4)],
            ([], ["young"]),
            "the youngest has done the least",
        ),
        (
            [claim("big", 7, spot=True), claim("small", 1, spot=True)],
            [claim("a", 7)],
            ([], ["big"]),
            "the small one's end would not help any more",
        ),
        ([claim("r", 4), claim("s", 4, spot=True)], [claim("a", 8)], ([], []), "not even then would it fit"),
        ([claim("s", 8, spot=True, gpu="T4")], [claim("a", 8, cpu=96)], ([], ["s"]), "its vCPUs are needed"),
        (
            [claim("r", 8, gpu="L4"), claim("s", 1, spot=True, gpu="T4")],
            [claim("a", 1)],
            ([], []),
            "another type's GPU is of no use",
        ),
        ([claim("s", 8, spot=True, leaving=True)], [claim("a")], ([], []), "one that leaves already is waited for"),
        (
            [claim("s", 8, spot=True, leaving=True)],
            [claim("a", 8), claim("b", gpu="T4", cpu=96)],
            ([], []),
            "what is left by others is for a alone, its vCPUs too",
        ),
        (
            [claim("s", 4, spot=True), claim("t", 4, spot=True)],
            [claim("a", 8)],
            ([], ["t", "s"]),
            "both have to go",
        ),
    ],
)
def test_who_has_to_go(
    running: list[Claim], queued: list[Claim], expected: tuple[list[str], list[str]], why: str
) -> None:
    assert planned(running, queued) == expected, why


def test_other_queues_may_pass_for_a_while_and_then_not_any_more() -> None:
    running, big = [claim("r", gpu="none", cpu=16)], claim("big", 1, cpu=96)
    small = claim("small", gpu="none")
    assert planned(running, [big, small], now=PATIENCE - 1)[0] == ["small"]
    assert planned(running, [big, small], now=PATIENCE)[0] == []


@pytest.mark.parametrize("seed", range(10))
def test_victims_always_make_the_room_and_none_is_spent_in_vain(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        running: list[Claim] = []
        for number in range(rng.randint(1, 8)):
            one = claim(str(number), rng.choice([1, 2, 4]), spot=rng.random() < 0.6, cpu=rng.choice([2, 16, 32]))
            if plan(running=running, queued=[one], inventory=INVENTORY, now=0).start:
                running.append(one)
        wanted = claim("wanted", rng.choice([1, 4, 8]), cpu=rng.choice([8, 64, 96]))
        _, victims = planned(running, [wanted])
        left = [one for one in running if one.job_id not in victims]
        if victims:
            assert planned(left, [wanted])[0] == ["wanted"], f"seed {seed}"
            for spared in victims:
                kept = [one for one in running if one.job_id not in victims or one.job_id == spared]
                assert planned(kept, [wanted])[0] == [], f"seed {seed}: {spared} need not have gone"

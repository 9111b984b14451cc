"""Who may start: first come, first served per region and GPU type, nobody starves, nothing is handed out twice."""

import random

import pytest

from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.scheduler import PATIENCE, Claim, Room, impossible, plan

INVENTORY = Inventory()


def startable(*, running: list[Claim], queued: list[Claim], now: int = PATIENCE) -> list[str]:
    return list(plan(running=running, queued=queued, inventory=INVENTORY, now=now).start)


def claim(job_id: str, gpus: int = 1, *, gpu: str = "L4", region: str = "us-east-1", cpu: int = 8) -> Claim:
    return Claim(job_id=job_id, region=region, gpu=gpu, need=Room(0 if gpu == "none" else gpus, cpu, 8))


@pytest.mark.parametrize(
    ("running", "queued", "expected", "why"),
    [
        ([], [claim("a"), claim("b")], ["a", "b"], "both fit"),
        ([claim("r", 8)], [claim("a")], [], "no GPU is free"),
        ([claim("r", 4)], [claim("a", 8), claim("b", 1)], [], "b came later: it may not pass a"),
        ([claim("r", 4)], [claim("a", 8), claim("b", 1, gpu="T4")], ["b"], "another GPU type is another queue"),
        ([claim("r", 4)], [claim("a", 8), claim("b", 1, region="eu-west-1")], ["b"], "another region too"),
        ([claim("r", 8)], [claim("a", 1, cpu=96), claim("b", gpu="none")], ["b"], "a can't use its vCPUs yet"),
        (
            [claim("r", gpu="none", cpu=16)],
            [claim("a", 1, cpu=96), claim("b", gpu="none")],
            [],
            "small jobs of another queue must not take for ever what a waits for",
        ),
        ([], [claim("a", 8), claim("b", 1)], ["a"], "a takes all GPUs in this very round"),
        ([claim("r", gpu="none", cpu=90)], [claim("a", gpu="none")], [], "vCPUs are counted for jobs without GPUs"),
    ],
)
def test_who_may_start(running: list[Claim], queued: list[Claim], expected: list[str], why: str) -> None:
    assert startable(running=running, queued=queued) == expected, why


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (claim("a", 16), "16 GPUs of type L4 where there are 8"),
        (claim("a", 1, cpu=97), "97 vCPUs where there are 96"),
        (Claim(job_id="a", region="us-east-1", gpu="none", need=Room(0, 2, 1024)), "1024 GB of memory"),
    ],
)
def test_what_can_never_fit_is_said(asked: Claim, words: str) -> None:
    assert words in (impossible(asked, INVENTORY) or "")


def test_what_fits_an_empty_region_is_possible() -> None:
    assert impossible(claim("a", 8, cpu=96), INVENTORY) is None


@pytest.mark.parametrize("seed", range(20))
def test_capacity_is_never_exceeded_and_everyone_gets_a_turn(seed: int) -> None:
    """Random jobs come and go: at each moment what runs fits, each queue keeps its order, and in the end all have run."""
    rng = random.Random(seed)
    kinds = [("L4", 8), ("T4", 8), ("none", 0)]
    waiting = []
    for number in range(60):
        gpu, most = rng.choice(kinds)
        gpus = rng.randint(1, most) if most else 0
        waiting.append(claim(str(number), gpus, gpu=gpu, cpu=rng.choice([2, 8, 64, 96])))
    running: list[Claim] = []
    order: dict[str, list[int]] = {}
    for _ in range(2000):
        for job_id in startable(running=running, queued=waiting):
            started = next(one for one in waiting if one.job_id == job_id)
            waiting.remove(started)
            running.append(started)
            order.setdefault(started.gpu, []).append(int(job_id))
        assert sum(one.need.cpu for one in running) <= 96, f"seed {seed}"
        for gpu, _most in kinds:
            assert sum(one.need.gpus for one in running if one.gpu == gpu) <= 8, f"seed {seed}"
        if not running:
            break
        running.remove(rng.choice(running))
    assert not waiting, f"seed {seed}: {waiting}"
    assert all(numbers == sorted(numbers) for numbers in order.values()), f"seed {seed}: {order}"

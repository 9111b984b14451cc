"""Prices and what a run costs: decimals, billed per second."""

from dataclasses import replace
from decimal import Decimal

import pytest

from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.pricing import GPU_HOUR, cost_per_hour

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("gpu", "count", "nodes", "spot", "expected", "why"),
    [
        ("A100-80GB", 4, 1, False, "12.80", "the contract's own example"),
        ("A100-80GB", 4, 2, False, "25.60", "the whole job's, all nodes"),
        ("A100-80GB", 4, 1, True, "5.12", "the spot discount"),
        ("none", 1, 1, False, "0.40", "8 vCPUs without a GPU"),
    ],
)
def test_price_of_an_hour(*, gpu: str, count: int, nodes: int, spot: bool, expected: str, why: str) -> None:
    price = cost_per_hour(gpu=gpu, gpu_count=count, cpu=8, num_nodes=nodes, spot=spot)
    assert str(price) == expected, why


def test_each_gpu_of_the_contract_has_a_price() -> None:
    assert set(GPU_HOUR) | {"none"} == set(CreateJob.GPU_TYPES)


def test_a_run_is_billed_per_begun_second() -> None:
    request = CreateJob(name="a", command="x", image="x", gpu="A100-80GB", gpu_count=4)
    record = new_record("acme", request, now=0)
    assert record.runtime_seconds(now=99 * SECOND) == 0, "queued jobs cost nothing"
    assert record.total_cost(now=99 * SECOND) == 0
    running = replace(record, started_at=10 * SECOND, resumed_at=10 * SECOND)
    assert running.runtime_seconds(now=20 * SECOND) == 10
    assert running.runtime_seconds(now=20 * SECOND + 1) == 11
    assert running.total_cost(now=3610 * SECOND) == Decimal("12.8000")
    ended = replace(running, completed_at=19 * SECOND)
    assert str(ended.total_cost(now=10**15)) == "0.0320", "the clock of the end counts, not now"


def test_what_a_request_leaves_out_has_the_contracts_default() -> None:
    record = new_record("acme", CreateJob(name="a", command="x", image="x", gpu="T4"), now=7)
    defaults = (record.gpu_count, record.cpu, record.memory_gb, record.disk_gb, record.region, record.num_nodes)
    assert defaults == (1, 8, 32, 100, "us-east-1", 1)
    assert (record.timeout_minutes, record.max_retries, record.spot, record.created_at) == (1440, 0, False, 7)

"""The inventory file: what it changes, what it leaves as it is, and what is refused with its place."""

import json
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.inventory import Inventory, InventoryError, read_inventory
from seedjob_operator.seedserver.scheduler import claim_of, impossible


def read(path: Path, text: str) -> Inventory:
    path.write_text(text)
    return read_inventory(path)


def why_not(inventory: Inventory, **fields: object) -> str | None:
    body = {"name": "a", "command": "x", "image": "x", "gpu": "L4"} | fields
    return impossible(claim_of(new_record("acme", CreateJob.model_validate(body), now=0)), inventory)


def test_the_default_refuses_no_single_node_of_the_contract() -> None:
    for gpu in CreateJob.GPU_TYPES:
        counts = {} if gpu == "none" else {"gpu_count": 8}
        assert why_not(Inventory(), gpu=gpu, cpu=96, memory_gb=512, **counts) is None
        assert why_not(Inventory(), gpu=gpu, cpu=2, memory_gb=512, **counts) is None


def test_what_a_file_says_counts_and_the_rest_has_its_default(tmp_path: Path) -> None:
    text = "regions:\n  eu-west-1: {gpus: {L4: 2}, cpu: 8}\nmachines:\n  L4: {gpu_count: 4, cpu: 32}\n"
    inventory = read(tmp_path / "i", text)
    assert why_not(inventory, region="eu-west-1") is None
    assert "4 GPUs of type L4 where there are 2" in (why_not(inventory, region="eu-west-1", gpu_count=4) or "")
    assert "one node needs 64 vCPUs where there are 32" in (why_not(inventory, region="eu-west-1", cpu=64) or "")
    assert "where there are 0" in (why_not(inventory, region="us-east-1") or ""), (
        "a region that isn't named has nothing"
    )
    shown = json.loads(inventory.published())
    assert shown["regions"]["eu-west-1"] == {
        "gpus": {"A100-40GB": 8, "A100-80GB": 8, "H100-80GB": 8, "L4": 2, "T4": 8},
        "cpu": 8,
        "memory_gb": 512,
    }
    assert shown["machines"]["L4"] == {"gpu_count": 4, "cpu": 32, "memory_gb": 512}


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert read(tmp_path / "i", "") == Inventory()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("regions: {mars: {}}", "regions.mars"),
        ("regions: {us-east-1: {cpu: -1}}", "regions.us-east-1.cpu"),
        ("regions: {us-east-1: {cpus: 1}}", "regions.us-east-1.cpus: extra"),
        ("machines: {L4: {cpu: many}}", "machines.L4.cpu"),
        ("a: [", "is not YAML"),
        ("- 1", "the file"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InventoryError, match=words):
        read(tmp_path / "i", text)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="can't be read"):
        read_inventory(tmp_path / "nowhere")

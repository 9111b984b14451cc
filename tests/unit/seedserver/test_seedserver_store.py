"""The records: what was written is read again, names are unique, pages are exact, samples stay few."""

import itertools
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import CreateJob, JobSort, JobStatus, SortOrder
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.records import JobRecord, Sample, StoredArtifacts
from seedjob_operator.seedserver.store import MOST_SAMPLES, NameTakenError, Store, StoreError


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "seed.sqlite")
    yield opened
    await opened.close()


def job(name: str, *, now: int = 1, namespace: str = "acme") -> JobRecord:
    return new_record(namespace, CreateJob(name=name, command="x", image="x", gpu="L4", env={"A": "b"}), now=now)


def modes_in(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


async def test_a_record_comes_back_as_it_was(store: Store) -> None:
    kept = StoredArtifacts(location="/s/a", size_bytes=3, file_count=1)
    record = replace(job("a"), artifacts=kept, cancel_requested=True, spot=True, cost_per_hour=Decimal("12.80"))
    await store.add(record)
    assert store.get("acme", "a") == record
    assert store.get_by_id(record.id) == record
    assert store.get("other", "a") is None


async def test_all_files_of_the_records_are_their_owners_alone(store: Store, tmp_path: Path) -> None:
    """Environments are secrets, and the data folder may be one that others can look into."""
    await store.add(job("a"))
    assert modes_in(tmp_path) == dict.fromkeys(("seed.sqlite", "seed.sqlite-wal", "seed.sqlite-shm"), "0o600")


async def test_a_taken_name_changes_nothing(store: Store) -> None:
    first = job("a")
    await store.add(first)
    with pytest.raises(NameTakenError):
        await store.add(job("a"))
    await store.add(job("a", namespace="other"))
    assert [entry.job_id for entry in store.ledger() if entry.namespace == "acme"] == [first.id]


async def test_a_change_needs_the_expected_status(store: Store) -> None:
    record = job("a")
    await store.add(record)
    assert not await store.update(record.id, expected=JobStatus.RUNNING, exit_code=1)
    assert await store.update(record.id, expected=JobStatus.QUEUED, status=JobStatus.RUNNING, started_at=5)
    assert not await store.update(record.id, expected=JobStatus.QUEUED, status=JobStatus.CANCELLED)
    assert not await store.remove(record.id), "only ended jobs are removed"
    assert await store.update(record.id, expected=JobStatus.RUNNING, status=JobStatus.FAILED, exit_code=2, env={})
    found = store.get("acme", "a")
    assert found is not None
    assert (found.status, found.started_at, found.exit_code, found.env) == (JobStatus.FAILED, 5, 2, {})
    assert await store.remove(record.id)
    assert store.get("acme", "a") is None
    assert [entry.name for entry in store.ledger()] == ["a"], "the ledger keeps what was accepted"


async def test_jobs_of_the_same_moment_have_one_order_over_all_pages(store: Store) -> None:
    for number in range(25):
        await store.add(job(f"j{number:02}", now=7))
    for sort, order in itertools.product(JobSort, SortOrder):
        seen = []
        for offset in range(0, 30, 10):
            records, total = store.page("acme", status=None, sort=sort, order=order, offset=offset, limit=10)
            assert total == 25
            seen += [record.name for record in records]
        assert seen == sorted(seen, reverse=order is SortOrder.DESC)
        assert len(set(seen)) == 25


async def test_samples_stay_few_and_figures_are_of_all(store: Store) -> None:
    record = job("a")
    await store.add(record)
    for second in range(MOST_SAMPLES * 3):
        sample = Sample(at=second, cpu=float(second % 2), memory_gb=second / 1000)
        await store.add_samples({record.id: sample}, {})
    samples = store.samples(record.id)
    assert MOST_SAMPLES / 2 <= len(samples) <= MOST_SAMPLES
    assert [sample.at for sample in samples] == sorted(sample.at for sample in samples)
    assert samples[0].at == 0, "the series still begins at the beginning"
    usage = store.usage(record.id)
    assert usage.samples == MOST_SAMPLES * 3
    assert usage.cpu_average == pytest.approx(0.5)
    assert usage.memory_max_gb == usage.memory_last_gb == (MOST_SAMPLES * 3 - 1) / 1000


async def test_gpu_figures_are_of_the_moments_on_a_gpu(store: Store) -> None:
    """A job may load its data first, and leave the GPU before its end."""
    record = job("a")
    await store.add(record)
    seen = [(None, None), (80.0, 3.0), (40.0, 5.0), (None, None)]
    for second, (gpu, memory) in enumerate(seen):
        sample = Sample(at=second, cpu=1.0, memory_gb=1.0, gpu=gpu, gpu_memory_gb=memory)
        await store.add_samples({record.id: sample}, {})
    usage = store.usage(record.id)
    assert (usage.gpu_average, usage.gpu_max, usage.gpu_last) == (60.0, 80.0, None)
    assert (usage.gpu_memory_max_gb, usage.gpu_memory_last_gb) == (5.0, None)
    assert [sample.gpu for sample in store.samples(record.id)] == [None, 80.0, 40.0, None]


async def test_the_whole_runs_figures_win_but_a_sampled_peak_stays(store: Store) -> None:
    record = job("a")
    await store.add(record)
    await store.add_samples({record.id: Sample(at=1, cpu=10.0, memory_gb=2.0)}, {})
    await store.set_usage(record.id, cpu_average=55.0, memory_gb=1.0)
    usage = store.usage(record.id)
    assert (usage.cpu_average, usage.memory_max_gb, usage.cpu_last) == (55.0, 2.0, 10.0)


async def test_figures_go_with_their_job_and_late_ones_are_dropped(store: Store) -> None:
    record = job("a")
    await store.add(record)
    sample = {record.id: Sample(at=1, cpu=10.0, memory_gb=2.0)}
    await store.add_samples(sample, {record.id: "Epoch 1/2"})
    assert (store.get("acme", "a") or record).progress is None, "only a running job's progress is told"
    await store.update(record.id, expected=JobStatus.QUEUED, status=JobStatus.CANCELLED)
    await store.remove(record.id)
    await store.add_samples(sample, {record.id: "Epoch 2/2"})
    assert store.samples(record.id) == []
    assert store.usage(record.id).samples == 0


async def test_records_of_another_version_are_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "seed.sqlite") as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreError, match=r"version 99.*--data"):
        Store(tmp_path / "seed.sqlite")

"""The records: SQLite in WAL mode, with one thread that writes and a connection of the event loop's that reads.

A write is committed before anyone is told of it. Reads are short and by index, so they stay on the event loop.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, TypeVar

from seedjob_operator.seedapi.wire import JobSort, JobStatus, SortOrder
from seedjob_operator.seedserver.records import JobRecord, ListedRecord, Sample, Usage
from seedjob_operator.seedserver.rows import listed_of, record_of, row_of, stored
from seedjob_operator.seedserver.schema import SCHEMA, VERSION

_T = TypeVar("_T")
_LISTED: Final = ", ".join(field.name for field in fields(ListedRecord))
_ALL: Final = ", ".join(field.name for field in fields(JobRecord))
_PLACES: Final = ", ".join(f":{field.name}" for field in fields(JobRecord))
_ORDERS: Final = {
    (sort, order): f"{sort.value} {order.value}, seq {order.value}" for sort in JobSort for order in SortOrder
}
MOST_SAMPLES: Final = 600
"""Samples that are kept of a job; when there would be more, every second one is dropped."""


class StoreError(Exception):
    """The records can't be used. The message is one line that says what to do."""


class NameTakenError(Exception):
    """A job of that name exists in the namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """An accepted create."""

    namespace: str
    name: str
    job_id: str
    created_at: int


class Store:
    """All records of one data folder. `barrier` is called before and after each commit, by name: tests crash there.

    Raises:
        StoreError: they were written by another version of this server.
    """

    def __init__(self, path: Path, *, barrier: Callable[[str], None] = lambda _: None) -> None:
        self._barrier = barrier
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seed-writer")
        path.touch(mode=0o600)  # SQLite gives the files beside it, which have the same secrets, the same mode
        path.chmod(0o600)
        self._writer = _connect(path)
        try:
            _prepare(self._writer)
        except BaseException:
            self._writer.close()
            raise
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only = ON")
        self._emptied, self._forgotten = 1, 0  # an earlier server may have been killed before it forgot

    async def close(self) -> None:
        """Finish what is being written, and close."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()
        self._reader.close()

    async def _write(self, change: Callable[[sqlite3.Connection], _T]) -> _T:
        def transaction() -> _T:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = change(self._writer)
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._barrier("before")
            self._writer.execute("COMMIT")
            self._barrier("after")
            return result

        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)

    # --- changes ---

    async def add(self, record: JobRecord) -> None:
        """Add a new job and its row in the ledger, both or neither.

        Raises:
            NameTakenError: the namespace has a job of that name.
        """
        entry = LedgerEntry(
            namespace=record.namespace, name=record.name, job_id=record.id, created_at=record.created_at
        )

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(f"INSERT INTO jobs ({_ALL}) VALUES ({_PLACES})", row_of(record))  # noqa: S608  # our own names
            connection.execute(
                "INSERT INTO ledger (namespace, name, job_id, created_at)"
                " VALUES (:namespace, :name, :job_id, :created_at)",
                asdict(entry),
            )

        try:
            await self._write(change)
        except sqlite3.IntegrityError as error:
            raise NameTakenError(record.name) from error

    async def update(self, job_id: str, *, expected: JobStatus, **changes: object) -> bool:
        """Change a job's fields if it has the expected status; False if it hasn't."""
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        statement = f"UPDATE jobs SET {columns} WHERE id = :job_id AND status = :expected"  # noqa: S608  # our own names
        values = {name: stored(value) for name, value in changes.items()}
        values |= {"job_id": job_id, "expected": expected.value}
        changed = bool(await self._write(lambda connection: connection.execute(statement, values).rowcount))
        self._emptied += changed and "env" in changes
        return changed

    async def forget(self) -> None:
        """Let no file have the environments of ended jobs any more: what the tables lost is still in the log of writes."""
        emptied = self._emptied
        if emptied == self._forgotten:
            return

        def checkpoint() -> bool:
            (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

        if await asyncio.get_running_loop().run_in_executor(self._thread, checkpoint):
            self._forgotten = emptied

    async def remove(self, job_id: str) -> bool:
        """Remove an ended job's record; False if it isn't there, or hasn't ended."""
        statement = "DELETE FROM jobs WHERE id = ? AND status NOT IN ('queued', 'running')"
        return bool(await self._write(lambda connection: connection.execute(statement, (job_id,)).rowcount))

    async def add_samples(self, samples: Mapping[str, Sample], progress: Mapping[str, str]) -> None:
        """Add what running jobs use and tell at this moment, in one go."""

        def change(connection: sqlite3.Connection) -> None:
            for job_id, sample in samples.items():
                _add_sample(connection, job_id, sample)
            connection.executemany(
                "UPDATE jobs SET progress = ? WHERE id = ? AND status = 'running'",
                [(text, job_id) for job_id, text in progress.items()],
            )

        if samples or progress:
            await self._write(change)

    async def set_usage(self, job_id: str, *, cpu_average: float | None, memory_gb: float | None) -> None:
        """Set what a whole run has used, as its ended processes were counted; a sampled peak stays if it is more."""
        statement = (
            "INSERT INTO usage (job_id, samples, cpu_average, memory_max_gb) SELECT id, 0, :cpu, :memory"
            " FROM jobs WHERE id = :job_id ON CONFLICT (job_id) DO UPDATE SET cpu_average = :cpu,"
            " memory_max_gb = max(ifnull(memory_max_gb, 0), ifnull(:memory, 0))"
        )
        values = {"job_id": job_id, "cpu": cpu_average, "memory": memory_gb}
        await self._write(lambda connection: connection.execute(statement, values))

    # --- reads ---

    def get(self, namespace: str, name: str) -> JobRecord | None:
        """Give a job by its name."""
        query = f"SELECT {_ALL} FROM jobs WHERE namespace = ? AND name = ?"  # noqa: S608  # our own names
        row = self._reader.execute(query, (namespace, name)).fetchone()
        return None if row is None else record_of(row)

    def get_by_id(self, job_id: str) -> JobRecord | None:
        """Give a job by its id."""
        row = self._reader.execute(f"SELECT {_ALL} FROM jobs WHERE id = ?", (job_id,)).fetchone()  # noqa: S608  # as above
        return None if row is None else record_of(row)

    def status(self, job_id: str) -> JobStatus | None:
        """Give a job's status by its id."""
        row = self._reader.execute("SELECT status FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else JobStatus(row[0])

    def active(self) -> list[JobRecord]:
        """Give all jobs that have not ended, in the order in which they were queued."""
        query = f"SELECT {_ALL} FROM jobs WHERE status IN ('queued', 'running') ORDER BY queued_at, seq"  # noqa: S608  # our own names
        return [record_of(row) for row in self._reader.execute(query)]

    def ids(self) -> set[str]:
        """Give the ids of all jobs."""
        return {job_id for (job_id,) in self._reader.execute("SELECT id FROM jobs")}

    def page(
        self, namespace: str, *, status: JobStatus | None, sort: JobSort, order: SortOrder, offset: int, limit: int
    ) -> tuple[list[ListedRecord], int]:
        """Give a part of a namespace's jobs, and how many there are in all. A time that isn't known yet sorts first."""
        where = "namespace = :namespace" + ("" if status is None else " AND status = :status")
        values = {"namespace": namespace, "status": status, "limit": limit, "offset": offset}
        ordered = f"ORDER BY {_ORDERS[sort, order]} LIMIT :limit OFFSET :offset"
        query = f"SELECT {_LISTED} FROM jobs WHERE {where} {ordered}"  # noqa: S608  # our own names and placeholders
        rows = self._reader.execute(query, values).fetchall()
        (total,) = self._reader.execute(f"SELECT count(*) FROM jobs WHERE {where}", values).fetchone()  # noqa: S608  # as above
        return [listed_of(row) for row in rows], total

    def usage(self, job_id: str) -> Usage:
        """Give what a job has used so far."""
        names = ", ".join(field.name for field in fields(Usage))
        row = self._reader.execute(f"SELECT {names} FROM usage WHERE job_id = ?", (job_id,)).fetchone()  # noqa: S608  # our own names
        return Usage() if row is None else Usage(**row)

    def samples(self, job_id: str) -> list[Sample]:
        """Give a job's samples, oldest first."""
        query = "SELECT at, cpu, memory_gb, gpu FROM samples WHERE job_id = ? ORDER BY at"
        return [Sample(**row) for row in self._reader.execute(query, (job_id,))]

    def last_sample_at(self, job_id: str) -> int | None:
        """Give when a job's processes were last looked at; None if they never were."""
        (at,) = self._reader.execute("SELECT max(at) FROM samples WHERE job_id = ?", (job_id,)).fetchone()
        return None if at is None else int(at)

    def ledger(self) -> list[LedgerEntry]:
        """Give all accepted creates, also of jobs whose record is gone, oldest first."""
        query = "SELECT namespace, name, job_id, created_at FROM ledger ORDER BY seq"
        return [LedgerEntry(**row) for row in self._reader.execute(query)]


def _connect(path: Path) -> sqlite3.Connection:
    # Each connection is used by one thread at a time; the writer is made in one and used in another.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    # NORMAL survives the end of this process at any moment; a power cut may cost the last writes, but no more.
    # What is removed is overwritten: environments are secrets, and are emptied at a job's end.
    pragmas = ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "foreign_keys = ON")
    for pragma in (*pragmas, "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version != 0:
        raise StoreError(
            f"the records in the data folder have version {version}, this server writes version {VERSION}:"
            " give another folder with --data, or remove this one"
        )
    with closing(connection.cursor()) as cursor:
        cursor.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def _add_sample(connection: sqlite3.Connection, job_id: str, sample: Sample) -> None:
    statement = (
        "INSERT INTO usage SELECT id, 1, :cpu, :cpu, :memory, :memory,"
        " :gpu IS NOT NULL, :gpu, :gpu, :gpu, :gpu_memory, :gpu_memory FROM jobs WHERE id = :job_id"
        " ON CONFLICT (job_id) DO UPDATE SET cpu_average = (ifnull(cpu_average, 0) * samples + :cpu) / (samples + 1),"
        " cpu_last = :cpu, memory_max_gb = max(ifnull(memory_max_gb, 0), :memory), memory_last_gb = :memory,"
        " samples = samples + 1,"
        " gpu_average = CASE WHEN :gpu IS NULL THEN gpu_average"
        " ELSE (ifnull(gpu_average, 0) * gpu_samples + :gpu) / (gpu_samples + 1) END,"
        " gpu_samples = gpu_samples + (:gpu IS NOT NULL), gpu_max = max(ifnull(gpu_max, :gpu), ifnull(:gpu, gpu_max)),"
        " gpu_last = :gpu, gpu_memory_max_gb = max(ifnull(gpu_memory_max_gb, :gpu_memory),"
        " ifnull(:gpu_memory, gpu_memory_max_gb)), gpu_memory_last_gb = :gpu_memory"
    )
    values = {"job_id": job_id, "cpu": sample.cpu, "memory": sample.memory_gb, "at": sample.at}
    values |= {"gpu": sample.gpu, "gpu_memory": sample.gpu_memory_gb}
    connection.execute(statement, values)
    connection.execute(
        "INSERT OR IGNORE INTO samples SELECT id, :at, :cpu, :memory, :gpu FROM jobs WHERE id = :job_id", values
    )
    (kept,) = connection.execute("SELECT count(*) FROM samples WHERE job_id = ?", (job_id,)).fetchone()
    if kept > MOST_SAMPLES:
        connection.execute(
            "DELETE FROM samples WHERE job_id = :job_id AND at IN (SELECT at FROM"
            " (SELECT at, row_number() OVER (ORDER BY at) AS place FROM samples WHERE job_id = :job_id)"
            " WHERE place % 2 = 0)",
            values,
        )

"""Many clients of the local Seed server at once, each doing a bit of everything; in the end their books are compared.

Nothing may be lost or doubled: what a client was told must be so then and there, and in the end the server's ledger, its
records and the jobs' own logs must say what the clients' books say.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from benchmarks.seed_stage import Seed
from seedjob_operator.seedapi import wire

_ENDED = frozenset({"succeeded", "failed", "cancelled", "timed_out"})
_LOOKS = 3
_LOGS_READ = 300


@dataclass
class Books:
    """What the clients were told: accepted jobs by name with their ids, and which were cancelled or deleted."""

    accepted: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, *allowed: object) -> None:
        """Note what isn't as it must be."""
        if found not in allowed:
            self.wrong.append(f"{what}: {found!r} where it must be {' or '.join(map(repr, allowed))}")


async def run(seed: Seed, *, clients: int, seconds: float, rng: random.Random) -> Books:
    """Let clients loose for a while, wait for the jobs' ends, and compare."""
    books, until = Books(), time.monotonic() + seconds
    lives = [_Client(seed, books, f"c{index}", random.Random(rng.random()), until) for index in range(clients)]  # noqa: S311  # no secret
    await asyncio.gather(*(client.live() for client in lives))
    await seed.until_none_is_active()
    await _compare(seed, books)
    return books


class _Client:
    def __init__(self, seed: Seed, books: Books, name: str, rng: random.Random, until: float) -> None:
        self._seed, self._books, self._name, self._rng, self._until = seed, books, name, rng, until

    async def live(self) -> None:
        number = 0
        while time.monotonic() < self._until:
            number += 1
            await self._one_job(f"{self._name}-{number}")

    async def _ask(self, operation: str, method: str, template: str, name: str = "", **more: Any) -> Any:
        answer = await self._seed.ask(method, template, name, **more)
        self._books.answers[f"{operation} {answer.status}"] += 1
        return answer

    async def _one_job(self, name: str) -> None:
        """Create a job, and look at it in each way that there is."""
        books = self._books
        body = {"name": name, "command": "echo ran", "gpu": "none", "image": "x", "cpu": 2, "memory_gb": 8}
        created = await self._ask("create", "POST", wire.CREATE_JOB, body=body)
        books.expect(f"create {name}", created.status, HTTPStatus.CREATED)
        if created.status != HTTPStatus.CREATED:
            return
        books.accepted[name] = created.body["id"]
        again = await self._ask("create", "POST", wire.CREATE_JOB, body=body)
        books.expect(f"create {name} again", again.status, HTTPStatus.CONFLICT)
        if self._rng.random() < 0.5:  # every second one
            await self._cancel(name)
        page = await self._ask("list", "GET", wire.LIST_JOBS, query={"per_page": 20})
        ids = [job["id"] for job in page.body["data"]]
        books.expect("jobs that are twice on a page", len(ids) - len(set(ids)), 0)
        await self._ask("logs", "GET", wire.GET_LOGS, name)
        for _ in range(_LOOKS):
            job = (await self._ask("get", "GET", wire.GET_JOB, name)).body
            books.expect(f"id of {name}", job.get("id"), books.accepted[name])
            if job.get("status") in _ENDED:
                await self._delete(name)
                return

    async def _cancel(self, name: str) -> None:
        answer = await self._ask("cancel", "POST", wire.CANCEL_JOB, name)
        self._books.expect(f"cancel {name}", answer.status, HTTPStatus.OK, HTTPStatus.CONFLICT)
        if answer.status == HTTPStatus.OK:
            self._books.cancelled.add(name)

    async def _delete(self, name: str) -> None:
        answer = await self._ask("delete", "DELETE", wire.DELETE_JOB, name)
        self._books.expect(f"delete {name}", answer.status, HTTPStatus.NO_CONTENT)
        self._books.deleted.add(name)
        gone = await self._ask("get", "GET", wire.GET_JOB, name)
        self._books.expect(f"get {name}, which is deleted", gone.status, HTTPStatus.NOT_FOUND)


async def _compare(seed: Seed, books: Books) -> None:
    rows = (await seed.control("ledger"))["creates"]
    books.expect("accepted twice", {name: n for name, n in Counter(row["name"] for row in rows).items() if n > 1}, {})
    _same(books, "the ledger", {row["name"]: row["job_id"] for row in rows}, books.accepted)
    jobs = await _all_jobs(seed)
    left = {name: job_id for name, job_id in books.accepted.items() if name not in books.deleted}
    _same(books, "the records", {job["name"]: job["id"] for job in jobs}, left)
    for job in jobs:
        # A cancel may come when the command has ended, and is accepted then.
        allowed = ("cancelled", "succeeded") if job["name"] in books.cancelled else ("succeeded",)
        books.expect(f"status of {job['name']}", job["status"], *allowed)
    ran = [job["name"] for job in jobs if job["status"] == "succeeded"]
    for name in ran[:_LOGS_READ]:
        log = (await seed.ask("GET", wire.GET_LOGS, name)).body["data"]
        books.expect(f"runs of {name}", sum(line["message"] == "ran" for line in log), 1)


def _same(books: Books, what: str, found: dict[str, str], expected: dict[str, str]) -> None:
    different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    books.expect(f"{what}, {len(different)} jobs", different[:5], [])


async def _all_jobs(seed: Seed) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = []
    with contextlib.suppress(StopAsyncIteration):
        for number in range(1, 10_000):
            query = {"page": number, "per_page": 100, "sort": "name", "order": "asc"}
            page = (await seed.ask("GET", wire.LIST_JOBS, query=query)).body["data"]
            if not page:
                break
            jobs += page
    return jobs

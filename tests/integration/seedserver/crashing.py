"""Lives of a platform that is killed before or after its n-th commit: `python -m integration.seedserver.crashing FOLDER`.

Each life is a fork, because a start of Python for each would take most of the time. Prints one line of JSON a plan.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.platform import NoSuchJobError, Platform, WrongStateError
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.store import NameTakenError, Store

_ENDS = "a-ends", "b-is-cancelled", "c-is-preempted"


class Barrier:
    """Counts commits, and kills this process before or after one."""

    def __init__(self, at: int, when: str) -> None:
        self.commits, self._at, self._when = 0, at, when

    def __call__(self, when: str) -> None:
        if (self.commits, when) == (self._at, self._when):
            os.kill(os.getpid(), signal.SIGKILL)
        self.commits += when == "after"


async def story(folder: Path, barrier: Barrier) -> list[dict[str, object]]:
    """Live until all jobs have ended: what was asked for before, and perhaps unanswered, is asked for again."""
    folders = Folders(folder / "data")
    folders.prepare()
    launcher = Launcher(repos=None, git_config=folders.git_config, grace_seconds=1, time_scale=1)
    store = Store(folders.records, barrier=barrier)
    platform = Platform(store=store, folders=folders, launcher=launcher, inventory=Inventory())
    await platform.start()
    ran = folder / "ran"
    await _create(platform, _ENDS[0], f"echo a >> {ran}; exit 3")
    await _create(platform, _ENDS[1], f"echo b >> {ran}; exec sleep 60")
    await _create(
        platform, _ENDS[2], f"echo c >> {ran}; [ $(grep -c c {ran}) -gt 1 ] || exec sleep 60; exit 4", spot=True
    )
    await _until_said(ran, "b")
    await _cancel(platform, _ENDS[1])
    await _until_said(ran, "c")
    if platform.find("acme", _ENDS[2]).retry_count == 0:
        await _preempt(platform, _ENDS[2])
    records = [await _ended(platform, name) for name in _ENDS]
    ledger = [entry.name for entry in store.ledger()]
    await platform.close(end_jobs=False)
    said = sorted(ran.read_text().split())
    jobs = [(record.name, record.status.value, record.exit_code, record.retry_count) for record in records]
    return [{"jobs": jobs, "ran": said, "ledger": sorted(ledger), "commits": barrier.commits}]


async def _create(platform: Platform, name: str, command: str, *, spot: bool = False) -> None:
    job = CreateJob(name=name, command=command, image="x", gpu="none", cpu=2, spot=spot, max_retries=1 if spot else 0)
    try:
        await platform.create("acme", job)
    except NameTakenError:
        return


async def _cancel(platform: Platform, name: str) -> None:
    try:
        await platform.cancel("acme", name)
    except WrongStateError:
        return


async def _preempt(platform: Platform, name: str) -> None:
    try:
        await platform.preempt("acme", name)
    except (WrongStateError, NoSuchJobError):
        return


async def _until(what: str, look: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(120):
            while not look():  # noqa: ASYNC110  # files and records are polled, as by users
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(what) from None


async def _until_said(ran: Path, word: str) -> None:
    await _until(f"{word} has run", lambda: ran.exists() and word in ran.read_text())


async def _ended(platform: Platform, name: str) -> JobRecord:
    await _until(f"{name} has ended", lambda: platform.find("acme", name).status.terminal)
    return platform.find("acme", name)


def live(folder: Path, at: int, when: str) -> bool:
    """Live once, in a process of its own; whether it lived to the end, which it prints."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    try:
        for line in asyncio.run(story(folder, Barrier(at, when))):
            print(json.dumps({"at": at, "when": when} | line), flush=True)
    except BaseException as error:  # noqa: BLE001  # a fork must never go on as its parent
        print(folder, repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def main(root: Path) -> None:
    """Crash at every commit, on both sides of it, until there are no more; after each crash live again to the end."""
    for when in ("before", "after"):
        for at in range(100):
            folder = root / f"{when}-{at}"
            folder.mkdir()
            if live(folder, at, when):
                break
            live(folder, -1, when)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

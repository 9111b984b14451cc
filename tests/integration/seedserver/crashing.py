"""Lives of a platform that is killed: `python -m integration.seedserver.crashing FOLDER commits|writes|supervisors SEED`.

At every commit, on both sides of it; or at every place in the code at which the server, or a supervisor, changes files:
`writes` finds them by itself, and the seed chooses which time at each. After each crash it lives again to the end. Each life is a fork, because a start of Python
for each would take most of the time. Prints a line of JSON with the places at which it will kill, and one for each life that
came to its end.
"""

import asyncio
import json
import math
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from integration.seedserver import writes
from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver import launch
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.platform import NoSuchJobError, Platform, WrongStateError
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.secretfile import read_or_make
from seedjob_operator.seedserver.store import Store

SECRET = "s3cr3t-of-a-job"  # a made-up one, to be looked for
_LOG_LIMIT = 1 << 16
_WORKERS = 2
_KILLED = -signal.SIGKILL
_NAMES = "a-ends", "b-is-cancelled", "c-is-preempted"
_DELETED = "d-is-deleted"
_TESTS = Path(__file__).parents[2]


class Barrier:
    """Counts commits, and kills this process before or after one."""

    def __init__(self, at: int = -1, when: str = "") -> None:
        self.commits, self._at, self._when = 0, at, when

    def __call__(self, when: str) -> None:
        if (self.commits, when) == (self._at, self._when):
            os.kill(os.getpid(), signal.SIGKILL)
        self.commits += when == "after"


def _platform(folder: Path, barrier: Barrier) -> Platform:
    folders = Folders(folder / "data")
    folders.prepare()
    assert read_or_make(folders.token, lambda: "made")
    launcher = launch.Launcher(
        repos=None, git_config=folders.git_config, grace_seconds=10, time_scale=1, log_limit=_LOG_LIMIT
    )
    store = Store(folders.records, barrier=barrier)
    return Platform(store=store, folders=folders, launcher=launcher, inventory=Inventory())


async def story(folder: Path, barrier: Barrier) -> dict[str, object]:
    """Live until all jobs have ended: what was asked for before, and perhaps unanswered, is asked for again."""
    platform = _platform(folder, barrier)
    await platform.start()
    ran = folder / "ran"
    fails = f"echo a >> {ran}; mkdir -p out/deep; echo 1 > out/deep/f; ln -s / out/l; exit 3"
    await _create(platform, _NAMES[0], fails, artifacts_path="out", max_retries=1)
    await _create(platform, _NAMES[1], f"echo b >> {ran}; exec sleep 60")
    again = f"echo c >> {ran}; [ $(grep -c c {ran}) -gt 1 ] || exec sleep 60; echo 1 > f; exit 4"
    await _create(platform, _NAMES[2], again, spot=True, max_retries=1, artifacts_path="f")
    await _create(platform, _DELETED, f"echo d >> {ran}; mkdir -p x/y; echo 1 > f", artifacts_path="f")
    await _until_said(ran, "b")
    await _again(platform.cancel("acme", _NAMES[1]))
    await _until_said(ran, "c")
    if platform.find("acme", _NAMES[2]).retry_count == 0:
        await _again(platform.preempt("acme", _NAMES[2]))
    await _until(
        f"{_DELETED} has ended", lambda: (job := platform.store.get("acme", _DELETED)) is None or job.status.terminal
    )
    await _again(platform.delete("acme", _DELETED, delete_artifacts=True))
    records = [await _ended(platform, name) for name in _NAMES]
    ledger = [entry.name for entry in platform.store.ledger()]
    await platform.close(end_jobs=False)
    jobs = [(record.name, record.status.value, record.exit_code, record.retry_count) for record in records]
    kept = [0 if record.artifacts is None else record.artifacts.file_count for record in records]
    return {"jobs": jobs, "ran": _said(ran), "ledger": ledger, "kept": kept, "left": _left(folder / "data", records)}


async def solo(folder: Path, barrier: Barrier) -> dict[str, object]:
    """Live until one job has ended, whose supervisor does all that one does."""
    platform = _platform(folder, barrier)
    await platform.start()
    await _create(platform, _NAMES[0], f"echo a >> {folder / 'ran'}; seq 1 9000; exit 3", max_retries=1)
    record = await _ended(platform, _NAMES[0])
    said = _said(folder / "ran")
    log = [segment.stat().st_size for segment in platform.folders.log(record.id).glob("*")]
    await platform.close(end_jobs=False)
    ended = {"status": record.status.value, "exit_code": record.exit_code, "error": record.error or ""}
    return ended | {"ran": said, "log": sum(log), "left": _left(folder / "data", [record])}


def _left(data: Path, records: Iterable[JobRecord]) -> list[str]:
    """Name what no life should leave: secrets of ended jobs, half of what was moved, folders of jobs that are gone."""
    known = {record.id for record in records}
    files = [path for path in data.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [path for path in files if SECRET.encode() in path.read_bytes()]
    found += [path for path in files if path.name.endswith(".partial") and path.parent.parent != data / "jobs"]
    found += [path for path in (data / "jobs").iterdir() if path.name not in known]
    found += [path for path in (data / "artifacts" / "acme").glob("*") if path.name.partition(".")[0] not in known]
    return sorted(str(path.relative_to(data)) for path in found)


def _said(ran: Path) -> list[str]:
    return sorted(ran.read_text().split()) if ran.exists() else []


async def _create(platform: Platform, name: str, command: str, **fields: object) -> None:
    if any(entry.name == name for entry in platform.store.ledger()):  # a deleted one isn't created again
        return
    job = {"name": name, "command": command, "image": "x", "gpu": "none", "cpu": 2, "env": {"TOKEN": SECRET}}
    await platform.create("acme", CreateJob.model_validate(job | fields))


async def _again(asked: Awaitable[object]) -> None:
    try:
        await asked
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
    await _until(f"{word} has run", lambda: word in _said(ran))


async def _ended(platform: Platform, name: str) -> JobRecord:
    await _until(f"{name} has ended", lambda: platform.find("acme", name).status.terminal)
    return platform.find("acme", name)


# --- lives ---


def live(life: Callable[[], Awaitable[dict[str, object]]], told: dict[str, object]) -> int:
    """Live once, in a process of its own, which prints a line at its end; give how that process ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        _print(told | asyncio.run(_awaited(life)))
    except BaseException as error:  # noqa: BLE001  # a fork must never go on as its parent
        print(told, repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


async def _awaited(life: Callable[[], Awaitable[dict[str, object]]]) -> dict[str, object]:
    return await life()


def _print(line: dict[str, object]) -> None:
    os.write(1, (json.dumps(line) + "\n").encode())  # in one piece, beside those of other processes


def _check(ended: int, expected: int, told: dict[str, object]) -> None:
    """Leave this process, and say why, where a life did not end as it has to."""
    if ended != expected:
        sys.exit(f"a life ended with {ended} and not {expected}: {told}")


def commits(root: Path) -> None:
    """Crash at every commit, on both sides of it, until there are no more."""
    for when in ("before", "after"):
        for at in range(100):
            folder = _made(root / f"{when}-{at}")
            told: dict[str, object] = {"at": at, "when": when}
            ended = live(partial(story, folder, Barrier(at, when)), told | {"killed": False})
            if ended == 0:
                break
            _check(ended, _KILLED, told)
            _check(live(partial(story, folder, Barrier()), told | {"killed": True}), 0, told)


@dataclass(frozen=True)
class Kill:
    """A place at which a file is changed, which time, and whether the kill is behind it."""

    place: str
    time: int
    torn: bool


def server_writes(root: Path) -> None:
    """Crash at every place at which the server changes files."""

    def armed(folder: Path, kill: Kill | None, note: str) -> Awaitable[dict[str, object]]:
        writes.arm(str(folder / "data"), **_arming(folder, kill, note))
        return story(folder, Barrier())

    def lives(folder: Path, kill: Kill) -> None:
        told = asdict(kill)
        _check(live(lambda: armed(folder, kill, ""), told | {"killed": False}), _KILLED, told)
        _check(live(partial(story, folder, Barrier()), told | {"killed": True}), 0, told)

    _at_all(root, armed, lives)


def supervisor_writes(root: Path) -> None:
    """Crash at every place at which a supervisor changes files; the server lives on."""
    boot = launch._BOOT  # what it runs first

    async def armed(folder: Path, kill: Kill | None, note: str) -> dict[str, object]:
        arming = f"writes.arm({str(folder / 'data')!r}, **{_arming(folder, kill, note)!r})"
        launch._BOOT = (  # as above
            f"import sys; sys.path.append({str(_TESTS)!r}); from integration.seedserver import writes; {arming}; {boot}"
        )
        return await solo(folder, Barrier()) | {"killed": _mark(folder).exists()}

    def lives(folder: Path, kill: Kill) -> None:
        _check(live(lambda: armed(folder, kill, ""), asdict(kill)), 0, asdict(kill))

    _at_all(root, armed, lives)


def _at_all(
    root: Path,
    armed: Callable[[Path, Kill | None, str], Awaitable[dict[str, object]]],
    lives: Callable[[Path, Kill], object],
) -> None:
    """Live once to note the places, then kill at each: some processes at a time."""
    folder, note = _made(root / "noted"), root / "places"
    _check(live(lambda: armed(folder, None, str(note)), {"place": ""}), 0, {"place": ""})
    rng = random.Random(int(sys.argv[3]))  # for tests, to be repeated
    noted = Counter(note.read_text().splitlines())
    # How often a log's segments change depends on the pieces in which output comes: half as often they certainly do.
    times = {place: math.ceil(met * (0.5 if "joblog.py" in place else 1.0)) for place, met in noted.items()}
    kills = [Kill(place, rng.randrange(times[place]), torn) for place in sorted(times) for torn in _ways(place)]
    _print({"planned": [asdict(kill) for kill in kills]})
    rng.shuffle(kills)  # so that both workers have as much to do
    workers = [_worker(root, list(enumerate(kills))[number::_WORKERS], lives) for number in range(_WORKERS)]
    for worker in workers:
        _check(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), 0, {"worker": worker})


def _worker(root: Path, kills: Iterable[tuple[int, Kill]], lives: Callable[[Path, Kill], object]) -> int:
    """Let a process of its own live through some kills; give its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for number, kill in kills:
            lives(_made(root / f"{number}"), kill)
        code = 0
    except SystemExit as reason:
        print(reason, file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _ways(place: str) -> tuple[bool, ...]:
    return (False, True) if place.startswith("open ") else (False,)


def _arming(folder: Path, kill: Kill | None, note: str) -> dict[str, Any]:
    if kill is None:
        return {"note": note}
    return {"kill_at": kill.place, "time": kill.time, "torn": kill.torn, "once": str(_mark(folder))}


def _mark(folder: Path) -> Path:
    """Give the file that whoever is killed makes at that moment."""
    return folder / "killed"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    {"commits": commits, "writes": server_writes, "supervisors": supervisor_writes}[sys.argv[2]](Path(sys.argv[1]))

"""The server, or a supervisor, is killed at every commit and at every change of a file: nothing is lost, nothing runs twice."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from chance import draw_seed
from seedjob_operator.seedserver.ending import LOST, NEVER_BEGAN
from seedjob_operator.seedserver.folders import Folders

TESTS = Path(__file__).parents[2]


def lives(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Give what lives to the end have found, each after a kill."""
    command = [sys.executable, "-m", "integration.seedserver.crashing", str(folder), kind, str(draw_seed())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TESTS, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            out, told = process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its workers, where it was cut off
    found = [json.loads(line) for line in out.splitlines()]
    assert (process.returncode, told) == (0, ""), f"after {len(found)} lives"
    return found


def assert_whole(life: dict[str, Any]) -> None:
    """Check that a life ended as if no other had been killed before it."""
    assert life["jobs"] == [
        ["a-ends", "failed", 3, 1],
        ["b-is-cancelled", "cancelled", 143, 0],
        ["c-is-preempted", "failed", 4, 1],
    ], life
    assert life["ran"] == ["a", "a", "b", "c", "c", "d"], life
    assert life["ledger"] == ["a-ends", "b-is-cancelled", "c-is-preempted", "d-is-deleted"], life
    assert life["kept"] == [1, 0, 1], life
    assert life["left"] == [], life


def assert_all_killed(planned: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """Check that every kill that was planned has taken place: a place that wasn't reached again shows nothing."""
    keys = "place", "time", "torn"
    wanted = sorted(tuple(kill[key] for key in keys) for kill in planned["planned"])
    assert sorted(tuple(life[key] for key in keys) for life in found if life["killed"]) == wanted


def places_of(planned: dict[str, Any]) -> set[str]:
    """Name the modules that have one of the places."""
    return {kill["place"].partition(" seedserver/")[2].partition(":")[0] for kill in planned["planned"]}


def test_a_kill_of_the_server_at_every_commit(tmp_path: Path) -> None:
    found = lives(tmp_path, "commits")
    killed = [(life["when"], life["at"]) for life in found if life["killed"]]
    assert len(killed) >= 20, "two sides of at least ten commits: creates, starts and ends, a cancel, a preemption"
    for when in ("before", "after"):
        assert [at for side, at in killed if side == when] == list(range(sum(side == when for side, _ in killed)))
    for life in found:
        assert_whole(life)


def test_a_kill_of_the_server_at_every_change_of_a_file(tmp_path: Path) -> None:
    """The places are found as they are met: one that is added to the code tomorrow is among them."""
    noted, planned, *found = lives(tmp_path, "writes")
    written = {
        "artifacts.py",
        "folders.py",
        "launch.py",
        "secretfile.py",
        "supervisor/files.py",
        "supervisor/joblog.py",
    }
    assert written <= places_of(planned), "those that certainly write"
    assert_all_killed(planned, found)
    for life in (noted, *found):
        assert_whole(life)


def test_a_kill_of_a_supervisor_at_every_change_of_a_file(tmp_path: Path) -> None:
    """What it alone knew is lost, and is said to be; the job has run as often as it may, or less, and nothing is left."""
    noted, planned, *found = lives(tmp_path, "supervisors")
    assert {"supervisor/run.py", "supervisor/files.py", "supervisor/joblog.py"} <= places_of(planned)
    assert (noted["exit_code"], noted["killed"]) == (3, False), "nobody was killed where the places were noted"
    assert_all_killed(planned, found)
    for life in found:
        assert (life["status"], life["exit_code"]) == ("failed", None), "its record is the last that it writes"
        assert life["error"].startswith((LOST, NEVER_BEGAN)), life
        assert life["ran"] == [] or life["error"].startswith(LOST), life
        assert len(life["ran"]) <= 2, "one try, and one retry"
        assert life["left"] == [], life


def test_what_a_killed_server_was_just_starting_keeps_nothing_from_the_next_one(tmp_path: Path) -> None:
    """Between its fork and its exec a supervisor has all that the server had open, and lives on when that is killed."""
    script = (
        "import os, pathlib, sys; from seedjob_operator.seedserver.folders import Folders\n"
        "Folders(pathlib.Path(sys.argv[1])).prepare()\n"
        "sys.stdin.read() if os.fork() == 0 else os.kill(os.getpid(), 9)"
    )
    killed = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE)
    with killed:
        assert killed.wait(60) == -9
        Folders(tmp_path).prepare()

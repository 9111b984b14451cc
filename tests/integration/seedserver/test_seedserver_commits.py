"""The server is killed before and after every commit of a life: the next one ends as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

from seedjob_operator.seedserver.folders import Folders

TESTS = Path(__file__).parents[2]


def test_a_kill_at_every_commit_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "integration.seedserver.crashing", str(tmp_path)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    lives = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == "", f"after {len(lives)} lives"
    assert len(lives) >= 20, "two sides of at least ten commits: three creates, starts and ends, a cancel, a preemption"
    for life in lives:
        assert life["jobs"] == [
            ["a-ends", "failed", 3, 0],
            ["b-is-cancelled", "cancelled", 143, 0],
            ["c-is-preempted", "failed", 4, 1],
        ], life
        assert life["ran"] == ["a", "b", "c", "c"], life
        assert life["ledger"] == ["a-ends", "b-is-cancelled", "c-is-preempted"], life


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

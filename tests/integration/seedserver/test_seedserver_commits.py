"""The server is killed before and after every commit of a life: the next one ends as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

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

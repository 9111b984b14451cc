"""`make demo`: it shows each sample's end, says how it went, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from seedjob_operator.devcluster import Assets

CHECKOUT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "seedjob_operator.devcluster", "demo"]


def left(directory: Path) -> list[str]:
    """Name the processes that work in a folder of this demo's."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(directory) in command:
            found.append(command[:120])
    return found


def token_is_only_in_its_file(directory: Path) -> None:
    """Every user of the machine can read command lines."""
    (file,) = directory.glob("seedjob-demo-*/tokens.yaml")
    (token,) = json.loads(file.read_text())["users"][0]["tokens"]
    assert file.stat().st_mode & 0o777 == 0o600
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if token in command] == []


@pytest.mark.timeout(240)
def test_all_samples_end_as_they_should(assets: Assets, tmp_path: Path) -> None:
    """The demo is the main job: one sample of each kind, on real parts."""
    done = subprocess.run(
        COMMAND, cwd=CHECKOUT, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": as it should") == 7
    assert "checkpoint /data/last.pt is truncated" in done.stdout
    assert left(tmp_path) == []
    assert list(tmp_path.glob("seedjob-demo-*")) == []


@pytest.mark.parametrize("wanted", ["Kubernetes is ready", "the operator is reconciling", "Running"])
def test_ctrl_c_at_any_moment(assets: Assets, tmp_path: Path, wanted: str) -> None:
    """Everything is stopped soon, jobs included: in a few seconds on idle cores."""
    with subprocess.Popen(
        COMMAND,
        cwd=CHECKOUT,
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if wanted in line:
                break
        assert wanted in said[-1], "".join(said)
        if wanted == "Running":
            token_is_only_in_its_file(tmp_path)
        began = time.monotonic()
        os.killpg(running.pid, signal.SIGINT)
        running.stdout.read()
        assert running.wait(90) == 130
        assert time.monotonic() - began < 45, "an API server that waits for its watches takes a minute"
    assert left(tmp_path) == []

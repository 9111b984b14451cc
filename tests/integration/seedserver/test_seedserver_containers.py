"""Jobs in an image: what podman is asked to do, by a program of that name that notes it and runs the command itself."""

import csv
import os
from pathlib import Path

import pytest

from integration.seedserver.conftest import NewServer

PODMAN = """#!/bin/sh
printf '%s\\0' "$@" '\n' >> {calls}
[ "$1" != info ] || echo host:
[ "$1" != rm ] || ! mkdir {calls}.asked 2>/dev/null || exit 125
[ "$1" = run ] || exit 0
[ -z "$TMPDIR" ] || exit 9
while [ "$1" != -- ]; do
  case "$1" in --env=*=*) export "${{1#--env=}}";; esac
  shift
done
shift 2
exec /bin/sh "$@"
"""


def noted(calls: Path) -> list[list[str]]:
    """Give the command lines, each as its arguments."""
    return [line.split("\0")[:-1] for line in calls.read_text().split("\n\0")[:-1]]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the podman on PATH notes its command lines."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    program = folder / "podman"
    program.write_text(PODMAN.format(calls=calls))
    program.chmod(0o700)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setitem(os.environ, "PATH", f"{folder}:{os.environ['PATH']}")
    return calls


def test_an_image_runs_in_podman(new_server: NewServer, calls: Path) -> None:
    server = new_server("--containers", "auto")
    command = "echo $GREETING from $SEED_NODE_RANK in $HOME; echo 1 > out/f"
    secret = {"GREETING": "s3cr3t"}
    job = server.create("boxed", command, image="IMAGE", num_nodes=2, env=secret, artifacts_path="/out")
    ended = server.wait("boxed")
    work = server.data / "jobs" / job["id"] / "work"
    assert ended["status"] == "succeeded", server.lines("boxed")
    assert sorted(server.lines("boxed")) == [f"s3cr3t from {rank} in {work}" for rank in (0, 1)], "and no warning"
    assert ended["artifacts"]["file_count"] == 1
    assert "s3cr3t" not in calls.read_text(), "a command line can be read by everyone"
    *runs, removal, again = noted(calls)[1:]
    assert len(runs) == 2
    for rank, run in enumerate(sorted(runs)):
        assert run[:3] == ["run", f"--name=seed-{job['id']}-{rank}", "--rm"]
        mounts = [f"--mount=type=bind,source={work},target={work}", f"--mount=type=bind,source={work}/out,target=/out"]
        assert {*mounts, f"--workdir={work}", "--entrypoint=/bin/sh", "--env=GREETING", "--user=0:0"} < set(run)
        assert run[-4:] == ["--", "IMAGE", "-c", command]
    assert removal == again, "podman can't at once where it lost its monitor too"
    assert removal == ["rm", "--force", "--ignore", f"seed-{job['id']}-0", f"seed-{job['id']}-1"]


def test_nothing_that_a_user_sends_becomes_an_option_of_the_engine(new_server: NewServer, calls: Path) -> None:
    server = new_server("--containers", "auto")
    odd = "\n--privileged"
    env = {f"A{odd}": "1", "B": f"1{odd}", "HOME": f"/h{odd}", "C*": "1", "TMPDIR": "/x"}
    job = server.create(
        "hostile", f"exit 3{odd}", image=f"--privileged{odd}", artifacts_path=f"/out:/etc,{odd}", env=env
    )
    ended = server.wait("hostile")
    assert (ended["status"], ended["exit_code"]) == ("failed", 3), server.lines("hostile")
    run = noted(calls)[1]
    work = f"{server.data}/jobs/{job['id']}/work"
    assert run[-4:] == ["--", f"--privileged{odd}", "-c", f"exit 3{odd}"], "behind the end of all options"
    assert [part for part in run[:-4] if part.startswith("--") and "=" not in part] == ["--rm"]
    (kept,) = [part for part in run if part.startswith("--mount=") and "out" in part]
    fields = next(csv.reader([kept.removeprefix("--mount=")]))
    assert fields == ["type=bind", f"source={work}/out:/etc,{odd}", f"target=/out:/etc,{odd}"]
    assert [part for part in run if part.startswith("--env=B")] == ["--env=B"], "its value is in no command line"
    assert [part for part in run if part.startswith("--env=C")] == [], "podman would read the star as any name"
    assert "--env=TMPDIR=/x" in run, "the engine itself, which reads it too, has not got it"
    assert server.lines("hostile")[0].startswith("seed: a container can't be given variables named 'A")


def test_a_container_is_told_to_end_by_its_engine_alone(new_server: NewServer, calls: Path) -> None:
    """Where podman finds that the container ended before it could pass a signal on, the job's exit code is lost."""
    server = new_server("--containers", "auto", "--grace-seconds", "60")
    command = (
        "setsid sleep 600 & echo up; trap 'sleep 0.5; kill -0 $! && exit 7; exit 8' TERM; while :; do sleep 0.1; done"
    )
    server.create("polite", command, image="IMAGE")
    server.wait_for_line("polite", "up")
    server.cancel("polite")
    ended = server.wait("polite")
    assert (ended["status"], ended["exit_code"]) == ("cancelled", 7), "what is in another session was not told by us"


def test_without_it_the_log_says_so(new_server: NewServer, calls: Path) -> None:
    server = new_server("--containers", "never")
    server.create("plain", "echo hello", image="IMAGE")
    server.wait("plain")
    assert server.lines("plain")[0].startswith("seed: image IMAGE is not used here")
    assert not calls.exists()

"""Jobs in an image: what podman is asked to do, by a program of that name that notes it and runs the command itself."""

import os
from pathlib import Path

import pytest

from integration.seedserver.conftest import NewServer

PODMAN = """#!/bin/sh
echo "$@" >> {calls}
[ "$1" = run ] || exit 0
while [ "$1" != IMAGE ]; do
  case "$1" in --env=*=*) export "${{1#--env=}}";; esac
  shift
done
shift
exec /bin/sh "$@"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the podman on PATH notes its command lines."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    program = folder / "podman"
    program.write_text(PODMAN.format(calls=calls))
    program.chmod(0o700)
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
    noted = calls.read_text()
    assert "s3cr3t" not in noted, "a command line can be read by everyone"
    runs = [line for line in noted.splitlines() if line.startswith("run ")]
    assert len(runs) == 2
    for rank, run in enumerate(sorted(runs)):
        assert run.startswith(f"run --name=seed-{job['id']}-{rank} --rm ")
        assert f"--volume={work}:{work} --workdir={work} --entrypoint=/bin/sh --volume={work}/out:/out" in run
        assert "--env=GREETING " in run
        assert " IMAGE -c echo " in run
    assert noted.splitlines()[-1] == f"rm --force seed-{job['id']}-0 seed-{job['id']}-1"


def test_without_it_the_log_says_so(new_server: NewServer, calls: Path) -> None:
    server = new_server("--containers", "never")
    server.create("plain", "echo hello", image="IMAGE")
    server.wait("plain")
    assert server.lines("plain")[0].startswith("seed: image IMAGE is not used here")
    assert not calls.exists()

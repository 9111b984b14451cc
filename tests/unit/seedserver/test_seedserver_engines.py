"""Which container engine is taken, and what a job in it is started with."""

import os
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import CreateJob
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.containers import find_engine

ME = "--user=1000:1001"
JOB = new_record("acme", CreateJob(name="a", command="x", image="x", gpu="none", memory_gb=64), now=0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "script", "user"),
    [
        pytest.param("podman", "echo host:", "--user=0:0", id="its root is the server's user, or mapped to it"),
        pytest.param(
            "docker", """echo '28.2.2 ["name=seccomp,profile=builtin"]'""", ME, id="its root is the machine's"
        ),
        pytest.param(
            "docker", """echo '28.2.2 ["name=seccomp","name=rootless"]'""", "--user=0:0", id="mapped, as podman's"
        ),
    ],
)
def test_a_job_runs_as_the_servers_user(
    programs: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str, user: str
) -> None:
    """Its folder is nobody else's, and what it leaves there is to be kept and removed."""
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 1001)
    install(programs, name, script)
    engine = find_engine()
    assert engine is not None
    assert engine.program == str(programs / name)
    options = engine.options(JOB, {"HOME": "/work"}, (), Path("/work"))
    assert [option for option in options if option.startswith("--user=")] == [user]
    assert "--log-driver=none" in options, "what a job says is kept once, and bounded"
    assert "--security-opt=label=disable" in options, "else its folder can't be used where SELinux labels files"
    assert {"--ipc=private", "--shm-size=64g"} < set(options), "data loaders need more than the engines' 64 MB"


@pytest.mark.parametrize("docker", ["echo '28.2.2 []'; exit 1", "echo ' null'", "exit 0"])
def test_an_engine_that_does_not_answer_is_none(programs: Path, docker: str) -> None:
    """The client may be there without the daemon; docker's of some versions ends well all the same."""
    install(programs, "podman", "exit 125")
    install(programs, "docker", docker)
    assert find_engine() is None

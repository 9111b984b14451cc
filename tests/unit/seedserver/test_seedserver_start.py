"""The start of the local Seed server: what it says before it takes anything."""

import argparse
import os
from pathlib import Path

import pytest

from seedjob_operator.seedserver import command
from seedjob_operator.seedserver.flags import add_arguments
from seedjob_operator.seedserver.openfiles import keep_inherited


@pytest.mark.parametrize(
    ("mode", "warned"),
    [
        pytest.param(0o644, True, id="whoever reads it can run commands here"),
        pytest.param(0o622, True, id="and whoever writes it"),
        pytest.param(0o640, False, id="a group of its own may be meant"),
        pytest.param(0o600, False, id="as it should be"),
    ],
)
def test_tokens_that_everybody_can_use_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: bool
) -> None:
    file = tmp_path / "my tokens"
    file.touch()  # without users: the server says so, and doesn't start
    file.chmod(mode)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert command.run(parser.parse_args(["--tokens", str(file)])) == 2
    assert ("everybody on this machine" in caplog.text) is warned
    assert (f"chmod 600 '{file}'" in caplog.text) is warned


def test_no_job_gets_a_pipe_of_whoever_started_the_server() -> None:
    """He would wait for its end for as long as the job runs, which outlives the server."""
    reader, writer = os.pipe()
    try:
        os.set_inheritable(writer, True)
        keep_inherited()
        assert not os.get_inheritable(writer)
    finally:
        os.close(reader)
        os.close(writer)

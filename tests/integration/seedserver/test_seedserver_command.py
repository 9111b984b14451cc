"""The command line: what it prints, what it refuses, and with which exit code."""

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import SeedServer
from seedjob_operator.seedserver.serving import listen

COMMAND = [sys.executable, "-m", "seedjob_operator.seedserver"]


def refused(*flags: str) -> str:
    """Run a command line that must be refused at once with one line; give the line."""
    done = subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused("--listen", address, "--data", str(tmp_path / "d"))
    assert line.startswith(f"seed-server: --listen {address} can't be listened on (Address already in use)")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--listen", "8900x"], "has no port: write HOST:PORT"),
        (["--listen", "example.org:80"], "is no IP address"),
        (
            ["--listen", "0.0.0.0:0", "--token", "t"],
            "--listen 0.0.0.0:0 lets others ask with what stands there: leave it out, and one is made, or give --tokens",
        ),
        (
            ["--listen", "127.0.0.1:0", "--public-url", "https://a", "--token", "t"],
            "--public-url https://a lets others ask with what stands there: leave it out",
        ),
        (
            ["--listen", "127.0.0.1:0", "--public-url", "https://a", "--enable-faults"],
            "--enable-faults is for this machine only",
        ),
        (["--tokens", "/nowhere/at/all"], "--tokens /nowhere/at/all: can't be read: No such file"),
        (["--tokens", "/dev/null", "--token", "t"], "leave --token and --namespace out"),
        (["--plan", "61"], "--plan"),
        (["--repos", "/nowhere/at/all"], "--repos: /nowhere/at/all is not a folder"),
        (["--time-scale", "0"], "--time-scale: 0 would stop the clock"),
        (["--grace-seconds", "-1"], "--grace-seconds"),
        (["--namespace", "a/b"], "--namespace: 'a/b' is no namespace"),
        (["--token", "two words"], "--token must be"),
        (["--data", "/dev/null/x"], "--data /dev/null/x can't be used"),
    ],
)
def test_a_bad_flag_is_one_line(tmp_path: Path, flags: list[str], words: str) -> None:
    data = [] if "--data" in flags else ["--data", str(tmp_path / "d")]
    assert words in refused(*data, *flags)


def test_two_servers_never_share_a_data_folder(new_server: NewServer) -> None:
    server = new_server()
    assert "is used by another Seed server" in refused("--listen", "127.0.0.1:0", "--data", str(server.data))


def test_a_token_is_made_printed_and_kept(tmp_path: Path) -> None:
    """And demanded, also where other machines can ask: nobody has to write a file of users for himself alone.

    What is printed works here, and on systems that can't connect to 0.0.0.0.
    """

    def first_lines(host: str, lines_printed: int) -> list[str]:
        command = [*COMMAND, "--listen", f"{host}:0", "--data", str(tmp_path / "d"), "--namespace", "acme"]
        quiet = subprocess.DEVNULL
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True) as process,
            ExitStack() as stack,
        ):
            assert process.stdout is not None
            stack.callback(process.terminate)
            lines = [process.stdout.readline().strip() for _ in range(lines_printed)]
            url, token = lines[0].split(" listening on ")[1].split()[0], lines[1].split()[1]
            assert url.startswith("http://127.0.0.1:")
            with httpx.Client(timeout=90, trust_env=False) as http:
                assert http.get(f"{url}/acme/jobs").status_code == 401
                assert http.get(f"{url}/acme/jobs", headers={"Authorization": f"Bearer {token}"}).status_code == 200
            assert lines[2] == f"try:   curl -H 'Authorization: Bearer {token}' {url}/acme/jobs"
        return lines

    alone, opened = first_lines("127.0.0.1", 3), first_lines("0.0.0.0", 4)  # noqa: S104  # meant
    assert alone[1] == opened[1], "it stays the same over a restart"
    assert opened[3] == "others: this machine's name or address in the place of 127.0.0.1"
    assert oct((tmp_path / "d" / "token").stat().st_mode & 0o777) == "0o600"
    assert oct((tmp_path / "d").stat().st_mode & 0o777) == "0o700"


def test_a_given_token_is_not_printed(server: SeedServer) -> None:
    assert "test-token" not in server.first_words
    assert not (server.data / "token").exists()


def test_the_environment_of_the_server_is_not_the_jobs(new_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SERVERS_OWN_SECRET", "s3cr3t")
    server = new_server()
    server.create("curious", "env; cat /proc/$PPID/environ")
    server.wait("curious")
    assert "s3cr3t" not in " ".join(server.lines("curious"))


def test_answers_do_not_wait_for_the_clients_acknowledgements() -> None:
    """The event loop turns Nagle's delay (40 ms an answer) off only for sockets that name their protocol."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_the_server_may_open_all_files_that_it_can_and_its_jobs_what_it_was_started_with(new_server: NewServer) -> None:
    """Each follower is a socket; but programs that close all they might have open, or use select(2), bear no such limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    given = 400
    resource.setrlimit(resource.RLIMIT_NOFILE, (given, hard))
    try:
        server = new_server()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert psutil.Process(server.pid).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)
    server.create("limited", "ulimit -Sn; ulimit -Hn")
    server.wait("limited")
    printed = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    assert server.lines("limited")[-2:] == [str(given), printed]

"""The server or a supervisor is killed: no accepted job and no result is lost, nothing runs twice or on unseen."""

import contextlib
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import NAMESPACE, UNTIL_GO, SeedServer, alive, kill, until
from seedjob_operator.seedapi import wire

UNTIL_GONE = "while [ -e {} ]; do sleep 0.05; done"


def test_a_job_that_ends_without_the_server_has_its_real_exit_code(new_server: NewServer) -> None:
    server = new_server()
    server.create("alone", "echo up; sleep 0.5; mkdir o; echo 1 > o/f; echo Epoch 2/2; exit 6", artifacts_path="o")
    server.wait_for_line("alone", "up")
    server.kill()
    until("the job's end", lambda: not server.processes())
    nobody_saw_it = datetime.now(UTC)
    server.start()
    job = server.wait("alone")
    assert (job["status"], job["exit_code"], job["progress"]) == ("failed", 6, "Epoch 2/2")
    assert job["artifacts"]["file_count"] == 1
    assert datetime.fromisoformat(job["completed_at"]) <= nobody_saw_it, "it ended when it ended, not when it was seen"


def test_a_job_that_still_runs_is_followed_on(new_server: NewServer) -> None:
    server = new_server()
    server.create("along", f"echo up; {UNTIL_GO}; exit 3")
    server.wait_for_line("along", "up")
    supervisor = server.supervisor("along")
    pids = [supervisor.pid, *(child.pid for child in supervisor.children())]
    assert len(pids) == 2, "and its shell; what that waits with comes and goes"
    server.kill()
    server.start()
    assert server.job("along")["status"] == "running"
    assert all(map(alive, pids)), "the same processes"
    server.go("along")
    job = server.wait("along")
    assert (job["status"], job["exit_code"]) == ("failed", 3)
    assert server.lines("along").count("up") == 1


def test_an_adopted_job_can_be_cancelled(new_server: NewServer) -> None:
    server = new_server()
    server.create("adopted", "echo up; sleep 60")
    server.wait_for_line("adopted", "up")
    server.kill()
    server.start()
    server.cancel("adopted")
    assert server.wait("adopted")["status"] == "cancelled"
    assert server.processes() == []


def test_a_cancel_that_was_accepted_is_carried_out_by_the_next_server(new_server: NewServer) -> None:
    """The server may die after it recorded a cancel, and before it could tell the job."""
    server = new_server()
    server.create("doomed", "echo up; sleep 60")
    server.wait_for_line("doomed", "up")
    server.kill()
    with contextlib.closing(sqlite3.connect(server.data / "seed.sqlite")) as records, records:
        records.execute("UPDATE jobs SET cancel_requested = 1")
    server.start()
    assert server.wait("doomed")["status"] == "cancelled"


def test_queued_jobs_start_with_the_next_server(new_server: NewServer) -> None:
    server = new_server()
    server.create("first", f"echo up; {UNTIL_GO}", gpu="L4", gpu_count=8)
    server.create("second", "echo $WORD", gpu="L4", env={"WORD": "kept"})
    server.wait_for_line("first", "up")
    server.kill()
    server.start()
    server.go("first")
    assert server.wait("second")["status"] == "succeeded"
    assert server.lines("second")[-1] == "kept"


def test_kills_at_any_moment_lose_nothing_and_run_nothing_twice(new_server: NewServer) -> None:
    """The server dies at six moments around creates and ends; each accepted job ends once, with its own code."""
    server = new_server()
    accepted = []
    for turn in range(6):
        for number in range(3):
            name = f"job-{turn}-{number}"
            try:
                server.create(name, f"echo ran; sleep 0.0{number}; exit {number}", cpu=2)
            except httpx.TransportError:
                continue
            accepted.append((name, number))
        time.sleep(turn * 0.008)  # so that each kill meets the jobs at another moment of their lives
        server.kill()
        server.start()
    assert len(accepted) == 18
    for name, code in accepted:
        job = server.wait(name)
        assert job["exit_code"] == code, job
        assert server.lines(name).count("ran") == 1, name
    assert len(server.control("GET", "ledger")["creates"]) == 18


def test_a_killed_supervisor_fails_its_job_and_leaves_nothing(new_server: NewServer) -> None:
    server = new_server()
    server.create("orphaned", "setsid sleep 300 & echo up; sleep 300")
    server.wait_for_line("orphaned", "up")
    supervisor = server.supervisor("orphaned")
    pids = [process.pid for process in supervisor.children(recursive=True)]
    assert len(pids) >= 2
    kill(supervisor.pid)
    job = server.wait("orphaned")
    assert (job["status"], job["exit_code"]) == ("failed", None)
    assert "killed from outside" in job["error"]
    assert any("killed from outside" in line for line in server.lines("orphaned"))
    assert [pid for pid in pids if alive(pid)] == []


def test_server_and_supervisor_killed_together(new_server: NewServer) -> None:
    server = new_server()
    server.create("both", "echo up; sleep 300")
    server.wait_for_line("both", "up")
    supervisor = server.supervisor("both")
    pids = [process.pid for process in supervisor.children(recursive=True)]
    server.kill()
    kill(supervisor.pid)
    killed = datetime.now(UTC)
    time.sleep(1)  # nobody looks
    server.start()
    job = server.wait("both")
    assert job["status"] == "failed"
    assert datetime.fromisoformat(job["completed_at"]) <= killed, "what nobody saw run is not billed"
    assert [pid for pid in pids if alive(pid)] == []


def test_a_full_disk_keeps_a_result_waiting_and_does_not_lose_it(new_server: NewServer) -> None:
    """Another shortage stands for it, because a disk can't be filled here: no file can be opened to write the result."""
    server = new_server()
    server.create("full", f"[ -e tried ] || {{ touch tried; exit 5; }}; echo up; {UNTIL_GO}; exit 6", max_retries=1)
    server.wait_for_line("full", "up")
    supervisor = server.supervisor("full")
    limits = supervisor.rlimit(psutil.RLIMIT_NOFILE)
    supervisor.rlimit(psutil.RLIMIT_NOFILE, (3, limits[1]))
    server.go("full")
    until("its command's end", lambda: not server.processes(supervisors=False))
    server.kill()
    server.start()
    assert server.job("full")["status"] == "running"
    freed = datetime.now(UTC)
    supervisor.rlimit(psutil.RLIMIT_NOFILE, limits)
    found = server.wait("full")
    assert (found["status"], found["exit_code"]) == ("failed", 6)
    assert datetime.fromisoformat(found["completed_at"]) <= freed, "it ended when its command did"


@pytest.mark.parametrize(
    ("choice", "status", "words"),
    [("keep", "running", "running jobs go on"), ("end", "cancelled", "jobs are cancelled and waited for")],
)
def test_a_graceful_stop_keeps_or_ends_the_jobs_and_says_so(
    new_server: NewServer, choice: str, status: str, words: str
) -> None:
    server = new_server("--on-stop", choice)
    server.create("staying", "echo up; sleep 60")
    server.wait_for_line("staying", "up")
    assert server.stop() == 0
    assert (server.data.parent / "server.log").read_text().count(f"stopping: {words}") == 1
    assert bool(server.processes()) == (choice == "keep")
    server.start()
    assert server.job("staying")["status"] == status


def test_a_dropped_answer_leaves_exactly_one_accepted_create(new_server: NewServer) -> None:
    server = new_server()
    server.control("POST", "faults", operation="create", kind="drop", count=2)
    for name in ("one", "two"):
        with pytest.raises(httpx.TransportError):
            server.create(name, "true")
        taken = server.try_create({"name": name, "command": "true", "gpu": "none", "image": "x"})
        assert taken.status_code == 409, "the work was done; a refusal takes no fault"
    server.create("three", "true")
    server.wait("one")
    server.delete("one")
    server.kill()
    server.start()
    rows = server.control("GET", "ledger")["creates"]
    assert [row["name"] for row in rows] == ["one", "two", "three"], "also without its record, and after a restart"
    assert len({row["job_id"] for row in rows}) == 3


def test_faults_and_the_ledger_of_requests(new_server: NewServer) -> None:
    server = new_server()
    server.control("POST", "faults", operation="list", kind="fail", status=503, retry_after=7)
    server.control("POST", "faults", operation="any", kind="delay", seconds=0.3)
    started = time.monotonic()
    failed = server.http.get(f"{server.url}/acme/jobs")
    assert (failed.status_code, failed.headers["Retry-After"]) == (503, "7")
    assert time.monotonic() - started >= 0.3
    assert server.http.get(f"{server.url}/acme/jobs").status_code == 200, "one was asked for"
    seen = server.control("GET", "requests")
    assert seen["counts"]["list"] == 2
    assert [request["status"] for request in seen["recent"]] == [503, 200]
    server.control("DELETE", "requests")
    assert server.control("GET", "requests")["counts"]["list"] == 0


def test_a_server_without_a_free_descriptor_starts_a_job_once_and_when_it_can(new_server: NewServer) -> None:
    server = new_server()
    assert server.ask("GET", wire.LIST_JOBS).is_success, "this connection is kept"
    process = psutil.Process(server.pid)
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (3, limits[1]))
    server.create("crowded", "exit 3")
    log = server.data.parent / "server.log"
    until("it can't be started", lambda: "crowded can't be started yet: Too many open files" in log.read_text())
    assert server.job("crowded")["status"] == "queued", "nothing of it has begun"
    process.rlimit(psutil.RLIMIT_NOFILE, limits)
    found = server.wait("crowded")
    assert (found["status"], found["exit_code"]) == ("failed", 3)


def test_a_job_that_removes_its_own_folder_ends(server: SeedServer) -> None:
    server.create("vandal", 'rm -rf "$(dirname "$HOME")"; exit 0')
    found = server.wait("vandal")
    assert (found["status"], found["exit_code"]) == ("failed", None)
    assert "the command removed what the platform keeps" in found["error"]


@pytest.mark.parametrize(
    ("removal", "rest", "status", "why"),
    [
        ('rm -rf "$(dirname "$HOME")"', "sleep 300", "failed", "nothing tells of its supervisor"),
        ('rm -rf "$(dirname "$HOME")"', "exit 0", "failed", "nor how it ended"),
        ("rm -f ../*", "sleep 300", "failed", "its folder alone says nothing"),
        ("rm -f ../*", "exit 0", "succeeded", "its result was written afterwards"),
    ],
)
def test_a_job_that_removed_its_own_folder_does_not_run_again(
    new_server: NewServer, tmp_path: Path, *, removal: str, rest: str, status: str, why: str
) -> None:
    """Nothing in its folder tells the next server that it has begun: the records do."""
    server, ran = new_server(), tmp_path / "ran"
    server.create("vandal", f"{removal}; echo ran >> {ran}; {UNTIL_GONE.format(ran)}; {rest}")
    until("it has run", ran.exists)
    psutil.Process(server.pid).suspend()
    ran.rename(tmp_path / "seen")
    if rest == "exit 0":
        until("its end", lambda: not server.processes())
    server.kill()
    server.start()
    assert server.wait("vandal")["status"] == status, why
    assert not ran.exists(), "a second run"
    assert server.processes() == [], "what it left behind doesn't run on unseen"


_VANDALS = {
    "log-is-a-file": "rm -rf ../log; echo 1 > ../log",
    "log-has-a-folder": "rm -rf ../log; mkdir -p ../log/0",
    "folder-is-a-file": 'D=$(dirname "$HOME"); rm -rf "$D"; echo 1 > "$D"',
    "folder-is-a-link-to-itself": 'D=$(dirname "$HOME"); rm -rf "$D"; ln -s "$D" "$D"',
    "state-is-a-folder": "rm ../state; mkdir ../state",
    "state-is-anything": "echo pid=x > ../state; rm ../lock; mkdir ../lock",
    "state-is-a-fifo": "rm ../state; mkfifo ../state ../state.partial",
    "state-is-endless": "ln -sf /dev/zero ../state",
    "state-is-huge": "truncate -s 1T ../state",
    "state-has-a-huge-id": r"printf 'pid=99999999999999999999\0' > ../state",
    "lock-is-a-fifo": "rm ../lock; mkfifo ../lock",
    "result-is-a-fifo": "rm ../result.partial; mkfifo ../result ../result.partial",
    "result-is-a-folder": "rm ../result.partial; mkdir ../result ../result.partial",
    "log-has-a-fifo": "mkfifo ../log/9999999",
    "log-has-far-segments": "touch ../log/10000000000000 ../log/99999999999999999999",
    "log-is-huge": "truncate -s 1T ../log/0",
    "log-is-one-line": "truncate -s 1G ../log/0",
    "folder-is-closed": "chmod 000 ..",  # not for root, whom nothing keeps out: the unit tests play it for everybody
}
_KILL = "kill -9 $PPID; sleep 300"
_FORGED = r"outcome=exited\0exit_code=%s\0reason=\0retries=0\0ended_at=1\0cpu_seconds=1\0peak_memory_kb=1\0"
_KILLERS = {
    "leaves-an-order": f": > ../order; {_KILL}",
    "leaves-a-result": f"printf '{_FORGED}' 99999999999999999999 > ../result; {_KILL}",
    "leaves-a-fifo": f"rm -f ../supervisor.err; mkfifo ../supervisor.err; {_KILL}",
    "leaves-a-holder-of-the-lock": f"setsid flock ../lock sleep 300 & until ! flock -n ../lock true; do :; done; {_KILL}",
}


def create_the_preempted(server: SeedServer) -> None:
    """Preempt a job whose log is none any more: it has to come back into the queue all the same."""
    ruin = f"rm -rf ../log; echo 1 > ../log; touch {server.data / 'ruined'}"
    server.create("preempted", f"[ -e {server.data / 'ruined'} ] || {{ {ruin}; }}; sleep 300", spot=True, max_retries=1)
    until("it has run", (server.data / "ruined").exists)
    server.control("POST", f"preempt/{NAMESPACE}/preempted")
    until("it is queued or runs again", lambda: server.job("preempted")["retry_count"] == 1)


def test_whatever_a_job_makes_of_its_folder_it_ends_and_can_be_asked_for(new_server: NewServer) -> None:
    """Also by a server that knows of it only what is there; and no job keeps a server from starting, or another from its end."""
    server = new_server()
    server.create("stopped", f"kill -STOP $PPID; touch {server.data / 'stopped'}; sleep 300", cpu=2, memory_gb=8)
    for name, command in _KILLERS.items():
        server.create(name, command, cpu=2, memory_gb=8)
    create_the_preempted(server)
    until("its supervisor is stopped", (server.data / "stopped").exists)
    server.cancel("stopped")
    for name in _KILLERS:
        job = server.wait(name)
        assert (job["status"], job["exit_code"]) == ("failed", None), job
        assert "killed from outside" in job["error"], job
    for name, command in _VANDALS.items():
        server.create(name, command, cpu=2, memory_gb=8, max_retries=1)
        server.create(f"{name}-still", f"{command}; echo 1 > {server.data / name}; sleep 300", cpu=2, memory_gb=8)
    for name in _VANDALS:
        assert server.wait(name)["status"] in ("succeeded", "failed")
        until(f"{name} has run", (server.data / name).exists)
    server.kill()
    server.start()
    for name in _VANDALS:
        for either in (name, f"{name}-still"):
            assert server.ask("GET", wire.GET_LOGS, either).status_code == 200, either
            server.cancel(either)
    assert {server.wait(f"{name}-still")["status"] for name in _VANDALS} <= {"failed", "cancelled"}
    server.cancel("preempted")
    assert server.wait("preempted")["status"] == "cancelled"
    assert server.wait("stopped")["status"] == "cancelled", "it is killed with its supervisor, which can't end it"
    assert server.processes() == []
    for name in _VANDALS:
        assert server.delete(name).status_code == 204
        assert server.delete(f"{name}-still").status_code == 204
    for name in (*_KILLERS, "preempted", "stopped"):
        assert server.delete(name).status_code == 204
    assert list((server.data / "jobs").iterdir()) == []

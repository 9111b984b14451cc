"""Jobs as real processes: what they see, what they leave, and how they are ended."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import UNTIL_GO, SeedServer, alive, until
from seedjob_operator.seedapi import wire


def test_a_job_sees_only_what_it_was_given(server: SeedServer) -> None:
    job = server.create("clean", "env | sort; echo at $PWD", env={"GREETING": "hi"}, num_nodes=1)
    server.wait("clean", "succeeded")
    lines = server.lines("clean")[1:]
    given = dict(line.split("=", 1) for line in lines[:-1])
    folder = str(server.data / "jobs" / job["id"] / "work")
    assert lines[-1] == f"at {folder}"
    assert given["HOME"] == folder
    assert given["PATH"].startswith(f"{Path(sys.executable).parent}:"), "a sample finds its packages"
    expected = {"GREETING": "hi", "SEED_JOB_NAME": "clean", "SEED_NODE_RANK": "0", "SEED_NUM_NODES": "1"}
    assert expected.items() <= given.items()
    torch = {"MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE"}
    pet = {"PET_MASTER_ADDR", "PET_MASTER_PORT", "PET_NNODES", "PET_NODE_RANK"}
    seed = {"SEED_MASTER_ADDR", "SEED_MASTER_PORT", *expected}
    assert set(given) == {"PATH", "HOME", "LANG", "PWD"} | torch | pet | seed
    assert not (server.data / "jobs" / job["id"] / "work").exists(), "its disk is discarded at the end"


def test_an_environment_is_in_no_file_soon_after_the_end(server: SeedServer) -> None:
    """Also not in the database's own log of writes, nor in pages that it doesn't use any more."""
    secret = b"s3cr3t-to-forget"
    long = {f"TOKEN_{number}": secret.decode() * 200 for number in range(8)}
    server.create("secretive", UNTIL_GO, env=long)
    server.create("waiting", "true", env=long, gpu="L4", gpu_count=8, num_nodes=1)
    server.wait("waiting", "succeeded")
    files = [server.data / name for name in ("seed.sqlite", "seed.sqlite-wal")]
    assert any(secret in path.read_bytes() for path in files), "while it runs it may be needed again"
    server.go("secretive")
    server.wait("secretive", "succeeded")

    def forgotten() -> bool:
        try:
            return not any(secret in path.read_bytes() for path in server.data.rglob("*") if path.is_file())
        except FileNotFoundError:  # the server removed one while we looked: look again
            return False

    until("no file has it", forgotten)


def test_a_job_starts_with_no_signal_ignored(server: SeedServer) -> None:
    """Python ignores SIGPIPE, and a child would inherit that: pipelines such as `yes | head` would never end."""
    server.create("signals", "grep -E 'Sig(Ign|Blk)' /proc/self/status")
    server.wait("signals", "succeeded")
    masks = [int(line.split()[1], 16) for line in server.lines("signals")[1:]]
    assert [mask & 0x7FFFFFFF for mask in masks] == [0, 0], "of the 31 classic ones; the next two are the C library's"


def test_two_nodes_run_together_and_know_each_other(server: SeedServer) -> None:
    command = "echo node $SEED_NODE_RANK of $SEED_NUM_NODES at $SEED_MASTER_ADDR rank $RANK of $WORLD_SIZE"
    server.create("pair", command, num_nodes=2)
    assert server.wait("pair")["status"] == "succeeded"
    data = server.ask("GET", wire.GET_LOGS, "pair").json()["data"]
    said = {line["node"]: line["message"] for line in data if "node" in line}
    assert said == {rank: f"node {rank} of 2 at 127.0.0.1 rank {rank} of 2" for rank in (0, 1)}


def test_one_failed_node_fails_the_job(server: SeedServer) -> None:
    server.create("uneven", "[ $SEED_NODE_RANK = 1 ] && exit 9; sleep 60", num_nodes=2)
    job = server.wait("uneven")
    assert (job["status"], job["exit_code"]) == ("failed", 9)
    assert any("node 1 failed with exit code 9" in line for line in server.lines("uneven"))


def test_progress_is_read_while_it_runs_and_at_the_end(server: SeedServer) -> None:
    server.create("steps", f"echo 'Epoch 1/3 - Step 10/30'; {UNTIL_GO}; echo 'Epoch 3/3 acc 97.5%'; echo done")
    until("progress of the running job", lambda: server.job("steps")["progress"] == "Epoch 1/3 - Step 10/30")
    assert server.job("steps")["status"] == "running"
    server.go("steps")
    assert server.wait("steps")["progress"] == "Epoch 3/3"


def test_a_cancelled_job_takes_all_its_processes_with_it(server: SeedServer) -> None:
    """Also those that left the session, cleared their environment and closed their output."""
    escape = "setsid env -i sh -c 'cd /; exec sleep 300' >/dev/null 2>&1 &"
    server.create(
        "forks", f"{escape} (sleep 300 &) ; nohup setsid sh -c 'trap \"\" TERM; sleep 300; sleep 300' & echo up; wait"
    )
    server.wait_for_line("forks", "up")
    supervisor = server.supervisor("forks")
    until("all its processes", lambda: len(supervisor.children(recursive=True)) >= 5)
    pids = [process.pid for process in supervisor.children(recursive=True)]
    assert server.cancel("forks").status_code == 200
    assert server.wait("forks")["status"] == "cancelled"
    assert [pid for pid in pids if alive(pid)] == [], "the status is final only when nothing runs"


def test_what_a_command_leaves_behind_ends_with_it(server: SeedServer) -> None:
    server.create("leftover", "setsid sleep 300 & echo $!; exit 0")
    assert server.wait("leftover")["status"] == "succeeded"
    assert not alive(int(server.lines("leftover")[-1]))


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeedServer]:
    """A server whose grace period is longer than any job needs, however busy the machine is."""
    running = SeedServer(tmp_path_factory.mktemp("patient") / "data", "--grace-seconds", "120").start()
    yield running
    running.clean_up()


def test_a_job_may_end_itself_in_the_grace_period(patient: SeedServer) -> None:
    patient.create("polite", f"trap '{UNTIL_GO}; echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done")
    patient.wait_for_line("polite", "up")
    assert patient.cancel("polite").json()["status"] == "running", "it runs on in the grace period"
    assert patient.cancel("polite").status_code == 200, "a second cancel meanwhile is fine"
    patient.go("polite")
    job = patient.wait("polite")
    assert (job["status"], job["exit_code"]) == ("cancelled", 5)
    assert "bye" in patient.lines("polite")[-2:], (
        "the shell may tell of the sleep that was ended with it, on a stream of its own"
    )


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace(server: SeedServer) -> None:
    server.create("stubborn", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    server.wait_for_line("stubborn", "up")
    server.cancel("stubborn")
    job = server.wait("stubborn")
    assert (job["status"], job["exit_code"]) == ("cancelled", 137)


def test_a_cancel_at_any_moment_of_the_start_is_carried_out(server: SeedServer) -> None:
    """Queued, marked as running, its supervisor not listening yet, running: whatever the moment, it ends."""
    for number in range(40):
        server.create(f"early-{number}", "sleep 60", cpu=2)
        time.sleep(number * 0.0005)
        assert server.cancel(f"early-{number}").status_code == 200
    for number in range(40):
        assert server.wait(f"early-{number}")["status"] == "cancelled"


def test_a_queued_job_is_cancelled_at_once(new_server: NewServer) -> None:
    server = new_server()
    server.create("first", "sleep 60", gpu="T4", gpu_count=8)
    server.create("second", "true", gpu="T4")
    server.create("other-gpu", "true", gpu="L4")
    assert server.wait("other-gpu")["status"] == "succeeded", "another GPU type is another queue"
    assert server.job("second")["status"] == "queued"
    cancelled = server.cancel("second").json()
    assert (cancelled["status"], cancelled["started_at"], cancelled["runtime_seconds"]) == ("cancelled", None, 0)
    server.create("third", "true", gpu="T4")
    server.cancel("first")
    assert server.wait("third")["status"] == "succeeded", "the room of the first is free again"


def test_a_timeout_counts_all_tries_and_is_not_retried(new_server: NewServer) -> None:
    server = new_server("--time-scale", "15")
    server.create("slow", "echo try; sleep 1; exit 1", timeout_minutes=1, max_retries=5)
    job = server.wait("slow")
    assert job["status"] == "timed_out", "4 s are over before six tries of 1 s are"
    assert job["retry_count"] < 5
    assert "timeout of 1 minutes" in job["error"]
    lines = server.lines("slow")
    assert sum("; retry " in line for line in lines) == job["retry_count"]
    assert 0 <= job["retry_count"] + 1 - lines.count("try") <= 1, "the last may be ended before it says a word"


def test_a_failed_try_is_tried_again(server: SeedServer) -> None:
    server.create("flaky", "[ -e tried ] && exit 0; touch tried; exit 3", max_retries=2)
    job = server.wait("flaky")
    assert (job["status"], job["exit_code"], job["retry_count"]) == ("succeeded", 0, 1)
    assert "seed: exit code 3; retry 1 of 2" in server.lines("flaky")


def test_a_job_fails_when_its_retries_are_used_up(server: SeedServer) -> None:
    server.create("hopeless", "exit 4", max_retries=2)
    job = server.wait("hopeless")
    assert (job["status"], job["exit_code"], job["retry_count"]) == ("failed", 4, 2)


def test_artifacts_are_kept_and_removed(server: SeedServer) -> None:
    job = server.create(
        "maker", "mkdir -p out/deep; printf 12345 > out/a; printf 123 > out/deep/b", artifacts_path="/out"
    )
    kept = server.wait("maker")["artifacts"]
    assert (kept["path"], kept["size_bytes"], kept["file_count"]) == ("/out", 8, 2)
    store = server.data / "artifacts" / "acme" / job["id"]
    assert (store / "deep" / "b").read_text() == "123"
    assert server.delete("maker").status_code == 204
    assert store.exists(), "a delete keeps artifacts unless told otherwise"
    again = server.create("maker", "mkdir out; touch out/a", artifacts_path="out")
    server.wait("maker")
    assert server.delete("maker", delete_artifacts="true").status_code == 204
    assert not (store.parent / again["id"]).exists()


@pytest.mark.parametrize("path", ["nothing", "../../..", "/etc"])
def test_artifacts_that_are_not_there_are_no_failure(server: SeedServer, path: str) -> None:
    name = f"without-{path.strip('./') or 'up'}"
    server.create(name, "true", artifacts_path=path)
    job = server.wait(name)
    assert (job["status"], job["artifacts"]) == ("succeeded", None), "nothing outside the job's folder can be reached"
    assert server.lines(name)[-1] == f"seed: nothing was left at {path}: no artifacts are kept"


def test_links_out_of_the_artifacts_are_left_out(server: SeedServer) -> None:
    job = server.create(
        "linker", "mkdir out; ln -s /etc/passwd out/p; ln -s /etc out/e; echo 1 > out/f", artifacts_path="out"
    )
    assert server.wait("linker")["artifacts"]["file_count"] == 1
    assert [path.name for path in (server.data / "artifacts" / "acme" / job["id"]).iterdir()] == ["f"]


@pytest.fixture
def repos(tmp_path: Path) -> Path:
    folder = tmp_path / "repos"
    repo = folder / "acme" / "trainer"
    repo.mkdir(parents=True)
    git = ["git", "-C", str(repo), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for branch, words in (("main", "from main"), ("exp/1", "from the experiment")):
        if branch != "main":
            subprocess.run([*git, "checkout", "-q", "-b", branch], check=True)
        (repo / "words.txt").write_text(words + "\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", branch], check=True)
    subprocess.run([*git, "checkout", "-q", "main"], check=True)
    return folder


def test_a_repo_is_cloned_at_its_branch(new_server: NewServer, repos: Path) -> None:
    server = new_server("--repos", str(repos))
    server.create("default", "cat words.txt", repo="acme/trainer", image=None)
    server.create("branch", "cat words.txt", repo="acme/trainer", branch="exp/1", image=None)
    server.create("missing", "true", repo="acme/nothing", image=None)
    server.create("no-branch", "true", repo="acme/trainer", branch="nope", image=None, max_retries=1)
    assert server.wait("default")["status"] == server.wait("branch")["status"] == "succeeded"
    assert server.lines("default") == ["from main"]
    assert server.lines("branch") == ["from the experiment"]
    missing = server.wait("missing")
    assert (missing["status"], missing["exit_code"]) == ("failed", None)
    assert missing["error"] == "repo acme/nothing isn't among the repositories of this Seed server"
    assert server.lines("missing") == [f"seed: {missing['error']}"]
    no_branch = server.wait("no-branch")
    assert "repo acme/trainer at branch nope can't be cloned" in no_branch["error"]
    assert any("nope" in line for line in server.lines("no-branch")[:-1]), "git's own words"


def test_a_repo_of_another_user_is_cloned_too(new_server: NewServer, repos: Path) -> None:
    """Git refuses other users' repositories unless told to trust them; whoever starts the server vouches for them."""
    if os.geteuid() == 0:  # only root can give files away; for others this is the plain case
        for path in (repos / "acme" / "trainer", repos / "acme" / "trainer" / ".git"):
            os.chown(path, 65534, 65534)
    server = new_server("--repos", str(repos))
    server.create("foreign", "cat words.txt", repo="acme/trainer", image=None)
    assert server.wait("foreign")["status"] == "succeeded", server.lines("foreign")


def test_a_cancel_while_a_try_is_failing_is_not_retried(patient: SeedServer) -> None:
    patient.create("unlucky", "trap 'exit 1' TERM; echo up; while :; do sleep 0.05; done", max_retries=5)
    patient.wait_for_line("unlucky", "up")
    patient.cancel("unlucky")
    job = patient.wait("unlucky")
    assert (job["status"], job["exit_code"], job["retry_count"]) == ("cancelled", 1, 0)
    assert patient.lines("unlucky").count("up") == 1


def test_a_command_that_is_too_long_for_the_system_fails_with_a_reason(server: SeedServer) -> None:
    server.create("heavy", "true", env={"BIG": "x" * 200_000})
    job = server.wait("heavy")
    assert (job["status"], job["exit_code"]) == ("failed", None)
    assert job["error"] == "node 0 can't be started: Argument list too long"

"""Spot jobs that are preempted: tried again within their retries, the log kept, the waiting not billed."""

from pathlib import Path

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import UNTIL_GO, alive, until


def test_a_spot_job_makes_room_and_runs_again(new_server: NewServer) -> None:
    server = new_server()
    command = "echo up; [ $SEED_JOB_NAME = spot ] || exec sleep 1; touch here; ls; sleep 60"
    spot = server.create("spot", command, gpu="L4", gpu_count=8, spot=True, max_retries=1)
    server.wait_for_line("spot", "here")
    server.create("urgent", f"echo up; {UNTIL_GO}", gpu="L4", gpu_count=8)
    server.wait("urgent", "running")
    again = server.job("spot")
    assert (again["status"], again["retry_count"]) == ("queued", 1)
    assert again["started_at"] is not None
    assert server.job("spot")["runtime_seconds"] == again["runtime_seconds"], "waiting is not billed"
    server.go("urgent")
    assert server.wait("urgent")["status"] == "succeeded"
    resumed = server.wait("spot", "running")
    assert (resumed["id"], resumed["started_at"]) == (spot["id"], again["started_at"])
    server.create("second", "true", gpu="L4", gpu_count=8)
    job = server.wait("spot")
    assert job["status"] == "failed"
    assert "of its 1 retries none was left" in job["error"]
    lines = server.lines("spot")
    assert lines.count("up") >= 1, "the log of the first try is kept"
    assert any("it is queued again, retry 1 of 1" in line for line in lines)
    assert server.wait("second")["status"] == "succeeded"


def test_preempted_by_command_and_killed_at_that_moment(new_server: NewServer) -> None:
    """The command is recorded before it is carried out: the next server carries it on."""
    server = new_server()
    polite = "trap 'sleep 0.5; exit 0' TERM; echo $$; while :; do sleep 0.05; done"
    server.create("spot", polite, spot=True, max_retries=2)
    server.create("firm", "sleep 60")
    server.wait("firm", "running")
    first = int(until("its first line", lambda: server.lines("spot")[1:])[0])
    refused = server.http.post(f"{server.url}/_control/preempt/acme/firm")
    assert refused.status_code == 409
    server.control("POST", "preempt/acme/spot")
    server.kill()
    server.start()
    until("its second try", lambda: sum(line.isdigit() for line in server.lines("spot")) == 2)
    assert (server.job("spot")["status"], server.job("spot")["retry_count"]) == ("running", 1)
    assert not alive(first)


def test_the_inventory_is_kept_to_and_published(new_server: NewServer, tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text("regions:\n  us-east-1: {cpu: 4}\n")
    server = new_server("--inventory", str(file))
    body = {"name": "big", "command": "true", "gpu": "none", "image": "x"}
    answer = server.try_create(body)
    assert answer.status_code == 422
    assert "8 vCPUs where there are 4" in answer.json()["error"]["message"]
    server.create("small", "true", cpu=4)
    assert server.wait("small")["status"] == "succeeded"
    shown = server.http.get(f"{server.url}/_inventory")
    assert shown.json()["regions"] == {
        "us-east-1": {"gpus": shown.json()["regions"]["us-east-1"]["gpus"], "cpu": 4, "memory_gb": 512}
    }

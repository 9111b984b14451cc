"""Get, analytics, cancel and delete: what a job tells of itself, and what may be done to it when."""

import re

import pytest

from conformance.platform_client import Platform, error_of

contract = pytest.mark.contract
DETAILS = (
    *("command", "image", "repo", "branch", "cpu", "memory_gb", "disk_gb", "spot", "num_nodes", "timeout_minutes"),
    *("max_retries", "retry_count", "exit_code", "error", "metrics", "total_cost", "artifacts"),
)
METRICS = ("gpu_utilization", "gpu_memory_used_gb", "cpu_utilization", "memory_used_gb")
SUMMARY = (
    *("gpu_utilization_avg", "gpu_utilization_max", "gpu_memory_used_gb_max", "cpu_utilization_avg"),
    *("memory_used_gb_max", "network_in_gb", "network_out_gb", "total_cost", "runtime_seconds", "queue_seconds"),
)


@contract(
    "### Get a job: `GET /{namespace}/job/{name}` (note the singular)",
    "`command`, `image`, `repo`, `branch`, `cpu`, `memory_gb`, `disk_gb`, `spot`, `num_nodes`,",
    "`timeout_minutes`, `max_retries`, `retry_count`, `exit_code`, `error`, `metrics`",
    "the listed fields, and the runtime metrics and artifact information",
    "(`gpu_utilization`, `gpu_memory_used_gb`, `cpu_utilization`, `memory_used_gb`), `total_cost` (decimal",
)
def test_a_get_has_all_fields(platform: Platform) -> None:
    name = platform.run("true", cpu=4)
    listed = next(job for job in platform.page(per_page=100).json()["data"] if job["name"] == name)
    job = platform.wait(name)
    assert set(listed) | set(DETAILS) <= set(job)
    assert (job["id"], job["command"], job["cpu"]) == (listed["id"], "true", 4)
    assert (job["status"], job["exit_code"], job["error"]) == ("succeeded", 0, None)
    assert set(METRICS) <= set(job["metrics"])
    assert re.fullmatch(r"\d+(\.\d+)?", job["total_cost"])


@contract("(a free string such as `Epoch 2/3 - Step 4200/6300`, or null)", "`progress`")
def test_progress_is_tracked(platform: Platform) -> None:
    job = platform.finished("echo 'Epoch 2/3 - Step 4200/6300'")
    assert job["progress"] is None or "2/3" in job["progress"]


@contract(
    "### Get job analytics: `GET /{namespace}/job/{name}/analytics`",
    "`summary` (`gpu_utilization_avg`,",
    "`gpu_utilization_max`, `gpu_memory_used_gb_max`, `cpu_utilization_avg`, `memory_used_gb_max`,",
    "and `series`",
    "(`timestamp`, `gpu_utilization`, `cpu_utilization`, `memory_used_gb`).",
)
def test_analytics(platform: Platform) -> None:
    name = platform.finished("sleep 1")["name"]
    analytics = platform.analytics(name).json()
    assert {"summary", "series"} <= set(analytics)
    summary = analytics["summary"]
    assert set(SUMMARY) <= set(summary)
    assert type(summary["runtime_seconds"]) is type(summary["queue_seconds"]) is int
    assert summary["runtime_seconds"] >= 1
    for sample in analytics["series"]:
        assert {"timestamp", "gpu_utilization", "cpu_utilization", "memory_used_gb"} <= set(sample)


@contract(
    "A job is a batch workload that runs a command to completion",
    "The first two are active, the",
    "other four terminal",
)
def test_what_has_ended_stays_as_it_is(platform: Platform) -> None:
    job = platform.finished("exit 1")
    error_of(platform.cancel(job["name"]), 409)
    assert platform.job(job["name"]) == job


@contract(
    "### Cancel: `POST /auth/v1/seed/{namespace}/jobs/{name}/cancel` gives 200 and the job",
    "A running job gets SIGTERM",
)
def test_a_running_job_is_asked_to_end(platform: Platform) -> None:
    name = platform.run("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done")
    platform.wait_for_line(name, "up")
    answer = platform.cancel(name)
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["status"]) in {(name, "running"), (name, "cancelled")}
    assert platform.wait(name)["status"] == "cancelled"
    assert "bye" in platform.messages(name)


@contract("then SIGKILL after a 30-second grace period (S)")
def test_who_does_not_end_is_killed_after_the_grace_period(platform: Platform) -> None:
    name = platform.run("trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done")
    platform.wait_for_line(name, "up")
    platform.cancel(name)
    platform.wait_for_line(name, "asked")
    job = platform.wait(name)
    assert job["status"] == "cancelled"
    assert job["runtime_seconds"] >= platform.target.grace_seconds


@pytest.mark.local
@contract("Queued or running jobs only.", "First come first served per region and GPU type.")
def test_a_queued_job_is_cancelled_at_once(platform: Platform) -> None:
    room = {"gpu": "A100-80GB", "region": "ap-northeast-1"}
    holder = platform.run("sleep 600", gpu_count=8, **room)
    platform.wait(holder, "running")
    first, second = platform.run("true", **room), platform.run("true", **room)
    assert [platform.job(name)["status"] for name in (first, second)] == ["queued", "queued"]
    assert platform.cancel(second).json()["status"] == "cancelled"
    job = platform.job(second)
    assert (job["started_at"], job["runtime_seconds"]) == (None, 0)
    platform.cancel(holder)
    assert platform.wait(first)["status"] == "succeeded"


@pytest.mark.local
@contract("The status stays `running` in the grace period, a second cancel meanwhile is 200.")
def test_a_second_cancel(platform: Platform) -> None:
    name = platform.run("trap '' TERM; echo up; while :; do sleep 0.1; done")
    platform.wait_for_line(name, "up")
    assert platform.cancel(name).json()["status"] == "running"
    assert platform.cancel(name).status_code == 200
    assert platform.wait(name)["status"] == "cancelled"


@contract(
    "?delete_artifacts=true|false` gives 204, no body", "Removes the record of a completed, failed or cancelled job"
)
@pytest.mark.parametrize("command", ["exit 1", "true"])
def test_an_ended_jobs_record_is_removed(platform: Platform, command: str) -> None:
    name = platform.finished(command)["name"]
    answer = platform.delete(name, delete_artifacts="false")
    assert (answer.status_code, answer.content) == (204, b"")
    error_of(platform.get(name), 404)
    error_of(platform.delete(name), 404)
    assert name not in [job["name"] for job in platform.page(per_page=100).json()["data"]]
    assert platform.create(platform.body(name=name)).status_code == 201, "the name is free again"


@contract("A job that has not ended: 409.")
def test_what_has_not_ended_is_not_deleted(platform: Platform) -> None:
    name = platform.run("sleep 600")
    error_of(platform.delete(name), 409)
    assert platform.cancel(name).status_code == 200
    platform.wait(name)
    assert platform.delete(name).status_code == 204


@contract("with `delete_artifacts`, its uploaded", "artifacts, which cannot be undone (S)")
def test_artifacts_go_with_the_record(platform: Platform) -> None:
    job = platform.finished("echo 1 > result", artifacts_path="result")
    assert job["artifacts"]["file_count"] == 1
    assert platform.delete(job["name"], delete_artifacts="true").status_code == 204
    error_of(platform.get(job["name"]), 404)


@contract("?delete_artifacts=true|false`")
def test_another_word_is_refused(platform: Platform) -> None:
    name = platform.finished()["name"]
    assert "delete_artifacts" in error_of(platform.delete(name, delete_artifacts="yes"), 400)
    assert platform.get(name).status_code == 200

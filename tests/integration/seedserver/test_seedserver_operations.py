"""The seven operations on a real server: their shapes, their orders, and each error of the contract."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import TOKEN, SeedServer, until
from seedjob_operator.seedapi import wire

BODY = {"name": "x", "command": "true", "gpu": "none", "image": "x"}


def message(answer: httpx.Response) -> str:
    """Give the message of an error, which must have the contract's shape."""
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "details"}
    assert isinstance(error["code"], str)
    return str(error["message"])


def test_a_job_from_create_to_delete(server: SeedServer) -> None:
    created = server.create("whole", "echo hello; exit 0", env={"TOKEN": "s3cr3t"}, gpu="L4", gpu_count=2)
    assert created["status"] in ("queued", "running")
    assert created["id"].startswith("job_")
    ended = server.wait("whole")
    assert (ended["status"], ended["exit_code"], ended["error"]) == ("succeeded", 0, None)
    assert ended["cost_per_hour"] == "1.60"
    assert ended["runtime_seconds"] >= 1
    assert "s3cr3t" not in str(ended)
    assert "env" not in ended, "environments are left out of every answer"
    assert set(ended) == set(wire.Job.model_fields)
    assert server.lines("whole")[1:] == ["hello"]
    gone = server.delete("whole")
    assert (gone.status_code, gone.content) == (204, b"")
    assert server.ask("GET", wire.GET_JOB, "whole").status_code == 404
    assert server.delete("whole").status_code == 404
    assert server.create("whole", "true")["id"] != created["id"], "the name is free again"


def test_times_are_utc_with_microseconds_and_in_order(server: SeedServer) -> None:
    server.create("times", "sleep 0.1")
    job = server.wait("times")
    texts = [job[name] for name in ("created_at", "started_at", "completed_at")]
    assert all(text.endswith("Z") for text in texts)
    times = [datetime.fromisoformat(text) for text in texts]
    assert times == sorted(times)
    assert times[2] - times[1] >= timedelta(seconds=0.1)


@pytest.mark.parametrize(
    ("command", "status", "code"),
    [("exit 0", "succeeded", 0), ("exit 7", "failed", 7), ("kill -9 $$", "failed", 137), ("nonsense", "failed", 127)],
)
def test_exit_codes_are_the_commands_own(server: SeedServer, command: str, status: str, code: int) -> None:
    name = f"exit-{code}"
    server.create(name, command)
    job = server.wait(name)
    assert (job["status"], job["exit_code"]) == (status, code)
    assert (job["error"] is None) == (status == "succeeded")


def test_lists_are_sorted_filtered_and_paged(new_server: NewServer) -> None:
    server = new_server()
    for number in range(5):
        server.create(f"job-{number}", "exit $((CODE % 2))", env={"CODE": str(number)})
        server.wait(f"job-{number}")

    def names(**query: Any) -> list[str]:
        return [job["name"] for job in server.ask("GET", wire.LIST_JOBS, params=query).json()["data"]]

    newest_first = [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    assert names() == newest_first, "the default: by creation, newest first"
    for sort in ("created_at", "started_at", "completed_at", "name"):
        assert names(sort=sort, order="asc") == newest_first[::-1], sort
    assert names(status="failed") == ["job-3", "job-1"]
    assert names(per_page=2, page=2) == ["job-2", "job-1"]
    page = server.ask("GET", wire.LIST_JOBS, params={"per_page": 2, "page": 9}).json()
    assert page == {"data": [], "pagination": {"page": 9, "per_page": 2, "total": 5, "total_pages": 3}}
    listed = server.ask("GET", wire.LIST_JOBS, params={"per_page": 1}).json()["data"][0]
    assert set(listed) == set(wire.LISTED_FIELDS)


@pytest.mark.parametrize(
    ("template", "query", "words"),
    [
        (wire.LIST_JOBS, "per_page=101", "per_page"),
        (wire.LIST_JOBS, "per_page=0", "per_page"),
        (wire.LIST_JOBS, "page=0", "page"),
        (wire.LIST_JOBS, "page=1.0", "page: write a whole number"),
        (wire.LIST_JOBS, "page=1_0", "page: write a whole number"),
        (wire.LIST_JOBS, "sort=cost", "sort"),
        (wire.LIST_JOBS, "order=up", "order"),
        (wire.LIST_JOBS, "status=unknown", "status"),
        (wire.LIST_JOBS, "page=1&page=2", "page: is given more than once"),
        (wire.GET_LOGS, "tail=0", "tail"),
        (wire.GET_LOGS, "tail=10001", "tail"),
        (wire.GET_LOGS, "since=yesterday", "since: write an ISO 8601 time"),
        (wire.GET_LOGS, "since=2026-01-31T12:00:00", "since: write an ISO 8601 time with its zone"),
        (wire.GET_LOGS, "since=2026-02-31T12:00:00Z", "since: there is no such time"),
        (wire.GET_LOGS, "stream=yes", "stream"),
        (wire.GET_LOGS, "tail=1&tail=1", "tail: is given more than once"),
    ],
)
def test_a_bad_query_is_refused_with_its_field(server: SeedServer, template: str, query: str, words: str) -> None:
    server.try_create(BODY | {"name": "for-queries"})
    answer = server.ask("GET", template, "for-queries", params=httpx.QueryParams(query))
    assert answer.status_code == 400
    assert message(answer).startswith(words)


def test_operations_without_parameters_look_at_none(server: SeedServer) -> None:
    """They have no 400 for a query: `/openapi.json` declares none, and no meaning is in doubt."""
    twice = httpx.QueryParams("page=1&page=2")
    created = server.ask(
        "POST", wire.CREATE_JOB, params=twice, json=BODY | {"name": "any-query", "command": "sleep 60"}
    )
    assert created.status_code == 201
    for method, template in (("GET", wire.GET_JOB), ("GET", wire.GET_ANALYTICS), ("POST", wire.CANCEL_JOB)):
        assert server.ask(method, template, "any-query", params=twice).status_code == 200, template
    deleted = server.ask("DELETE", wire.DELETE_JOB, "any-query", params=httpx.QueryParams("delete_artifacts=true&" * 2))
    assert (deleted.status_code, message(deleted)) == (400, "delete_artifacts: is given more than once; give it once")


def test_a_bad_create_is_refused_and_changes_nothing(server: SeedServer) -> None:
    before = len(server.control("GET", "ledger")["creates"])
    bad = server.try_create(BODY | {"cpu": 3, "env": {"A": 5}})
    assert bad.status_code == 400
    assert message(bad).startswith("cpu: ")
    assert {problem["field"] for problem in bad.json()["error"]["details"]} == {"cpu", "env"}
    impossible = server.try_create(BODY | {"gpu": "T4", "gpu_count": 8, "num_nodes": 2})
    assert impossible.status_code == 422
    assert "16 GPUs of type T4" in message(impossible)
    assert len(server.control("GET", "ledger")["creates"]) == before


def test_a_name_is_taken_until_its_record_is_deleted(server: SeedServer) -> None:
    server.create("taken", "true")
    server.wait("taken")
    again = server.try_create(BODY | {"name": "taken"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")


def test_what_the_state_does_not_allow(server: SeedServer) -> None:
    server.create("states", "sleep 60")
    server.wait("states", "running")
    running = server.delete("states")
    assert running.status_code == 409
    assert "states is running" in message(running)
    assert server.cancel("states").status_code == 200
    server.wait("states", "cancelled")
    again = server.cancel("states")
    assert again.status_code == 409
    assert "states is cancelled" in message(again)
    stream = server.ask("GET", wire.GET_LOGS, "states", params={"stream": "true"})
    assert stream.status_code == 409
    assert "only a running job" in message(stream)


@pytest.mark.parametrize(
    ("method", "template"),
    [
        ("GET", wire.GET_JOB),
        ("GET", wire.GET_LOGS),
        ("GET", wire.GET_ANALYTICS),
        ("POST", wire.CANCEL_JOB),
        ("DELETE", wire.DELETE_JOB),
    ],
)
def test_a_job_that_does_not_exist(server: SeedServer, method: str, template: str) -> None:
    answer = server.ask(method, template, "nobody")
    assert answer.status_code == 404
    assert "nobody" in message(answer)


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic abc", "API-Key nodollar"])
def test_without_good_credentials(server: SeedServer, authorization: str) -> None:
    answer = server.ask("GET", wire.LIST_JOBS, headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert "wrong" not in answer.text


def test_an_api_key_is_as_good_as_a_token(server: SeedServer) -> None:
    header = {"Authorization": f"API-Key ci${TOKEN}"}
    assert server.ask("GET", wire.LIST_JOBS, headers=header).status_code == 200


@pytest.mark.parametrize(("method", "template"), [("GET", wire.LIST_JOBS), ("POST", wire.CREATE_JOB)])
def test_another_namespace_is_forbidden(server: SeedServer, method: str, template: str) -> None:
    answer = server.ask(method, template, namespace="other", json=BODY)
    assert answer.status_code == 403
    assert "other" in message(answer)


def test_paths_and_methods_that_are_not_there(server: SeedServer) -> None:
    assert message(server.http.get(f"{server.url}/no/such/path")) == "there is no such path"
    assert server.http.get(f"{server.url}/acme/jobs/").status_code == 404, "no redirects, which could lose a body"
    assert server.http.put(server.url + wire.path(wire.LIST_JOBS, namespace="acme")).status_code == 405
    assert server.http.get(f"{server.url}/_control/jobs").status_code == 404, "no way around the access checks"


def test_a_plan_limits_and_says_so(new_server: NewServer) -> None:
    server = new_server("--plan", "60")
    answers = [server.ask("GET", wire.LIST_JOBS)]
    while answers[-1].status_code == 200:  # the 11th within a second, or the 61st within a minute
        answers.append(server.ask("GET", wire.LIST_JOBS))
    assert [answer.status_code for answer in answers] == [200] * (len(answers) - 1) + [429]
    assert len(answers) > 10, "a burst of 10 passes"
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers[:3]] == ["59", "58", "57"]
    refused = answers[-1]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= {
        name.title().replace("Ratelimit", "RateLimit") for name in refused.headers
    }
    assert "60 requests a minute" in message(refused)


def test_an_unlimited_plan_has_no_limit_headers(server: SeedServer) -> None:
    assert not [name for name in server.ask("GET", wire.LIST_JOBS).headers if "ratelimit" in name.lower()]


def test_analytics_are_of_real_samples(server: SeedServer) -> None:
    # The last sample of all may see a process that is half gone, so what the job uses *now* is read while it runs.
    hold = 'import os; data = bytearray(300 << 20)\nwhile not os.path.exists("go"): pass'
    server.create("busy", f"python3 -c '{hold}'", cpu=2)
    until("the memory of the running job", lambda: (server.job("busy")["metrics"]["memory_used_gb"] or 0) >= 0.29)
    until("two samples", lambda: len(server.ask("GET", wire.GET_ANALYTICS, "busy").json()["series"]) >= 2)
    server.go("busy")
    server.wait("busy", "succeeded")
    analytics = server.ask("GET", wire.GET_ANALYTICS, "busy").json()
    summary = analytics["summary"]
    assert len(analytics["series"]) >= 2, "about one sample a second"
    assert summary["memory_used_gb_max"] >= 0.29
    assert 0 < summary["cpu_utilization_avg"] <= 100, "how much it gets is up to what else runs on the machine"
    assert summary["gpu_utilization_avg"] is None
    assert summary["runtime_seconds"] >= 2
    assert set(summary) == set(wire.Summary.model_fields)

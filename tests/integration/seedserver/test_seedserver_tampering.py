"""Faults on a real server, as a client meets them: each kind once, and how they are asked for."""

import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import TOKEN, SeedServer, until
from seedjob_operator.seedapi import wire


@pytest.fixture
def faulty(server: SeedServer) -> SeedServer:
    server.control("DELETE", "faults")
    return server


def fault(server: SeedServer, kind: str, operation: str = "get", **more: Any) -> None:
    server.control("POST", "faults", operation=operation, kind=kind, **more)


def get(server: SeedServer) -> httpx.Response:
    return server.ask("GET", wire.GET_JOB, "broken")


@pytest.fixture
def job(faulty: SeedServer) -> dict[str, Any]:
    if faulty.ask("GET", wire.GET_JOB, "broken").status_code == 404:
        faulty.create("broken", "echo hello")
    return faulty.wait("broken")


def test_dropped_answers_are_of_work_that_was_done(faulty: SeedServer) -> None:
    fault(faulty, "drop", "create")
    with pytest.raises(httpx.TransportError):
        faulty.create("unanswered", "true")
    assert faulty.wait("unanswered")["status"] == "succeeded"
    assert len(faulty.control("GET", "ledger?name=unanswered")["creates"]) == 1


def test_a_connection_is_reset_in_mid_body(faulty: SeedServer, job: dict[str, Any]) -> None:
    fault(faulty, "reset")
    with faulty.http.stream("GET", f"{faulty.url}/acme/job/broken") as answer:
        assert answer.status_code == 200, "it began well"
        with pytest.raises(httpx.TransportError):
            answer.read()
    assert get(faulty).json() == job, "only once"


def test_a_body_stops_in_its_middle_and_goes_on(faulty: SeedServer, job: dict[str, Any]) -> None:
    fault(faulty, "stall", seconds=0.7)
    begin = time.monotonic()
    with faulty.http.stream("GET", f"{faulty.url}/acme/job/broken") as answer:
        pieces = [(time.monotonic() - begin, piece) for piece in answer.iter_raw()]
    assert b"".join(piece for _, piece in pieces) == get(faulty).content
    assert pieces[-1][0] >= 0.7


def test_bodies_are_cut_and_malformed(faulty: SeedServer, job: dict[str, Any]) -> None:
    whole = get(faulty).content
    fault(faulty, "truncate")
    assert get(faulty).content == whole[: len(whole) // 2]
    fault(faulty, "malform", body="<html>", content_type="text/html")
    answer = get(faulty)
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (200, "<html>", "text/html")
    fault(faulty, "malform", body="null")
    assert get(faulty).json() is None
    assert get(faulty).content == whole


def test_a_stream_can_be_cut_too(faulty: SeedServer) -> None:
    faulty.create("cut", "echo first; sleep 60")
    faulty.wait_for_line("cut", "first")
    fault(faulty, "truncate", "logs")
    whole = faulty.ask("GET", wire.GET_LOGS, "cut", params={"stream": "true"})
    assert whole.text.startswith("event: log")
    assert "first" not in whole.text
    fault(faulty, "reset", "logs")
    with pytest.raises(httpx.TransportError):
        faulty.ask("GET", wire.GET_LOGS, "cut", params={"stream": "true"})
    faulty.cancel("cut")


def test_an_unknown_status(faulty: SeedServer, job: dict[str, Any]) -> None:
    fault(faulty, "unknown_status", "any", count=2)
    assert get(faulty).json() == job | {"status": "hibernating"}
    listed = faulty.ask("GET", wire.LIST_JOBS).json()
    assert {item["status"] for item in listed["data"]} == {"hibernating"}
    assert get(faulty).json() == job


def test_pages_that_shift(faulty: SeedServer) -> None:
    for number in range(4):
        faulty.create(f"page-{number}", "true")

    def page(number: int) -> list[str]:
        query = {"per_page": 2, "page": number, "sort": "name"}
        return [item["name"] for item in faulty.ask("GET", wire.LIST_JOBS, params=query).json()["data"]]

    first, second = page(1), page(2)
    fault(faulty, "shift", "list")
    assert page(1) == [first[1], second[0]]
    fault(faulty, "shift", "list", by=-1)
    assert page(2) == [first[1], second[0]]
    assert page(1) == first


def test_a_clock_that_is_wrong(faulty: SeedServer, job: dict[str, Any]) -> None:
    def answered_at(answer: httpx.Response) -> datetime:
        return parsedate_to_datetime(answer.headers["Date"])

    before = get(faulty)
    fault(faulty, "skew", "any", seconds=-7200, count=None)
    after = get(faulty)
    ahead = answered_at(before) - answered_at(after)
    assert timedelta(minutes=119) < ahead <= timedelta(hours=2)
    for name in ("created_at", "started_at", "completed_at"):
        there = datetime.fromisoformat(after.json()[name])
        assert there == datetime.fromisoformat(job[name]) - timedelta(hours=2)
        assert after.json()[name].endswith("Z")
    line = faulty.ask("GET", wire.GET_LOGS, "broken").json()["data"][-2]
    assert faulty.lines("broken", since=line["timestamp"]) == ["hello"], "a time of that clock is read by that clock"
    faulty.control("DELETE", "faults")
    assert get(faulty).json() == job


def test_errors_with_and_without_a_time_to_wait(faulty: SeedServer, job: dict[str, Any]) -> None:
    fault(faulty, "fail", status=429, retry_after=7)
    refused = get(faulty)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert refused.json()["error"]["code"] == "rate_limited"
    fault(faulty, "fail", status=503, retry_after="Fri, 31 Jan 2031 12:00:00 GMT")
    assert get(faulty).headers["Retry-After"] == "Fri, 31 Jan 2031 12:00:00 GMT"
    fault(faulty, "fail", status=502)
    assert "Retry-After" not in get(faulty).headers


def test_the_whole_server_frozen(new_server: NewServer) -> None:
    """From when the last request before it was sent to the first answer behind it, however late we are to ask."""
    server, sent = new_server(), [time.monotonic()]
    answer = server.http.post(f"{server.url}/_control/freeze", json={"seconds": 3})
    assert answer.status_code == 202, "it answers before it freezes"

    def silent() -> bool:
        sent.append(time.monotonic())
        server.http.get(f"{server.url}/healthz")
        return time.monotonic() - sent[-2] >= 3.0

    until("nothing at all is answered for a while", silent)


def test_credentials_rotated(new_server: NewServer) -> None:
    server = new_server()

    def status(token: str) -> int:
        return server.ask("GET", wire.LIST_JOBS, headers={"Authorization": f"Bearer {token}"}).status_code

    assert (status(TOKEN), status("next-token")) == (200, 401)
    server.control("POST", "credentials", old=TOKEN, new="next-token")
    assert (status(TOKEN), status("next-token")) == (401, 200)
    again = server.http.post(f"{server.url}/_control/credentials", json={"old": TOKEN, "new": "other-token"})
    assert again.json()["error"]["message"] == "old: is no token of this server; give the one that shall end"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "kind: write one of delay, fail, drop"),
        ({"kind": "explode", "operation": "get"}, "kind: write one of delay, fail, drop"),
        ({"kind": "drop"}, "operation: is required"),
        ({"kind": "drop", "operation": "put"}, "operation: input should be 'list', 'get'"),
        ({"kind": "drop", "operation": "get", "seconds": 1}, "seconds: is not a field of this request"),
        ({"kind": "fail", "operation": "get", "status": 200}, "status: input should be greater than or equal to 400"),
        ({"kind": "drop", "operation": "get", "probability": 2}, "probability: input should be less than"),
        ({"kind": "shift", "operation": "get"}, "operation: input should be 'list'"),
    ],
)
def test_a_fault_that_is_none_is_refused_in_a_sentence(faulty: SeedServer, body: dict[str, Any], words: str) -> None:
    answer = faulty.http.post(f"{faulty.url}/_control/faults", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(words)
    assert faulty.control("GET", "faults")["faults"] == []


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("freeze", {"seconds": 0}, "seconds: input should be greater than 0"),
        ("freeze", {}, "seconds: is required"),
        ("credentials", {"old": TOKEN, "new": "x"}, "new: write a token of 4 or more"),
    ],
)
def test_what_else_is_asked_for_wrongly(faulty: SeedServer, path: str, body: dict[str, Any], words: str) -> None:
    answer = faulty.http.post(f"{faulty.url}/_control/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(words)


def test_a_page_in_a_browser_can_switch_nothing_on(faulty: SeedServer) -> None:
    """It may send forms and plain text to any address without being asked, but not JSON."""
    body = '{"operation": "any", "kind": "drop"}'
    answer = faulty.http.post(f"{faulty.url}/_control/faults", content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 400
    assert "Content-Type: application/json" in answer.text


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=x"},
    ],
)
def test_no_web_page_or_proxy_reaches_the_control(faulty: SeedServer, header: dict[str, str]) -> None:
    """A browser on this machine sends from loopback, too: but it names the page's origin, or the host that it was fooled with.

    So does a proxy on this machine, for whoever asks it from elsewhere.
    """
    for method, path in (("GET", "ledger"), ("POST", "preempt/acme/any")):
        answer = faulty.http.request(method, f"{faulty.url}/_control/{path}", headers=header)
        assert answer.status_code == 403, path

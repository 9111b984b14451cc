"""A job's log over HTTP: its end, from a time on, and as a stream that can be resumed."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import httpx_sse

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import UNTIL_GO, SeedServer, until
from seedjob_operator.seedapi import wire
from seedjob_operator.seedapi.answers import MAX_BODY


def events(server: SeedServer, name: str, **options: Any) -> Iterator[httpx_sse.ServerSentEvent]:
    headers = dict(server.http.headers) | options.pop("headers", {})
    where = server.url + wire.path(wire.GET_LOGS, namespace="acme", name=name)
    query = {"stream": "true"} | options
    with httpx_sse.connect_sse(server.http, "GET", where, params=query, headers=headers) as source:
        assert source.response.status_code == 200, source.response.read()
        yield from source.iter_sse()


def test_tail_and_since(server: SeedServer) -> None:
    server.create("counting", f"for i in 1 2 3; do echo $i; done; {UNTIL_GO}; echo oops >&2", repo=None)
    server.wait_for_line("counting", "3")
    server.go("counting")
    server.wait("counting")
    data = server.ask("GET", wire.GET_LOGS, "counting").json()["data"]
    assert [line["message"] for line in data[1:]] == ["1", "2", "3", "oops"]
    assert [(line["stream"], line["node"]) for line in data[-2:]] == [("stdout", 0), ("stderr", 0)]
    assert server.lines("counting", tail=2) == ["3", "oops"]
    third = data[3]["timestamp"]
    assert server.lines("counting", since=third) == ["oops"], "only lines after that time"
    assert server.lines("counting", since=data[0]["timestamp"], tail=1) == ["oops"]
    assert server.lines("counting", since="2099-01-01T00:00:00+01:00") == []


def test_without_tail_the_last_thousand_lines(server: SeedServer) -> None:
    server.create("chatty", "seq 1 12000")
    server.wait("chatty")
    assert server.lines("chatty") == [str(number) for number in range(11001, 12001)]
    assert len(server.lines("chatty", tail=10000)) == 10000
    first = server.ask("GET", wire.GET_LOGS, "chatty", params={"since": "2020-01-01T00:00:00Z"}).json()["data"]
    assert 1 < len(first) <= 10000
    assert first[-1]["message"].startswith("seed: more lines follow")
    rest = server.lines("chatty", since=first[-1]["timestamp"])
    seen = [line["message"] for line in first[1:-1]]
    assert [*seen, *rest] == [str(number) for number in range(1, 12001)], "the first ones, to go on from"


def test_an_answer_is_bounded_in_bytes_and_says_so(new_server: NewServer) -> None:
    """Ten thousand lines can be hundreds of megabytes, and all would be in the server's memory at once."""
    server = new_server()
    server.create("wide", "head -c 12000000 /dev/zero | tr '\\0' x | fold -w 50000; echo; echo last")
    server.wait("wide")
    answer = server.ask("GET", wire.GET_LOGS, "wide", params={"tail": 10000})
    lines = answer.json()["data"]
    assert 6 << 20 < len(answer.content) <= MAX_BODY, "as much as our own client reads"
    assert "older lines are left out here" in lines[0]["message"]
    assert lines[-1]["message"] == "last"
    assert {len(line["message"]) for line in lines[1:-1]} == {50_000}, "whole lines"


def test_a_queued_job_has_an_empty_log(server: SeedServer) -> None:
    server.create("holder", "sleep 60", gpu="H100-80GB", gpu_count=8)
    server.create("waiter", "true", gpu="H100-80GB")
    assert server.lines("waiter") == []
    server.cancel("waiter")
    server.cancel("holder")


def test_a_stream_gives_each_line_once_and_the_end(server: SeedServer) -> None:
    server.create("live", f"{UNTIL_GO}; for i in 1 2 3 4 5 6; do echo line $i; sleep 0.05; done; exit 2")
    server.wait("live", "running")
    stream = events(server, "live")
    seen = [next(stream)]
    server.go("live")
    seen += stream
    assert [event.json()["message"] for event in seen[1:-1]] == [f"line {number}" for number in range(1, 7)]
    assert {event.event for event in seen[:-1]} == {"log"}
    assert (seen[-1].event, seen[-1].json()) == ("end", {"status": "failed"})
    assert seen[1].json()["stream"] == "stdout"


def test_a_stream_goes_on_where_the_last_one_broke_off(server: SeedServer) -> None:
    server.create("resumed", f"seq 1 10; {UNTIL_GO}; seq 11 30")
    server.wait("resumed", "running")
    first = []
    for event in events(server, "resumed"):
        first.append(event)
        if len(first) == 6:
            break
    stream = events(server, "resumed", headers={"Last-Event-ID": first[-1].id})
    rest = [next(stream)]
    server.go("resumed")
    rest += stream
    messages = [event.json()["message"] for event in (*first, *rest) if event.event == "log"]
    assert messages[1:] == [str(number) for number in range(1, 31)], "no line is missing, none comes twice"


def test_a_stream_may_start_at_the_end(server: SeedServer) -> None:
    server.create("late", f"seq 1 50; {UNTIL_GO}; echo last")
    server.wait_for_line("late", "50")
    stream = events(server, "late", tail="2")
    first = next(stream)
    server.go("late")
    messages = [event.json().get("message") for event in (first, *stream)]
    assert messages == ["49", "50", "last", None]


def test_what_cannot_be_an_events_id_is_refused(server: SeedServer) -> None:
    """Also where no stream is asked for: `/openapi.json` knows one rule for it."""
    server.create("positions", "echo hello; sleep 60")
    server.wait_for_line("positions", "hello")
    for bad, stream in itertools.product(("x", "-1", "1.5", "9" * 19), ("true", "false")):
        answer = server.ask(
            "GET", wire.GET_LOGS, "positions", params={"stream": stream}, headers={"Last-Event-ID": bad}
        )
        assert answer.status_code == 400, (bad, stream)
        assert answer.json()["error"]["message"].startswith("Last-Event-ID")
    server.cancel("positions")


def test_an_id_of_another_log_goes_on_with_the_next_whole_line(server: SeedServer) -> None:
    """A client that sent a wrong id would ask for ever if it were refused; half a line is never sent."""
    server.create("strange", f"echo hello; {UNTIL_GO}; echo last")
    server.wait_for_line("strange", "hello")
    stream = events(server, "strange", headers={"Last-Event-ID": "3"})
    first = next(stream)
    server.go("strange")
    assert [event.json().get("message") for event in (first, *stream)] == ["hello", "last", None]


def test_many_followers_all_see_everything(server: SeedServer) -> None:
    server.create("popular", f"{UNTIL_GO}; seq 1 2000")
    server.wait("popular", "running")
    counts: list[int] = []
    all_there = threading.Barrier(9)

    def follow() -> None:
        stream = events(server, "popular")
        first = next(stream)
        all_there.wait(90)
        counts.append(sum(1 for event in (first, *stream) if event.event == "log"))

    threads = [threading.Thread(target=follow) for _ in range(8)]
    for thread in threads:
        thread.start()
    all_there.wait(90)
    server.go("popular")
    for thread in threads:
        thread.join(90)
    until("all followers", lambda: len(counts) == 8)
    assert counts == [2001] * 8


def test_a_log_that_is_too_long_loses_its_beginning_and_says_so(server: SeedServer) -> None:
    """Its disk is bounded; whoever reads it finds the last part without a gap, and words about the rest."""
    job = server.create("endless", "seq 1 100000; sleep 60")
    server.wait_for_line("endless", "100000")
    log = server.data / "jobs" / job["id"] / "log"
    assert sum(segment.stat().st_size for segment in log.iterdir()) <= 1 << 20
    assert server.lines("endless", tail=2) == ["99999", "100000"]
    streamed: list[str] = []
    for event in events(server, "endless"):
        streamed.append(event.json()["message"])
        if streamed[-1] == "100000":
            break
    assert "its beginning was dropped" in streamed[0]
    numbers = [int(message) for message in streamed if message.isdigit()]
    assert numbers == list(range(numbers[0], 100_001))
    assert 1 < numbers[0] < 95_000
    assert any("were dropped" in message for message in streamed), "the log itself says so too"
    earliest = [line for line in server.lines("endless", since="2020-01-01T00:00:00Z") if line.isdigit()]
    assert int(earliest[0]) == numbers[0], "since a time that is gone: from the first line that is there"
    server.cancel("endless")


def test_who_reads_slowly_is_told_what_was_missed(server: SeedServer) -> None:
    """The connection's own buffers fill up, and the job doesn't wait for its readers."""
    last = 300_000
    server.create("fast", f"{UNTIL_GO}; seq 1 {last}")
    server.wait("fast", "running")
    stream = events(server, "fast")
    next(stream)
    server.go("fast")
    server.wait_for_line("fast", str(last))
    before, notes, told = 0, 0, False
    for event in stream:
        message = event.json().get("message", "")
        if not message.isdigit():
            told = told or "are left out here" in message
            notes += told
            continue
        assert int(message) == before + 1 or (told and int(message) > before), "a gap without a word"
        before, told = int(message), False
    assert before == last
    assert notes
    assert (event.event, event.json()) == ("end", {"status": "succeeded"})

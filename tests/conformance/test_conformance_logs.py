"""Get job logs: its end, from a time on, and as a stream."""

import json

import pytest

from conformance.platform_client import Platform, error_of, moment

contract = pytest.mark.contract
COUNTING = "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; sleep 0.5; echo oops >&2"


@pytest.fixture(scope="module")
def counted(platform: Platform) -> str:
    return str(platform.finished(COUNTING)["name"])


@contract('`{"data": [{"timestamp", "message", "stream": "stdout"|"stderr", "node"?: int}]}`')
def test_lines(platform: Platform, counted: str) -> None:
    lines = platform.logs(counted).json()["data"]
    for line in lines:
        assert {"timestamp", "message", "stream"} <= set(line) <= {"timestamp", "message", "stream", "node"}
        assert line["timestamp"].endswith("Z")
        assert "node" not in line or type(line["node"]) is int
    ours = [(line["message"], line["stream"]) for line in lines if "node" in line]
    assert ours == [*((str(number), "stdout") for number in range(1, 6)), ("oops", "stderr")]


@contract("`tail` (most recent lines, maximum **10000**)")
def test_tail(platform: Platform, counted: str) -> None:
    assert platform.messages(counted, tail=2) == ["5", "oops"]
    assert platform.messages(counted, tail=10000)[-1] == "oops"
    assert "tail" in error_of(platform.logs(counted, tail=10001), 400)


@contract("`since` (only lines after this")
def test_since(platform: Platform, counted: str) -> None:
    lines = [line for line in platform.logs(counted).json()["data"] if "node" in line]
    behind = [line["message"] for line in lines if moment(line["timestamp"]) > moment(lines[0]["timestamp"])]
    assert platform.messages(counted, since=lines[0]["timestamp"]) == behind
    assert behind[-1] == "oops"
    assert platform.messages(counted, since="2099-01-01T00:00:00Z") == []
    assert "since" in error_of(platform.logs(counted, since="yesterday"), 400)


@contract("**only for running jobs**", "A job that is", "not running: 409.")
def test_what_has_ended_is_not_streamed(platform: Platform, counted: str) -> None:
    error_of(platform.logs(counted, stream="true"), 409)


@contract(
    "one SSE event a line, `event: log`, `id:` = a resumable position, `data:` = the same JSON", "`event: end` with"
)
def test_a_stream(platform: Platform) -> None:
    name = platform.run(f"{COUNTING}; sleep 600")
    platform.wait(name, "running")
    seen = list(platform.follow_and_cancel(name, behind="oops"))
    *lines, end = seen
    assert {event.event for event in lines} == {"log"}
    assert all(event.id for event in lines)
    assert (end.event, json.loads(end.data)) == ("end", {"status": "cancelled"})
    assert [json.loads(event.data) for event in lines] == platform.logs(name).json()["data"], "the same JSON objects"


@contract("`id:` = a resumable position")
def test_a_stream_is_resumed_behind_an_event(platform: Platform) -> None:
    name = platform.run("i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo $i; sleep 0.1; done; sleep 600")
    platform.wait(name, "running")
    first = []
    for event in platform.follow(name):
        first.append(event)
        if len(first) == 5:
            break
    rest = list(platform.follow_and_cancel(name, behind="20", last=first[-1].id))
    lines = [json.loads(event.data) for event in (*first, *rest) if event.event == "log"]
    ours = [line["message"] for line in lines if "node" in line]
    assert ours == [str(number) for number in range(1, 21)], "none missing, none twice"


@contract("comment lines as keep-alive")
def test_a_quiet_stream_is_kept_alive(platform: Platform) -> None:
    name = platform.run("sleep 600")
    platform.wait(name, "running")
    headers = {"Authorization": f"{platform.target.scheme} {platform.target.token}"}
    where = f"/{platform.target.namespace}/job/{name}/logs"
    with platform.http.stream(
        "GET", where, params={"stream": "true"}, headers=headers, timeout=platform.target.patience
    ) as answer:
        assert next(line for line in answer.iter_lines() if line.startswith(":"))
    platform.cancel(name)


@pytest.mark.local
@contract("`tail=0` too")
def test_no_lines_are_not_asked_for(platform: Platform, counted: str) -> None:
    assert "tail" in error_of(platform.logs(counted, tail=0), 400)


@pytest.mark.local
@contract("without `tail` and `since` the last 1,000 lines, oldest first", "Times in microseconds.")
def test_the_last_thousand_lines(platform: Platform) -> None:
    name = platform.finished("seq 1 1500")["name"]
    assert platform.messages(name) == [str(number) for number in range(501, 1501)]
    times = [moment(line["timestamp"]) for line in platform.logs(name).json()["data"]]
    assert times == sorted(times)


@pytest.mark.local
@contract("a stream starts with the job's first line unless `tail`, `since` or `Last-Event-ID` says otherwise")
def test_where_a_stream_starts(platform: Platform) -> None:
    name = platform.run("seq 1 5; sleep 600")
    platform.wait_for_line(name, "5")
    end = platform.follow(name, tail=2)
    assert [json.loads(next(end).data)["message"] for _ in range(2)] == ["4", "5"]
    end.close()
    events = platform.follow_and_cancel(name, behind="5")
    whole = [json.loads(event.data) for event in events if event.event == "log"]
    assert [line["message"] for line in whole if "node" in line] == ["1", "2", "3", "4", "5"]


@pytest.mark.local
@contract("`HOME` and the working directory are the job's own folder", "`artifacts` is null and the log says so")
def test_where_a_job_runs(platform: Platform) -> None:
    job = platform.finished('test "$HOME" = "$(pwd)" && ls -A | wc -l', artifacts_path="nothing-there")
    assert (job["status"], job["artifacts"]) == ("succeeded", None)
    assert platform.messages(job["name"]) == ["0"]
    notes = [line["message"] for line in platform.logs(job["name"]).json()["data"] if "node" not in line]
    assert any("nothing-there" in note for note in notes)


@pytest.mark.local
@contract("`cost_per_hour` is the whole job's, all nodes.")
def test_the_price_is_for_all_nodes(platform: Platform) -> None:
    one, two = (platform.create(platform.body(num_nodes=nodes)).json()["cost_per_hour"] for nodes in (1, 2))
    assert float(two) == pytest.approx(2 * float(one))

"""The platform under test, as a client sees it: it knows the contract's words, and nothing of any server's inside."""

import json
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
import httpx_sse

ENDED = ("succeeded", "failed", "cancelled", "timed_out")
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the platform is, and what may be assumed of it. `limited_token` is of a plan whose limit may be used up."""

    url: str
    namespace: str
    token: str
    scheme: str = "Bearer"
    api_key: str | None = None
    limited_token: str | None = None
    image: str = "busybox:1.37"
    repo: str | None = None
    grace_seconds: float = 30
    patience: float = 1800
    longest_pause: float = 5.0


class Platform:
    """Sends requests, and waits as a client has to: for a 429's time, and for jobs to get somewhere."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.http = httpx.Client(base_url=target.url.rstrip("/"), timeout=90, trust_env=False)
        self._created: list[str] = []

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request with the token; `path` is below the base, and may have `{namespace}` in it."""
        headers = {"Authorization": f"{self.target.scheme} {self.target.token}"} | options.pop("headers", {})
        where = path.format(namespace=self.target.namespace)
        while True:
            answer = self.http.request(method, where, headers=headers, **options)
            if answer.status_code != 429:
                return answer
            time.sleep(float(answer.headers["Retry-After"]))  # as long as the platform asks for

    # --- the operations ---

    def page(self, **query: Any) -> httpx.Response:
        return self.send("GET", "/{namespace}/jobs", params=query)

    def get(self, name: str) -> httpx.Response:
        return self.send("GET", f"/{{namespace}}/job/{name}")

    def logs(self, name: str, **query: Any) -> httpx.Response:
        return self.send("GET", f"/{{namespace}}/job/{name}/logs", params=query)

    def analytics(self, name: str) -> httpx.Response:
        return self.send("GET", f"/{{namespace}}/job/{name}/analytics")

    def create(self, body: object) -> httpx.Response:
        answer = self.send("POST", "/auth/v1/seed/{namespace}/jobs", json=body)
        if answer.status_code == 201:
            self._created.append(answer.json()["name"])
        return answer

    def cancel(self, name: str) -> httpx.Response:
        return self.send("POST", f"/auth/v1/seed/{{namespace}}/jobs/{name}/cancel")

    def delete(self, name: str, **query: Any) -> httpx.Response:
        return self.send("DELETE", f"/auth/v1/seed/{{namespace}}/jobs/{name}", params=query)

    # --- what the tests are made of ---

    def body(self, command: str = "true", **fields: Any) -> dict[str, Any]:
        """Give a create call's body: the cheapest job there is, under a name of its own."""
        name = f"conformance-{uuid.uuid4().hex[:12]}"
        least = {"name": name, "command": command, "gpu": "none", "image": self.target.image}
        return {key: value for key, value in (least | fields).items() if value is not None}

    def run(self, command: str = "true", **fields: Any) -> str:
        """Create a job; give its name."""
        answer = self.create(self.body(command, **fields))
        assert answer.status_code == 201, answer.text
        name: str = answer.json()["name"]
        return name

    def job(self, name: str) -> dict[str, Any]:
        answer = self.get(name)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, name: str, *statuses: str) -> dict[str, Any]:
        """Wait until a job has one of some statuses; left out: until it has ended."""
        wanted = statuses or ENDED
        what = f"{name} is {' or '.join(wanted)}"

        def look() -> dict[str, Any] | None:
            job = self.job(name)
            if job["status"] in wanted:
                return job
            assert job["status"] not in ENDED, f"it is {job['status']} for good, and never was: {what}"
            return None

        return self.until(what, look)

    def finished(self, command: str = "true", **fields: Any) -> dict[str, Any]:
        """Run a job to its end."""
        return self.wait(self.run(command, **fields))

    def messages(self, name: str, **query: Any) -> list[str]:
        """Give the lines that the command wrote; a platform may add lines of its own, which have no node."""
        answer = self.logs(name, **query)
        assert answer.status_code == 200, answer.text
        return [line["message"] for line in answer.json()["data"] if line.get("node") is not None]

    def wait_for_line(self, name: str, words: str) -> None:
        self.until(f"{words!r} in the log of {name}", lambda: words in self.messages(name))

    def until(self, what: str, look: Callable[[], _T | None]) -> _T:
        deadline, pause = time.monotonic() + self.target.patience, 0.05
        while not (found := look()):
            assert time.monotonic() < deadline, f"not within {self.target.patience:g} s: {what}"
            time.sleep(pause)  # a remote platform is asked ever less often
            pause = min(pause * 1.5, self.target.longest_pause)
        return found

    def follow(self, name: str, *, last: str | None = None, **query: Any) -> Generator[httpx_sse.ServerSentEvent]:
        """Give the events of a job's log."""
        where = f"/{self.target.namespace}/job/{name}/logs"
        headers = {"Authorization": f"{self.target.scheme} {self.target.token}"}
        headers |= {} if last is None else {"Last-Event-ID": last}
        with httpx_sse.connect_sse(
            self.http, "GET", where, params={"stream": "true"} | query, headers=headers
        ) as source:
            assert source.response.status_code == 200, source.response.read()
            assert source.response.headers["Content-Type"].startswith("text/event-stream")
            yield from source.iter_sse()

    def follow_and_cancel(self, name: str, *, behind: str, **query: Any) -> Generator[httpx_sse.ServerSentEvent]:
        """Give the events of a job's log; the job is cancelled behind a line, so that it runs for as long as we look."""
        for event in self.follow(name, **query):
            yield event
            if event.event == "log" and json.loads(event.data)["message"] == behind:
                self.cancel(name)

    def clean_up(self) -> None:
        """Leave nothing behind that still runs, nor a record."""
        for name in self._created:
            self.cancel(name)
        for name in self._created:
            if self.get(name).status_code == 200:
                self.wait(name)
                self.delete(name, delete_artifacts="true")
        self.http.close()


def moment(text: str) -> datetime:
    """Read a time: as texts they have no order, because one on a whole second may have no fraction."""
    return datetime.fromisoformat(text)


def error_of(answer: httpx.Response, status: int) -> str:
    """Give an error's message; the answer must have that status and the contract's shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    body = json.loads(answer.content)
    assert set(body) == {"error"}
    assert set(body["error"]) - {"details"} == {"code", "message"}
    assert isinstance(body["error"]["code"], str)
    assert isinstance(body["error"]["message"], str)
    message: str = body["error"]["message"]
    return message

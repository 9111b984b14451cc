"""What is watched beside our own objects: the few Secrets and ConfigMaps that somebody waits for, each by its name."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from seedjob_operator.controller.holding import users, waits_for
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.references import Reference, ReferenceWatch
from seedjob_operator.controller.store import Store
from seedjob_operator.controller.waiting import dependents

SEED = Reference("secrets", "research", "seed")


class Stream:
    """Stands for the Kubernetes API: gives what it was told, then stays silent."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.opened: list[str] = []
        self.silent = asyncio.Event()

    async def watch_named(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        """Give the events."""
        self.opened.append(f"{path}/{name}")
        for event in self.events:
            yield event
        self.silent.set()
        await asyncio.Event().wait()


def event(kind: str, version: str) -> dict[str, Any]:
    """Give a watch event."""
    return {"type": kind, "object": {"metadata": {"resourceVersion": version}}}


async def test_each_change_is_told_once() -> None:
    """A stream that is opened again begins with what is known; that must not wake everybody each time."""
    stream = Stream(event("ADDED", "1"), event("ADDED", "1"), event("MODIFIED", "2"), event("DELETED", "3"))
    told: list[Reference] = []
    watch = ReferenceWatch(stream, on_change=told.append)
    watch.watch({SEED})
    await stream.silent.wait()
    await watch.close()
    assert told == [SEED] * 3
    assert stream.opened == ["/api/v1/namespaces/research/secrets/seed"]


async def test_there_are_never_more_streams_than_allowed() -> None:
    """A namespace with thousands of misspelt names must not take the API server's connections."""
    stream = Stream()
    watch = ReferenceWatch(stream, on_change=lambda _: None, most=2)
    watch.watch({Reference("secrets", "n", name) for name in "abcd"})
    await stream.silent.wait()
    await asyncio.sleep(0)
    assert len(stream.opened) == 2
    watch.watch({SEED})
    await asyncio.sleep(0)
    await watch.close()
    assert stream.opened[2:] == ["/api/v1/namespaces/research/secrets/seed"]


def stored(*bodies: dict[str, Any]) -> Store:
    """Give a store with some objects in it."""
    store = Store()
    for body in bodies:
        store.put(body)
    return store


def seedjob(name: str, *, phase: str, reason: str = "", connection: str | None = None) -> dict[str, Any]:
    """Give a SeedJob that refers to the Secret `hf`."""
    variable = {"name": "T", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "t"}}}
    spec = {"job": {"image": "i", "command": "true", "gpu": {"type": "none"}, "env": [variable]}}
    return {
        "metadata": {"namespace": "research", "name": name, "uid": name, "resourceVersion": "1"},
        "spec": spec | ({} if connection is None else {"connectionRef": {"name": connection}}),
        "status": {"phase": phase, "conditions": [{"type": "Submitted", "reason": reason}]},
    }


def test_only_what_is_waited_for_is_watched() -> None:
    """A job that runs has its values; a watch for it would cost the API server something for nothing."""
    jobs = stored(
        seedjob("waits", phase="Pending", reason="SecretNotFound"), seedjob("runs", phase="Running", reason="Submitted")
    )
    metadata = {"namespace": "research", "name": "acme", "uid": "c", "resourceVersion": "1"}
    connections = stored({"metadata": metadata, "spec": {"secretRef": {"name": "seed", "key": "token"}}})
    found = dependents(jobs=jobs, connections=connections)
    assert {key: (sorted(value.connections), sorted(value.jobs)) for key, value in found.items()} == {
        SEED: ([Key("research", "acme")], []),
        Reference("secrets", "research", "hf"): ([], [Key("research", "waits")]),
    }


def test_who_uses_a_connection() -> None:
    """Those that ended don't hold it, and those of other connections and namespaces neither."""
    jobs = stored(
        seedjob("b", phase="Running", connection="acme"),
        seedjob("a", phase="Suspended", connection="acme"),
        seedjob("ended", phase="Succeeded", connection="acme"),
        seedjob("other", phase="Running", connection="else"),
    )
    assert users(Key("research", "acme"), jobs) == ["a", "b"]
    assert users(Key("elsewhere", "acme"), jobs) == []


def test_the_list_of_those_that_are_waited_for_is_bounded() -> None:
    """A status has room for a sentence, not for thousands of names."""
    assert waits_for([str(number) for number in range(8)]).count(",") == 5
    assert "and 3 more" in waits_for([str(number) for number in range(8)])

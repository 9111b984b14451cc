"""Which connection serves whom, and which addresses may be contacted: the credential is shown to whoever is there."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connections import Connections, Way, is_allowed
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.store import Store
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Connection, Hold
from seedjob_operator.settings import Settings

LIST = ("https://api.seed.example", "http://127.0.0.1:8900", "https://gate.example/seed/")


@pytest.mark.parametrize(
    ("endpoint", "allowed", "why"),
    [
        ("https://api.seed.example", True, "equal"),
        ("https://api.seed.example/", True, "a slash at the end says nothing"),
        ("https://api.seed.example:443", True, "the scheme's own port"),
        ("https://API.seed.example", True, "host names have no case"),
        ("https://api.seed.example/v2", True, "no path listed: all of the host"),
        ("http://api.seed.example", False, "another scheme: the credential would be readable"),
        ("https://api.seed.example:8443", False, "another port is another server"),
        ("https://api.seed.example.evil.example", False, "a prefix of text is no host"),
        ("https://evil.example/https://api.seed.example", False, "nor is a path"),
        ("https://api.seed.example@evil.example", False, "nor a user name"),
        ("https://user@api.seed.example", False, "credentials don't belong into an address"),
        ("http://127.0.0.1:8900", True, "loopback as listed"),
        ("http://127.0.0.1:8901", False, "another port"),
        ("https://gate.example/seed", True, "the listed path"),
        ("https://gate.example/seed/eu", True, "below it, at a slash"),
        ("https://gate.example/seedling", False, "not at a slash"),
        ("https://gate.example/seed/../admin", False, "out of it again"),
        ("https://gate.example", False, "above it"),
        ("https://gate.example:port/seed", False, "no port at all"),
    ],
)
def test_the_list_of_allowed_endpoints(endpoint: str, allowed: bool, why: str) -> None:
    assert is_allowed(endpoint, LIST) is allowed, why


def test_an_empty_list_allows_nothing() -> None:
    """An operator that was told of no endpoint contacts none."""
    assert not is_allowed("https://api.seed.example", ())


JOB, ACME = Key("ns", "a"), Key("ns", "acme")
DEFAULT: dict[str, Any] = {
    "seed_api_url": "https://api.seed.example",
    "seed_api_token": SecretStr("t"),
    "seed_namespace": "acme",
}


class World:
    """A SeedConnection and its Secret, and an operator that may contact its address."""

    def __init__(self, **settings: Any) -> None:
        self.secrets: dict[str, dict[str, str]] = {"acme": {"token": "one"}}
        self.opened: dict[str, Link] = {}
        store, sources = Store(), _Sources(self.secrets)
        parts: Any = {"sources": sources}
        known = {"seed_api_url": None, "seed_allowed_endpoints": ("https://own.example",)} | settings
        self.connections = Connections(
            Settings(**known), seedconnections=store, clock=Clock(), open_link=self._open, **parts
        )
        metadata = {"name": "acme", "namespace": "ns", "uid": "c1", "resourceVersion": "1"}
        reference = {"secretRef": {"name": "acme", "key": "token"}}
        spec = {"endpoint": "https://own.example", "namespace": "acme"} | reference
        store.put({"metadata": metadata, "spec": spec, "status": {}})

    def _open(self, way: Way) -> Link:
        client: Any = way.account
        return self.opened.setdefault(way.account.authorization, Link(client, clock=Clock(), on_change=lambda _: None))

    def found(self, name: str | None, *, cleaning_up: bool = False) -> Connection | Hold:
        """Give what a SeedJob may use now."""
        return asyncio.run(self.connections.for_job(JOB, name, cleaning_up=cleaning_up))[0]


class _Sources:
    def __init__(self, secrets: dict[str, dict[str, str]]) -> None:
        self._secrets = secrets

    async def kept_secret(self, namespace: str, name: str) -> dict[str, str] | None:
        assert namespace == "ns", "Secrets come from the connection's own Kubernetes namespace"
        return self._secrets.get(name)


def test_a_job_that_is_to_be_cleaned_up_has_the_last_credential_that_worked() -> None:
    """A namespace that is deleted takes the Secret along, before its jobs are done."""
    world = World()
    assert isinstance(world.found("acme"), Connection)
    world.opened["Bearer one"].proven = True
    world.found("acme")
    world.secrets["acme"] = {"token": "two"}
    world.found("acme")  # nobody knows yet whether that one works
    del world.secrets["acme"]
    held = world.found("acme")
    assert isinstance(held, Hold)
    assert held.reason is Reason.SECRET_NOT_FOUND, "for anything else it's gone"
    assert isinstance(world.found("acme", cleaning_up=True), Connection)
    assert {account.authorization for account in world.connections.accounts()} >= {"Bearer one"}
    world.connections.keep_for_cleaning_up({ACME})
    assert isinstance(world.found("acme", cleaning_up=True), Connection)
    world.connections.keep_for_cleaning_up(set())
    assert isinstance(world.found("acme", cleaning_up=True), Hold), "nobody needs it any more"


def test_a_credential_that_never_worked_is_not_kept() -> None:
    world = World()
    world.found("acme")
    del world.secrets["acme"]
    assert isinstance(world.found("acme", cleaning_up=True), Hold)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, Reason.CONNECTION_NOT_FOUND),
        (DEFAULT, None),
        (DEFAULT | {"seed_default_namespaces": ("other", "ns")}, None),
        (DEFAULT | {"seed_default_namespaces": ("other",)}, Reason.DEFAULT_CONNECTION_NOT_ALLOWED),
    ],
)
def test_who_may_use_the_default_connection(settings: dict[str, Any], reason: Reason | None) -> None:
    found = World(**settings).found(None)
    assert (found.reason if isinstance(found, Hold) else None) == reason

"""The application without a socket, where its platform must fail as no real one does on request."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from seedjob_operator.seedserver.access import AccessMiddleware, Credential, Credentials
from seedjob_operator.seedserver.application import create_application
from seedjob_operator.seedserver.links import Links
from seedjob_operator.seedserver.openapi import LEFT_OUT, NULLABLE
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.ratelimit import PLANS


def client(failing: Callable[..., object]) -> httpx.AsyncClient:
    return client_of(SimpleNamespace(store=SimpleNamespace(page=failing), now=0))


def client_of(platform: SimpleNamespace, *, public_url: str | None = None) -> httpx.AsyncClient:
    credential = Credential(namespaces=frozenset({"acme"}), plan=PLANS["60"])
    app = AccessMiddleware(
        create_application(cast("Platform", platform), public_url=public_url), Credentials([("token", credential)])
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://seed", headers={"Authorization": "Bearer token"})


async def test_a_failure_has_the_contracts_shape_and_tells_nothing_of_its_cause() -> None:
    def failing(*_: object, **__: object) -> object:
        raise RuntimeError("disk full of s3cr3t")

    async with client(failing) as http:
        answer = await http.get("/acme/jobs")
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {"code": "orchestration_failure", "message": "the Seed server failed; its own log says why"}
    }
    assert answer.headers["X-RateLimit-Remaining"] == "59", "limits are told on every answer"


@pytest.mark.parametrize(
    ("public_url", "begins"), [(None, "http://seed/"), ("https://seed.example/x", "https://seed.example/x/")]
)
async def test_links_begin_with_the_address_that_others_reach(
    tmp_path: Path, public_url: str | None, begins: str
) -> None:
    """Behind a proxy the address that was asked is the proxy's way to us, and nobody else's."""
    links = Links(tmp_path / "key")
    (tmp_path / "acme" / "job_1" / "out").mkdir(parents=True)
    (tmp_path / "acme" / "job_1" / "out" / "f").write_text("1")
    (tmp_path / "acme" / "job_1.files.json").write_text('[{"path": "out/f"}]')
    platform = SimpleNamespace(links=links, now=0, folders=SimpleNamespace(artifacts=tmp_path))
    async with client_of(platform, public_url=public_url) as http:
        answer = await http.get(links.signed("acme", "job_1", expires=10))
        file = await http.get(links.signed("acme", "job_1", "out/f", expires=10))
    assert [entry["url"].startswith(f"{begins}_artifacts/acme/job_1/") for entry in answer.json()["data"]] == [True]
    assert (file.text, file.headers["Cache-Control"]) == ("1", "no-store"), "a link ends, and artifacts are deleted"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("named", [NULLABLE, LEFT_OUT], ids=["null", "left out"])
def test_the_description_speaks_of_fields_that_there_are(named: object) -> None:
    """A field that gets another name on the wire must not be forgotten in what is said of it."""
    assert isinstance(named, dict)
    for model, names in named.items():
        assert set(names) <= set(model.model_fields), model.__name__

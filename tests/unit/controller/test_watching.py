"""How kopf is fed: with the credentials that our own client uses, in the form that kopf sends them."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from seedjob_operator.controller import watching


async def login(monkeypatch: pytest.MonkeyPatch, access: Configuration) -> dict[str, str]:
    """Give the headers that kopf sends with an access."""

    async def load(_: Path | None) -> Configuration:
        return access

    monkeypatch.setattr(watching, "load_access", load)
    return (await watching._access(None)).as_http_headers()


async def test_in_a_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The loader writes the scheme in lower case; sent twice, it would be refused, and every pod would end."""
    (tmp_path / "token").write_text("sa-token")
    (tmp_path / "ca.crt").write_text("certificate")
    access = Configuration()
    where = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    loader: Any = InClusterConfigLoader  # the client has no types here
    loader(token_filename=str(tmp_path / "token"), cert_filename=str(tmp_path / "ca.crt"), environ=where).load_and_set(
        access
    )
    assert await login(monkeypatch, access) == {"Authorization": "Bearer sa-token"}


@pytest.mark.parametrize("key", ["Bearer t", "bearer t", "t"])
async def test_tokens_of_a_kubeconfig(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """With or without the scheme in front."""
    access = Configuration()
    access.api_key["BearerToken"] = key
    assert await login(monkeypatch, access) == {"Authorization": "Bearer t"}


async def test_client_certificates_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no header."""
    assert "Authorization" not in await login(monkeypatch, Configuration())


async def test_a_refused_credential_is_not_offered_as_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf ends where it is offered what was refused; a session that looks new would be tried without a pause."""
    access = Configuration()
    access.api_key["BearerToken"] = "t"

    async def load(_: Path | None) -> Configuration:
        return access

    monkeypatch.setattr(watching, "load_access", load)
    sign_in = watching.SignIn(None, aiohttp.ClientResponse)
    first = await sign_in.session()
    assert await sign_in.session() == first
    access.api_key["BearerToken"] = "rotated"
    second = await sign_in.session()
    assert second != first
    for session in (first, second):
        await session.aiohttp_session.close()

"""Several users on one server: each token opens its own namespaces, at its own plan's rate."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import SeedServer
from seedjob_operator.seedapi import wire

TOKENS = """
users:
  - {name: ada, tokens: [ada-token-1, ada-token-2], namespaces: [acme, ada], plan: 300}
  - {name: ben, tokens: [ben-token], namespaces: [acme], plan: unlimited, access: read}
  - {name: cleo, tokens: [cleo-token], namespaces: [acme], plan: 1000}
"""
BODY = {"name": "x", "command": "true", "gpu": "none", "image": "x"}


@pytest.fixture
def server(new_server: NewServer, tmp_path: Path) -> SeedServer:
    (tmp_path / "tokens.yaml").write_text(TOKENS)
    return new_server("--tokens", str(tmp_path / "tokens.yaml"))


def ask(
    server: SeedServer, token: str, method: str, template: str, name: str = "x", **options: object
) -> httpx.Response:
    return server.ask(method, template, name, headers={"Authorization": f"Bearer {token}"}, **options)


def test_users_with_namespaces_and_plans(server: SeedServer) -> None:
    mine = ask(server, "ada-token-1", "POST", wire.CREATE_JOB, namespace="ada", json=BODY)
    assert mine.status_code == 201
    assert ask(server, "cleo-token", "GET", wire.GET_JOB, namespace="ada").status_code == 403, "not hers"
    assert ask(server, "cleo-token", "GET", wire.LIST_JOBS, namespace="nowhere").status_code == 403, "no hint at others"
    assert ask(server, "wrong-token", "GET", wire.LIST_JOBS).status_code == 401
    assert ask(server, "cleo-token", "POST", wire.CREATE_JOB, json=BODY).status_code == 201, "names are per namespace"


@pytest.mark.parametrize(
    ("method", "template"), [("POST", wire.CREATE_JOB), ("POST", wire.CANCEL_JOB), ("DELETE", wire.DELETE_JOB)]
)
def test_who_may_only_read_changes_nothing(server: SeedServer, method: str, template: str) -> None:
    assert ask(server, "ben-token", "GET", wire.LIST_JOBS).status_code == 200
    refused = ask(server, "ben-token", method, template, json=BODY)
    assert refused.status_code == 403
    assert refused.json()["error"] == {
        "code": "forbidden",
        "message": "this credential may only read in namespace acme",
    }


def test_each_token_has_a_limit_of_its_own(server: SeedServer) -> None:
    def left(token: str) -> tuple[str, str]:
        headers = ask(server, token, "GET", wire.LIST_JOBS).headers
        return headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]

    assert [left("ada-token-1"), left("ada-token-1")] == [("300", "299"), ("300", "298")]
    assert left("ada-token-2") == ("300", "299"), "the limit is per credential, not per user"
    assert left("cleo-token") == ("1000", "999")


def test_without_the_flag_there_are_no_faults(tmp_path: Path) -> None:
    server = SeedServer(tmp_path / "data", faults=False).start()
    try:
        answer = server.http.post(f"{server.url}/_control/faults", json={"operation": "get", "kind": "drop"})
        assert answer.status_code == 404
        assert answer.json()["error"]["message"].endswith("start the server with --enable-faults")
        assert "Date" in server.ask("GET", wire.LIST_JOBS).headers
    finally:
        server.clean_up()


def test_what_is_no_http_is_refused_in_the_same_shape(server: SeedServer) -> None:
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port or 80), timeout=90) as connection:
        connection.sendall(b"what is this?\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "invalid_request"

"""`/openapi.json` says what the server does: schemathesis, with every check on, finds no difference.

The log's stream is not described there beyond its type; test_seedserver_logs.py tests it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.seedserver.conftest import NewServer
from integration.seedserver.server import TOKEN, SeedServer
from seedjob_operator.seedapi import wire

HERE = Path(__file__).parent
SEED = 20260131
EXAMPLES = 25
PHASES = ("examples", "coverage", "fuzzing", "stateful")


def test_schemathesis_finds_nothing(new_server: NewServer, tmp_path: Path) -> None:
    """Its own seed makes a run repeatable: SEED is fixed, so that this test says the same every time."""
    server = new_server()
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
        *("--checks", "all", "--phases", ",".join(PHASES), "--seed", str(SEED), "--max-examples", str(EXAMPLES)),
        *("--no-shrink", "--continue-on-failure", "--no-color"),
        *("--suppress-health-check", "all", "--request-timeout", "120"),  # a busy machine is no finding
    ]
    settings = os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "NO_PROXY": "*"}
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=500, check=False)
    print(f"seed {SEED}", done.stdout, done.stderr)
    assert done.returncode == 0, "what it found stands above"
    assert done.stdout.count("✅") >= 1 + len(PHASES), "all phases were run"


@pytest.fixture(scope="module")
def description(server: SeedServer) -> dict[str, Any]:
    answer = server.http.get(f"{server.url}/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200, "what the API looks like is no secret"
    found: dict[str, Any] = answer.json()
    return found


def test_every_operation_is_described(description: dict[str, Any]) -> None:
    described = {(method, path) for path, methods in description["paths"].items() for method in methods}
    assert described - {("parameters", path) for path in description["paths"]} == {
        ("get", wire.LIST_JOBS),
        ("get", wire.GET_JOB),
        ("get", wire.GET_LOGS),
        ("get", wire.GET_ANALYTICS),
        ("post", wire.CREATE_JOB),
        ("post", wire.CANCEL_JOB),
        ("delete", wire.DELETE_JOB),
    }


def test_answers_promise_what_readers_need_not_demand(description: dict[str, Any]) -> None:
    """Readers take any word and any missing field; the server sends the contract's words and all fields."""
    schemas = description["components"]["schemas"]
    assert schemas["JobStatus"]["enum"] == ["queued", "running", "succeeded", "failed", "cancelled", "timed_out"]
    assert schemas["ListedJob"]["required"] == list(wire.LISTED_FIELDS)
    assert schemas["Job"]["required"] == list(wire.Job.model_fields)

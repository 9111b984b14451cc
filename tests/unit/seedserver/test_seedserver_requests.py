"""What a create call may say, and what it hears otherwise. Sentences name the field and never show a value."""

import json
from typing import Any

import pytest
from starlette.requests import Request

from seedjob_operator.seedserver.errors import RefusedError
from seedjob_operator.seedserver.requests import MAX_BODY, NewJob, read_new_job

GOOD: dict[str, Any] = {"name": "train", "command": "python train.py", "gpu": "L4", "image": "python:3.13"}
SECRET = "s3cr3t-value"


async def read(body: object, *, content_type: str = "application/json") -> NewJob:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    headers = [(b"content-type", content_type.encode())]
    return await read_new_job(Request({"type": "http", "method": "POST", "headers": headers}, receive))


@pytest.mark.parametrize(
    ("changes", "status", "words", "why"),
    [
        ({"name": None}, 400, "name", "null is the same as absent, and a name is required"),
        ({"name": "a b"}, 400, "name: use letters, digits, '-' and '_' only", "the contract's characters"),
        ({"name": "a" * 129}, 400, "name", "names have up to 128 characters"),
        ({"name": ""}, 400, "name", "an empty name could not be asked for again"),
        ({"command": "  "}, 400, "command: is blank", "nothing would run"),
        ({"command": "a\0b"}, 400, "command: is blank or has a NUL", "no command line can have it"),
        ({"gpu": "V100"}, 400, "gpu", "a closed set"),
        ({"gpu_count": 3}, 400, "gpu_count", "1, 2, 4 or 8"),
        ({"gpu_count": "4"}, 400, "gpu_count", "no coercion of text"),
        ({"gpu_count": True}, 400, "gpu_count", "true is not 1"),
        ({"cpu": 8.5}, 400, "cpu", "half a vCPU isn't offered"),
        ({"cpu": 0}, 400, "cpu", "a closed set"),
        ({"memory_gb": 33}, 400, "memory_gb", "a closed set"),
        ({"disk_gb": 9}, 400, "disk_gb", "below the bound: refused, never clamped"),
        ({"disk_gb": 2001}, 400, "disk_gb", "above the bound"),
        ({"timeout_minutes": 10081}, 400, "timeout_minutes", "more than 7 days"),
        ({"timeout_minutes": 0}, 400, "timeout_minutes", "a job needs time"),
        ({"max_retries": 6}, 400, "max_retries", "at most 5"),
        ({"num_nodes": 65}, 400, "num_nodes", "at most 64"),
        ({"num_nodes": 0}, 400, "num_nodes", "at least one"),
        ({"region": "mars"}, 400, "region", "a closed set"),
        ({"spot": 1}, 400, "spot", "1 is not true"),
        ({"image": None}, 400, "either repo or image is required", "nothing to run in"),
        ({"branch": "main"}, 400, "branch names a branch of repo", "a branch of what"),
        ({"repo": "acme"}, 400, "repo: write namespace/repo", "one part only"),
        ({"repo": "../x"}, 400, "repo: write namespace/repo", "a path out of the repositories"),
        (
            {"repo": "a/b", "branch": "--upload-pack=x"},
            400,
            "branch: is empty, begins with '-'",
            "git would read it as an option",
        ),
        ({"env": {"A=B": SECRET}}, 400, "env: a variable's name has no '='", "it could not be told from its value"),
        ({"env": {"A": 1}}, 400, "env", "values are text"),
        ({"env": {"A": "x\0"}}, 400, "env", "no environment can have it"),
        ({"artifacts_path": ""}, 400, "artifacts_path", "empty says nothing"),
        ({"labels": {}}, 400, "labels: is not a field", "unknown fields are refused"),
        ({"gpu": "none", "gpu_count": 1}, 422, "gpu_count", "GPUs without a type"),
    ],
)
async def test_a_bad_body_is_refused_with_its_field(
    changes: dict[str, object], status: int, words: str, why: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await read(GOOD | changes)
    assert refused.value.status == status, why
    assert words in refused.value.message, why
    assert SECRET not in f"{refused.value.message}{refused.value.details}", "values of env are secrets"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "the least that is needed"),
        ({"gpu_count": None, "env": None, "branch": None}, "null is the same as absent"),
        ({"repo": "acme/trainer", "branch": "main"}, "image and repo together are fine"),
        ({"name": "A-b_9" + "x" * 123}, "all characters, 128 of them"),
        ({"env": {"A": "line\nline", "B": ""}}, "values may have lines, or nothing"),
        ({"disk_gb": 10, "timeout_minutes": 10080, "max_retries": 5, "num_nodes": 64}, "the bounds themselves"),
        ({"gpu": "none"}, "no GPU, and no count of them"),
    ],
)
async def test_a_good_body_is_read(changes: dict[str, object], why: str) -> None:
    job = await read(GOOD | changes)
    expected = {key: value for key, value in (GOOD | changes).items() if value is not None}
    assert job.model_dump(exclude_none=True) == expected, why


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b"{", "application/json", "not valid JSON"),
        (b"", "application/json", "not valid JSON"),
        (b"[]", "application/json", "object"),
        (GOOD, "text/plain", "Content-Type: application/json"),
        (b" " * (MAX_BODY + 1), "application/json", "more than"),
    ],
)
async def test_what_is_no_json_object_is_refused(body: object, content_type: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        await read(body, content_type=content_type)


async def test_a_content_type_may_have_parameters() -> None:
    assert (await read(GOOD, content_type="Application/JSON; charset=utf-8")).name == "train"


async def test_a_whole_number_may_be_written_with_a_point() -> None:
    """8.0 and 8 are one number to JSON; only what would have to be guessed, such as "8", is refused."""
    assert (await read(GOOD | {"cpu": 8.0, "num_nodes": 2.0})).num_nodes == 2
    with pytest.raises(RefusedError, match="num_nodes"):
        await read(b'{"name": "x", "command": "y", "gpu": "none", "image": "z", "num_nodes": 1e999}')

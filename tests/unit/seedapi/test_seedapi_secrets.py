"""Tokens and environment values appear in no text but the request that needs them."""

import logging
import os
import subprocess
import sys
import traceback

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from seedjob_operator.seedapi import answers, errors
from seedjob_operator.seedapi.client import SeedClient
from seedjob_operator.seedapi.wire import CreateJob, Job
from unit.seedapi.answering import JOB, TOKEN, MakeClient, Platform, account

VALUE = "hf_9wQx-secret"
LINES = "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n"
CREATE = CreateJob(name="train-1", command="c", gpu="L4", image="i", env={"HF_TOKEN": VALUE, "KEY": LINES, "N": "3"})


@pytest.mark.parametrize(
    "shown",
    [
        lambda: repr(CREATE),
        lambda: str(CREATE),
        lambda: repr(account()),
        lambda: str(account()),
        lambda: account().credential,
        lambda: repr(account(scheme="API-Key", token=SecretStr(f"name${TOKEN}"))),
        lambda: repr(Job.model_validate({**JOB, "artifacts": {"path": "p", "url": f"https://x/?sig={TOKEN}"}})),
    ],
)
def test_reprs(shown: object) -> None:
    assert callable(shown)
    text = shown()
    assert text
    for secret in (TOKEN, VALUE, "MIIEvQIBADAN"):
        assert secret not in text


@pytest.mark.parametrize(
    "env", [{"A": VALUE + "\x00"}, {"A": [VALUE]}, {"A=": VALUE}, [VALUE], VALUE], ids=lambda env: type(env).__name__
)
def test_a_refused_environment_is_not_quoted(env: object) -> None:
    with pytest.raises(ValidationError) as caught:
        CreateJob.model_validate({"name": "n", "command": "c", "gpu": "L4", "image": "i", "env": env})
    assert VALUE not in str(caught.value)
    assert VALUE not in repr(caught.value)


ECHO = (
    f"token {TOKEN} and HF_TOKEN={VALUE} and MIIEvQIBADAN; see https://u:pw@x.example/a?sig=abc123 \x1b[31m\n"
    "gpu_count must be 1, 2 or 3"
)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503, 418])
async def test_a_platform_that_repeats_secrets(
    client: SeedClient, platform: Platform, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    platform.will(httpx.Response(status, json={"error": {"message": ECHO}}))
    with pytest.raises(errors.SeedError) as caught:
        await client.create_job(CREATE)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value) + caplog.text
    for secret in (TOKEN, VALUE, "MIIEvQIBADAN", "abc123", "pw@", "\x1b"):
        assert secret not in text
    assert "gpu_count must be 1, 2 or 3" in caught.value.message, "what isn't secret stays readable"
    assert "\n" not in caught.value.message


async def test_the_secret_part_of_an_api_key_alone_is_masked_too(make_client: MakeClient, platform: Platform) -> None:
    platform.will(httpx.Response(401, json={"message": "no key k3ys3cr3t"}))
    with pytest.raises(errors.UnauthorizedError) as caught:
        await make_client(scheme="API-Key", token=SecretStr("ci$k3ys3cr3t")).list_jobs()
    assert caught.value.message == "The platform doesn't accept the credential: no key ***."


@pytest.mark.parametrize(
    "failure",
    [
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
        httpx.ReadError("x"),
        httpx.Response(200, text=f'{{"id": "{TOKEN}", "status": "{VALUE}"}}'),
        httpx.Response(200, text=f"<html>{TOKEN} {VALUE}"),
        httpx.Response(302, headers={"location": f"https://x.example/{VALUE}?t={TOKEN}"}),
        httpx.Response(302, headers={"location": f"https://[{TOKEN}"}),
    ],
)
async def test_failures_with_secrets_in_them(
    client: SeedClient, platform: Platform, failure: httpx.Response | Exception
) -> None:
    platform.will(failure)
    with pytest.raises(errors.SeedError) as caught:
        await client.create_job(CREATE)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in text
    assert VALUE not in text


async def test_an_answer_that_cannot_be_sent_on_is_cut() -> None:
    assert len(answers.redacted("word " * 1000, ())) == 500


@pytest.mark.parametrize("token", ["a\nb", "a b", "a\x00b", "sécret", "a\u200bb", "", " \n"])
def test_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        account(token=SecretStr(token))
    assert token.strip() == "" or token not in repr(caught.value)
    assert caught.value.message.endswith(".")


def test_a_token_from_a_file_loses_its_newline() -> None:
    assert account(token=SecretStr(f" {TOKEN}\r\n")).authorization == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "endpoint",
    [
        "api.seed.example",
        "ftp://api.seed.example",
        "https://",
        "https://user:hunter2@api.seed.example",
        "https://api.seed.example/?key=hunter2",
        "https://api.seed.example/#hunter2",
        "https://api.seed.example:99999",
        "https://[::1",
        "https://api seed.example",
        "http://api.seed.example",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1",
    ],
)
def test_an_endpoint_that_would_lose_the_credential(endpoint: str) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        account(endpoint=endpoint)
    assert "hunter2" not in repr(caught.value)
    assert "https://" in caught.value.message or "Secret" in caught.value.message, "it says what to write"


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8900", "http://localhost/x/", "http://[::1]:1", "https://x.example"]
)
def test_an_endpoint_that_can_be_used(endpoint: str) -> None:
    assert account(endpoint=endpoint).endpoint == endpoint.rstrip("/")


@pytest.mark.parametrize("changed", [{"scheme": "Basic"}, {"namespace": ""}, {"namespace": ".."}])
def test_an_account_that_means_nothing(changed: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidRequestError):
        account(**changed)


def test_accounts_that_share_a_limit_share_its_key() -> None:
    here = account().credential
    assert account(namespace="other", endpoint="https://API.seed.example:443/v2/").credential == here
    assert account(token=SecretStr("another")).credential != here
    assert account(endpoint="https://api2.seed.example").credential != here


def test_a_credentials_key_cannot_be_looked_up() -> None:
    """It is salted anew in each process: nobody can try tokens against a key from a log."""
    code = "from unit.seedapi.answering import account; print(account().credential)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("https://api.seed.example:443 ")
    assert done.stdout.strip() != account().credential

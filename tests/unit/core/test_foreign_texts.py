"""What the platform and the job say in words and numbers of their own: neither leaks a secret, nor breaks a rule."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from seedjob_operator.core import learning
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import Decision
from seedjob_operator.core.snapshot import Observed
from seedjob_operator.resources import Phase, SeedJobSpec
from seedjob_operator.seedapi import redaction
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.core import given
from unit.core.given import NOW, OWN, job, recorded, spec

SECRET = "hf_0123456789"
SIGNATURE = "abcdef0123456789"
SIGNED = f"https://bucket.example/out/1?X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}"
SECRET_ENV = {
    "job": {
        "image": "busybox",
        "command": "true",
        "gpu": {"type": "L4"},
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}],
    }
}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"upload to {SIGNED} failed", "upload to https://bucket.example/out/1 failed"),
        (f'"{SIGNED}": 403', '"https://bucket.example/out/1": 403'),
        (f"s3://bucket/o?X-Amz-Signature={SIGNATURE}", "s3://bucket/o"),
        (f"git clone https://me:{SIGNATURE}@git.example/a.git", "git clone https://git.example/a.git"),
        (f"GET https://blob.example#{SIGNATURE}", "GET https://blob.example"),
        (f"signed with X-Amz-Signature={SIGNATURE}&x=1", "signed with X-Amz-Signature=***&x=1"),
        (f"curl -H 'Authorization: Bearer {SIGNATURE}'", "curl -H 'Authorization: ***'"),
        (f"Authorization: {SIGNATURE}", "Authorization: ***"),
        (f"Bearer {SIGNATURE} was refused", "Bearer *** was refused"),
        ("Epoch 2/3 - Step 4200/6300", "Epoch 2/3 - Step 4200/6300"),
        ("exit code 137: out of memory?", "exit code 137: out of memory?"),
        ("see https://docs.example/errors.", "see https://docs.example/errors."),
        ("design=1, signal=9, 10 % of basic tokens", "design=1, signal=9, 10 % of basic tokens"),
    ],
)
def test_signatures_and_credentials_are_cut(text: str, safe: str) -> None:
    assert redaction.unsigned(text) == safe


def ends(seen: Job, wanted: SeedJobSpec = given.SPEC, **observed: Any) -> Decision:
    known = {"remote": seen, "fresh": True, "result_reads": 1} | observed
    return decide(given.desired(intent=OWN, status=recorded(Phase.RUNNING), spec=wanted), given.observed(**known), NOW)


def all_of(decision: Decision) -> str:
    assert decision.status is not None
    return f"{decision.status.model_dump_json()} {decision.events}"


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.CANCELLED])
def test_a_signature_in_an_error_reaches_neither_status_nor_events(status: JobStatus) -> None:
    """I10."""
    told = all_of(ends(job(status, error=f"upload to {SIGNED} failed")))
    assert "https://bucket.example/out/1 failed" in told
    assert SIGNATURE not in told


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.SUCCEEDED])
def test_a_signature_in_the_progress_does_not_either(status: JobStatus) -> None:
    told = all_of(ends(job(status, progress=f"Uploading {SIGNED}")))
    assert "Uploading https://bucket.example/out/1" in told
    assert SIGNATURE not in told


def read(secrets: frozenset[str] | None, seen: Job) -> Observed:
    before = given.observed(remote=seen, fresh=True)
    return learning.result_read(before, analytics=None, log_tail=None, now=NOW, secrets=secrets)


FAILED = job(JobStatus.FAILED, error=f"401 for {SECRET}")


def test_an_error_that_quotes_a_secret_is_masked() -> None:
    """I10."""
    observed = read(frozenset({SECRET}), FAILED)
    told = all_of(
        decide(given.desired(intent=OWN, status=recorded(Phase.RUNNING), spec=spec(**SECRET_ENV)), observed, NOW)
    )
    assert "401 for ***" in told
    assert SECRET not in told


def test_where_the_secrets_are_not_known_the_error_is_left_out() -> None:
    """I10: also where the end is recorded without waiting for its result."""
    observed = read(None, FAILED)
    told = all_of(
        decide(given.desired(intent=OWN, status=recorded(Phase.RUNNING), spec=spec(**SECRET_ENV)), observed, NOW)
    )
    assert "exit code 1" in told
    assert SECRET not in told


def test_an_error_that_comes_anew_is_masked_anew() -> None:
    observed = learning.job_seen(read(frozenset({SECRET}), FAILED), FAILED, now=NOW)
    assert not observed.error_masked


def test_without_secrets_in_its_environment_an_error_is_told_as_it_is() -> None:
    assert "401 for" in all_of(ends(FAILED))


AMOUNTS = st.one_of(st.none(), st.sampled_from(["0", "1e-300", "0.0001", "1", "1e12", "1000000000000"]))
WHOLES = st.one_of(st.none(), st.sampled_from([0, -(2**62), -1, 1, 10**9, 2**62, 2**63 - 1]))


@settings(max_examples=400, deadline=None, database=None, print_blob=True)
@cases(
    status=st.sampled_from([JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED]),
    price=AMOUNTS,
    total=AMOUNTS,
    runtime=WHOLES,
    whole=WHOLES,
    limit=st.sampled_from([None, "0.01", "999999999.00"]),
    earlier=st.sampled_from([None, Decimal("999999999999.99")]),
    run_id=st.sampled_from(["1", "2"]),
    suspended=st.booleans(),
)
def test_no_number_is_too_extreme(  # one for each thing that a platform can say
    *,
    status: JobStatus,
    price: str | None,
    total: str | None,
    runtime: int | None,
    whole: int | None,
    limit: str | None,
    earlier: Decimal | None,
    run_id: str,
    suspended: bool,
) -> None:
    seen = job(
        status,
        cost_per_hour=price,
        total_cost=total,
        runtime_seconds=runtime,
        exit_code=whole,
        retry_count=whole,
        num_nodes=whole,
        progress="1/3",
    )
    wanted = spec(costLimit=limit, runId=run_id, suspend=suspended)
    before = recorded(Phase.RUNNING, earlier_cost=earlier)
    found = given.observed(remote=seen, fresh=True, result_reads=1, seen_at=NOW - (NOW - OWN.time))
    decision = decide(given.desired(intent=OWN, status=before, spec=wanted), found, NOW)
    if decision.status is not None:
        decision.status.dump()
        decide(given.desired(intent=OWN, status=decision.status, spec=wanted), found, NOW)

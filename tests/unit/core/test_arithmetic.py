"""Progress, cost, environment, request: what is computed from what a user or the platform wrote."""

from decimal import Decimal
from typing import Any

import pydantic
import pytest

from seedjob_operator.core import cost, environment, masking, request
from seedjob_operator.core.environment import Environment, Sources
from seedjob_operator.core.progress import progress_text, read_progress
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import JobSpec
from seedjob_operator.seedapi.wire import JobStatus
from unit.core.given import job


@pytest.mark.parametrize(
    ("text", "percent", "current", "total", "column"),
    [
        ("Epoch 2/3 - Step 4200/6300", 67, 4200, 6300, "67 %"),
        ("Step 10/200 (7%)", 7, 10, 200, "7 %"),
        ("42 %", 42, None, None, "42 %"),
        ("99.5%", 100, None, None, "100 %"),
        ("0/10", 0, 0, 10, "0 %"),
        ("10/10", 100, 10, 10, "100 %"),
        ("1/3", 33, 1, 3, "33 %"),
        ("loss 0.4%, 50%", 50, None, None, "50 %"),
        ("250% of budget, 1/4", 25, 1, 4, "25 %"),
        ("downloading", None, None, None, "downloading"),
        ("5/0", None, None, None, "5/0"),
        ("7/3", None, None, None, "7/3"),
        ("2026/03/01", None, None, None, "2026/03/01"),
        ("x" * 40, None, None, None, "x" * 32),
        ("  Step 1/2  ", 50, 1, 2, "50 %"),
    ],
)
def test_progress_is_read(text: str, percent: int | None, current: int | None, total: int | None, column: str) -> None:
    """An explicit percentage wins, else the last fraction, else the message stands alone."""
    read = read_progress(text, runtime_seconds=None)
    assert read is not None
    assert (read.percent, read.current, read.total, progress_text(read)) == (percent, current, total, column)
    assert read.message == text.strip()


@pytest.mark.parametrize("text", [None, "", "   "])
def test_no_text_is_no_progress(text: str | None) -> None:
    assert read_progress(text, runtime_seconds=5) is None
    assert progress_text(None) is None


@pytest.mark.parametrize(
    ("text", "runtime", "eta"),
    [("1/4", 100, 300), ("0/4", 100, None), ("4/4", 100, 0), ("1/4", None, None), ("warming up", 100, None)],
)
def test_the_time_to_go_extrapolates(text: str, runtime: int | None, eta: int | None) -> None:
    read = read_progress(text, runtime_seconds=runtime)
    assert read is not None
    assert read.eta_seconds == eta


@pytest.mark.parametrize(
    ("fields", "total", "text", "why"),
    [
        ({"total_cost": "12.80"}, "12.80", "12.80 USD", "the platform's total wins over the arithmetic"),
        ({"cost_per_hour": "3.60", "runtime_seconds": 3600}, "3.60", "3.60 USD", "price times run time"),
        ({"cost_per_hour": "3.60", "num_nodes": 4, "runtime_seconds": 3600}, "3.60", "3.60 USD", "of the whole job"),
        ({"cost_per_hour": "0.10", "runtime_seconds": 36}, "0.0010", "0.0010 USD", "a short run isn't free"),
        ({"cost_per_hour": "1", "runtime_seconds": 1818}, "0.51", "0.51 USD", "half a cent is rounded up: 0.505"),
        ({"cost_per_hour": "3.60", "runtime_seconds": None}, None, None, "a price alone is no cost yet"),
        ({"total_cost": "0"}, "0.00", "0.00 USD", "zero is an answer"),
    ],
)
def test_cost(fields: dict[str, Any], total: str | None, text: str | None, why: str) -> None:
    found = cost.cost_of(job(**fields), currency="USD")
    assert found is not None
    assert found.total == (None if total is None else Decimal(total)), why
    assert cost.cost_text(found) == text, why


def test_no_price_is_no_cost() -> None:
    assert cost.cost_of(job(JobStatus.QUEUED, cost_per_hour=None), currency="USD") is None
    assert cost.cost_text(None) is None


def job_spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"image": "busybox", "command": "true", "gpu": {"type": "L4"}, **fields})


SOURCES = Sources(
    secrets={"hf": {"token": "hunter2", "pem": "line one\nline two"}, "none": None},
    config_maps={"defaults": {"EPOCHS": "3", "LR": "0.1"}, "more": {"EPOCHS": "9"}, "none": None},
)


def env(*variables: dict[str, Any], whole: tuple[dict[str, Any], ...] = (), attempt: int = 1) -> Environment | Hold:
    return environment.build(job_spec(env=variables, envFrom=whole), SOURCES, attempt=attempt)


def secret(key: str, *, name: str = "hf", optional: bool | None = None) -> dict[str, Any]:
    return {"secretKeyRef": {"name": name, "key": key, "optional": optional}}


@pytest.mark.parametrize(
    ("variables", "whole", "expected", "why"),
    [
        ([], [], {}, "every job knows its attempt"),
        ([{"name": "SEED_ATTEMPT", "value": "mine"}], [], {"SEED_ATTEMPT": "mine"}, "the user's own variable wins"),
        ([{"name": "A"}], [], {"A": ""}, "no value is the empty string"),
        ([], [{"configMapRef": {"name": "defaults"}}], {"EPOCHS": "3", "LR": "0.1"}, "all keys"),
        (
            [],
            [{"configMapRef": {"name": "defaults"}}, {"configMapRef": {"name": "more"}}],
            {"EPOCHS": "9", "LR": "0.1"},
            "the last source wins",
        ),
        (
            [{"name": "EPOCHS", "value": "1"}],
            [{"configMapRef": {"name": "defaults"}}],
            {"EPOCHS": "1", "LR": "0.1"},
            "env wins over envFrom",
        ),
        (
            [],
            [{"prefix": "T_", "configMapRef": {"name": "more"}}],
            {"T_EPOCHS": "9"},
            "a prefix stands before each key",
        ),
        ([], [{"configMapRef": {"name": "none", "optional": True}}], {}, "an optional source may be absent"),
        (
            [{"name": "A", "value": "x"}, {"name": "B", "value": "$(A)-$(A)"}],
            [],
            {"A": "x", "B": "x-x"},
            "a variable defined before",
        ),
        (
            [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "x"}],
            [],
            {"A": "x", "B": "$(A)"},
            "one defined later isn't known yet",
        ),
        ([{"name": "B", "value": "$$(A) $$ $(SEED_ATTEMPT)"}], [], {"B": "$(A) $ 1"}, "a doubled $ escapes"),
        ([{"name": "B", "value": "$(A $(B C) $ ($)"}], [], {"B": "$(A $(B C) $ ($)"}, "what isn't one stays"),
        (
            [{"name": "E", "value": "$(EPOCHS)"}],
            [{"configMapRef": {"name": "defaults"}}],
            {"EPOCHS": "3", "LR": "0.1", "E": "3"},
            "from envFrom too",
        ),
        (
            [{"name": "T", "valueFrom": secret("token")}, {"name": "U", "value": "u:$(T)"}],
            [],
            {"T": "hunter2", "U": "u:hunter2"},
            "a Secret's value",
        ),
        (
            [{"name": "T", "valueFrom": secret("absent", optional=True)}],
            [],
            {},
            "an optional key that is absent leaves the variable out",
        ),
        (
            [{"name": "T", "valueFrom": secret("x", name="none", optional=True)}],
            [],
            {},
            "so does an absent optional Secret",
        ),
    ],
)
def test_the_environment_is_a_pod_s(
    variables: list[dict[str, Any]], whole: list[dict[str, Any]], expected: dict[str, str], why: str
) -> None:
    built = env(*variables, whole=tuple(whole))
    assert isinstance(built, Environment), why
    assert dict(built.values) == {"SEED_ATTEMPT": "1"} | expected, why


def test_a_value_from_a_source_is_taken_as_it_is() -> None:
    """`$(A)` inside a Secret is part of the Secret."""
    sources = Sources(secrets={"s": {"k": "$(A)$$"}})
    variables = [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": secret("k", name="s")}]
    built = environment.build(job_spec(env=variables), sources, attempt=1)
    assert isinstance(built, Environment)
    assert built.values["B"] == "$(A)$$"


@pytest.mark.parametrize(
    ("variables", "whole", "reason", "names"),
    [
        ([{"name": "T", "valueFrom": secret("x", name="gone")}], [], Reason.SECRET_NOT_FOUND, ("gone",)),
        ([{"name": "T", "valueFrom": secret("absent")}], [], Reason.SECRET_KEY_MISSING, ("hf", "absent")),
        (
            [{"name": "T", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}],
            [],
            Reason.CONFIG_MAP_NOT_FOUND,
            ("none",),
        ),
        (
            [{"name": "T", "valueFrom": {"configMapKeyRef": {"name": "more", "key": "k"}}}],
            [],
            Reason.CONFIG_MAP_KEY_MISSING,
            ("more", "k"),
        ),
        ([], [{"secretRef": {"name": "none"}}], Reason.SECRET_NOT_FOUND, ("none",)),
        ([], [{"configMapRef": {"name": "none", "optional": False}}], Reason.CONFIG_MAP_NOT_FOUND, ("none",)),
    ],
)
def test_what_is_missing_is_named(
    variables: list[dict[str, Any]], whole: list[dict[str, Any]], reason: Reason, names: tuple[str, ...]
) -> None:
    held = env(*variables, whole=tuple(whole))
    assert isinstance(held, Hold)
    assert held.reason is reason
    assert all(name in held.message for name in names)


def test_references_are_those_to_watch() -> None:
    spec = job_spec(
        env=[{"name": "T", "valueFrom": secret("k", name="a")}, {"name": "P", "value": "plain"}],
        envFrom=[{"secretRef": {"name": "b"}}, {"configMapRef": {"name": "c"}}],
    )
    assert environment.references(spec) == (frozenset({"a", "b"}), frozenset({"c"}))


def test_secrets_are_masked_line_by_line_and_shown_nowhere() -> None:
    variables = [{"name": "T", "valueFrom": secret("token")}]
    built = env(*variables, whole=({"secretRef": {"name": "hf"}},))
    secrets = masked_in(env=variables, envFrom=[{"secretRef": {"name": "hf"}}])
    assert masking.masked("token=hunter2, hunter22", secrets) == "token=***, ***2"
    assert masking.masked("line two", secrets) == "***"
    assert "hunter2" not in repr(built)
    assert "hunter2" not in repr(SOURCES)


def masked_in(**fields: Any) -> frozenset[str]:
    """Give what is masked in the words of a job whose Secrets are those that it was sent."""
    found = masking.masks(job_spec(**fields), SOURCES, masking.stamp(SOURCES))
    assert found is not None
    return found


def test_a_longer_secret_is_masked_before_one_inside_it() -> None:
    """The other way round, the rest of the longer one would stay readable."""
    assert masking.masked("abcdef", frozenset({"abc", "abcdef"})) == "***"


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_secret_masks_nothing(value: str) -> None:
    assert masking.masked("a b c", frozenset({value})) == "a b c"


def test_plain_values_are_no_secrets() -> None:
    plain = [{"name": "A", "value": "visible"}]
    assert masked_in(env=plain, envFrom=[{"configMapRef": {"name": "defaults"}}]) == frozenset()


def test_what_the_user_left_out_isnt_sent() -> None:
    """The platform's own defaults hold, also when they change."""
    body = request.create_request(job_spec(), name="n", environment={}).model_dump(exclude_none=True)
    assert body == {"name": "n", "command": "true", "image": "busybox", "gpu": "L4"}


def test_every_field_is_sent_under_its_wire_name() -> None:
    full = job_spec(
        repo="a/b", branch="main", gpu={"type": "A100-80GB", "count": 4}, cpu=32, memoryGB=256, diskGB=500, nodes=2,
        spot=False, region="eu-west-1", timeoutMinutes=720, maxRetries=0, artifactsPath="/outputs",
    )  # fmt: skip
    body = request.create_request(full, name="n", environment={"A": "1"}).model_dump(exclude_none=True)
    assert body == {
        "name": "n", "command": "true", "image": "busybox", "repo": "a/b", "branch": "main", "gpu": "A100-80GB",
        "gpu_count": 4, "cpu": 32, "memory_gb": 256, "disk_gb": 500, "num_nodes": 2, "spot": False,
        "region": "eu-west-1", "timeout_minutes": 720, "max_retries": 0, "artifacts_path": "/outputs",
        "env": {"A": "1"},
    }  # fmt: skip


def test_a_value_that_cant_be_sent_is_refused_without_being_shown() -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        request.create_request(job_spec(), name="n", environment={"T": "hunter2\0"})
    assert "hunter2" not in str(refused.value)

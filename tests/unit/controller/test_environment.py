"""What a job's environment becomes: Kubernetes' own rules, and Secret values that are shown nowhere."""

from typing import Any

import pytest

from seedjob_operator.core import environment, naming
from seedjob_operator.core.environment import Environment, Sources
from seedjob_operator.resources import JobSpec


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("$(A)", "a"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
        ("$($(A))", "$($(A))"),
        ("$(B)", "$(A)"),
        ("$()", "$()"),
        ("end$", "end$"),
        ("$$", "$"),
        ("$(A)$(A)", "aa"),
    ],
)
def test_expansion(written: str, sent: str) -> None:
    """Each as the kubelet's own function does it, the reference at the first `)` included."""
    assert environment.expand(written, {"A": "a", "B": "$(A)"}) == sent


def test_keys_that_are_no_names_are_skipped() -> None:
    """As in a pod: one odd key must not keep the others from the job; a prefix can make a name of it."""
    job = spec(envFrom=[{"configMapRef": {"name": "m"}}, {"configMapRef": {"name": "m"}, "prefix": "P_"}])
    sources = Sources(config_maps={"m": {"1st": "x", "ok": "y", "..up": "z", ".": "d"}})
    built = environment.build(job, sources, attempt=1)
    assert isinstance(built, Environment)
    assert dict(built.values) == {"SEED_ATTEMPT": "1", "ok": "y", "P_1st": "x", "P_ok": "y", "P_..up": "z", "P_.": "d"}


def test_the_hash_of_a_spec_covers_no_secret_value() -> None:
    """It is stored in plain sight, and a value of few bits could be guessed from it."""
    job = spec(env=[{"name": "PIN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "pin"}}}])
    for pin in ("1234", "9999"):
        built = environment.build(job, Sources(secrets={"keys": {"pin": pin}}), attempt=1)
        assert isinstance(built, Environment)
        assert pin not in repr(built)
        assert naming.spec_hash(job) == naming.spec_hash(job.model_copy(deep=True))


def spec(**fields: Any) -> JobSpec:
    """Give a job with an environment."""
    return JobSpec.model_validate({"image": "i", "command": "true", "gpu": {"type": "none"}, **fields})

"""What a job's environment becomes: Kubernetes' own rules, and Secret values that are shown nowhere."""

from typing import Any

import pytest

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.core import environment, naming
from seedjob_operator.core.environment import Environment, Sources
from seedjob_operator.resources import JobSpec

JOB = Key("research", "train")


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


class TestMasking:
    """A log tail is stored where many can read it: it is kept only where all that was sent can be masked in it."""

    def test_an_optional_secret_that_never_was(self) -> None:
        """Nothing of it was sent."""
        sources = reader()
        sources.note_lacking(JOB, "u1", Sources(secrets={"maybe": None, "keys": {"k": "v"}}))
        assert sources.all_known(JOB, "u1", Sources(secrets={"maybe": None, "keys": {"k": "v"}}))

    def test_a_secret_that_went_away_after_it_was_sent(self) -> None:
        """Nobody knows any more what to mask."""
        sources = reader()
        sources.note_lacking(JOB, "u1", Sources(secrets={"keys": {"k": "v"}}))
        assert not sources.all_known(JOB, "u1", Sources(secrets={"keys": None}))

    def test_another_object_of_that_name(self) -> None:
        """What was lacking then says nothing of a namesake."""
        sources = reader()
        sources.note_lacking(JOB, "u1", Sources(secrets={"maybe": None}))
        assert not sources.all_known(JOB, "u2", Sources(secrets={"maybe": None}))


def spec(**fields: Any) -> JobSpec:
    """Give a job with an environment."""
    return JobSpec.model_validate({"image": "i", "command": "true", "gpu": {"type": "none"}, **fields})


def reader() -> SourceReader:
    """Give a reader that reads nothing here."""
    nothing: Any = None
    return SourceReader(nothing, Clock())

"""Settings: what can't be used is refused in one line that names it, and nothing secret is shown."""

import argparse
from pathlib import Path

import pytest

from seedjob_operator import settings
from seedjob_operator.core.shard import Shard

TOKEN = "hidden-token"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests don't count."""
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_nothing_set_is_an_operator_without_a_default_connection() -> None:
    """SeedConnections alone are a way to run it."""
    loaded = settings.load()
    assert (loaded.seed_api_url, loaded.metrics_port, loaded.seed_requests_per_minute) == (None, 8080, 60)
    assert loaded.allowed_endpoints == ()
    assert (loaded.lease_name, loaded.lease_namespace, loaded.seed_currency) == ("seedjob-operator", None, "USD")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in every other environment variable of this kind; blanks and empty parts say nothing."""
    monkeypatch.setenv("WATCH_NAMESPACES", "a, b,,c ")
    monkeypatch.setenv("SEED_ALLOWED_ENDPOINTS", "https://one.example/,https://two.example/seed")
    loaded = settings.load()
    assert loaded.watch_namespaces == ("a", "b", "c")
    assert loaded.allowed_endpoints == ("https://one.example", "https://two.example/seed")


def test_a_part_of_all_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hash, by label, or by both; nothing set is everything."""
    assert (settings.load().shard, settings.load().watch_label_selector) == (Shard(0, 1), {})
    monkeypatch.setenv("SHARD", "1/4")
    monkeypatch.setenv("WATCH_LABEL_SELECTOR", "team=research, tier=gpu")
    loaded = settings.load()
    assert loaded.shard == Shard(1, 4)
    assert loaded.watch_label_selector == {"team": "research", "tier": "gpu"}


def test_the_default_connection_is_allowed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the operator has named it."""
    for name, value in {"URL": "https://api.example/", "TOKEN": TOKEN}.items():
        monkeypatch.setenv(f"SEED_API_{name}", value)
    monkeypatch.setenv("SEED_NAMESPACE", "acme")
    assert settings.load().allowed_endpoints == ("https://api.example",)


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every command line."""
    monkeypatch.setenv("METRICS_PORT", "1")
    parser = argparse.ArgumentParser()
    settings.add_arguments(parser)
    assert settings.load(parser.parse_args(["--metrics-port", "2"])).metrics_port == 2


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("METRICS_PORT", "many", "METRICS_PORT: "),
        ("METRICS_PORT", "-1", "METRICS_PORT: "),
        ("SEED_REQUESTS_PER_MINUTE", "0", "SEED_REQUESTS_PER_MINUTE: "),
        ("SEED_BURST", "-5", "SEED_BURST: "),
        ("SEED_AUTH_SCHEME", "bearer", "SEED_AUTH_SCHEME: "),
        ("SEED_CURRENCY", "EURO", "SEED_CURRENCY: "),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: "),
        ("SHARD", "4/4", "SHARD: write INDEX/COUNT"),
        ("SHARD", "first", "SHARD: write INDEX/COUNT"),
        ("WATCH_LABEL_SELECTOR", "team in (a,b)", "WATCH_LABEL_SELECTOR: write key=value pairs"),
        ("SEED_API_URL", "ftp://api.example", "SEED_API_URL: "),
        ("SEED_API_URL", "http://api.example", "https://"),
        ("SEED_ALLOWED_ENDPOINTS", "https://a.example,http://b.example", "SEED_ALLOWED_ENDPOINTS: "),
        ("SEED_API_URL", "https://api.example", "SEED_API_TOKEN_FILE"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """A value that can be read but makes no sense is refused like one that can't."""
    monkeypatch.setenv(name, value)
    with pytest.raises(settings.SettingsError) as refused:
        settings.load()
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_token_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """resource.md: exit 2 at start, not an operator that never gets ready."""
    monkeypatch.setenv("SEED_API_URL", "https://api.example")
    monkeypatch.setenv("SEED_API_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(settings.SettingsError, match="SEED_API_TOKEN_FILE"):
        settings.load()


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a repr, which ends in logs, and not in the refusal of something else."""
    monkeypatch.setenv("SEED_API_URL", "https://api.example")
    monkeypatch.setenv("SEED_API_TOKEN", TOKEN)
    with pytest.raises(settings.SettingsError) as refused:
        settings.load()
    assert TOKEN not in str(refused.value)
    monkeypatch.setenv("SEED_NAMESPACE", "acme")
    assert TOKEN not in repr(settings.load())


def test_a_plan_that_was_written_down_is_told_from_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform may raise what is only assumed, never what somebody has set."""
    assert settings.load().told_requests_per_minute is None
    monkeypatch.setenv("SEED_REQUESTS_PER_MINUTE", "60")
    assert settings.load().told_requests_per_minute == 60

"""Whom the suite tests: a local Seed server of its own, or, by the environment, any other platform.

`SEED_CONFORMANCE_URL`, `_TOKEN` and `_NAMESPACE` name another one; `_SCHEME` (Bearer or API-Key), `_API_KEY`,
`_LIMITED_TOKEN`, `_IMAGE`, `_REPO` and `_PATIENCE` are optional. Tests that need what wasn't given, and those marked `local`,
are then left out.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from conformance.platform_client import Platform, Target
from integration.seedserver.server import SeedServer

_PREFIX = "SEED_CONFORMANCE_"
_LOCAL_TOKENS = """
users:
  - {name: suite, tokens: [conformance-token], namespaces: [acme], plan: 1000}
  - {name: limited, tokens: [limited-token], namespaces: [acme], plan: 60}
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "contract(*lines): the lines of the API's contract that a test checks, word for word"
    )
    config.addinivalue_line("markers", "local: what only the local server promises, or what costs money elsewhere")
    config.addinivalue_line("markers", "needs(setting): a setting of the target without which the test is left out")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the target can't be asked; each test here must name its lines."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        mark = item.get_closest_marker("contract")
        assert mark is not None, f"{item.name} names no line of the contract"
    target = _other_target()
    if target is None:
        return
    unfit = [item for item in ours if item.get_closest_marker("local") or _lacks(item, target)]
    config.hook.pytest_deselected(items=unfit)
    items[:] = [item for item in items if item not in unfit]


def _lacks(item: pytest.Item, target: Target) -> bool:
    mark = item.get_closest_marker("needs")
    return mark is not None and getattr(target, mark.args[0]) is None


def _other_target() -> Target | None:
    given = {key.removeprefix(_PREFIX).lower(): value for key, value in os.environ.items() if key.startswith(_PREFIX)}
    if not given:
        return None
    missing = [name for name in ("url", "token", "namespace") if name not in given]
    if missing:
        raise pytest.UsageError(f"set {', '.join(_PREFIX + name.upper() for name in missing)} as well")
    unknown = sorted(
        set(given) - {field.name for field in fields(Target)} | set(given) & {"grace_seconds", "longest_pause"}
    )
    if unknown:
        raise pytest.UsageError(f"the suite doesn't know {', '.join(_PREFIX + name.upper() for name in unknown)}")
    patience = given.pop("patience", "1800")
    if not patience.isdecimal():
        raise pytest.UsageError(f"{_PREFIX}PATIENCE is a whole number of seconds")
    return Target(patience=float(patience), **given)  # type: ignore[arg-type]  # all others are texts


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform under test; the jobs that tests created are gone afterwards."""
    other = _other_target()
    if other is not None:
        client = Platform(other)
        yield client
        client.clean_up()
        return
    folder = tmp_path_factory.mktemp("conformance")
    (folder / "tokens.yaml").write_text(_LOCAL_TOKENS)
    flags = ["--tokens", str(folder / "tokens.yaml"), "--repos", str(_repos(folder)), "--time-scale", "15"]
    server = SeedServer(folder / "data", *flags, "--grace-seconds", "8").start()
    client = Platform(
        Target(
            url=server.url,
            namespace="acme",
            token="conformance-token",
            api_key="ci$conformance-token",
            limited_token="limited-token",
            repo="acme/trainer",
            grace_seconds=8,
            patience=120,
            longest_pause=0.2,
        )
    )
    yield client
    client.http.close()
    server.clean_up()


def _repos(folder: Path) -> Path:
    repo = folder / "repos" / "acme" / "trainer"
    repo.mkdir(parents=True)
    git = ["git", "-C", str(repo), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q", "-b", "main"], ["commit", "-q", "--allow-empty", "-m", "start"]):
        subprocess.run([*git, *command], check=True)
    (repo / "README").write_text("a repository\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "words"], check=True)
    return folder / "repos"

"""The kubectl plugin: a few lines that say what a SeedJob is at, and exit codes that scripts can use."""

from typing import Any

import pytest

from seedjob_operator.plugin import cli
from seedjob_operator.resources import SeedJobStatus


def status(phase: str, *, synced: str = "True", **fields: Any) -> dict[str, Any]:
    """Give a status as Kubernetes has it."""
    shared = {"lastTransitionTime": "2026-01-01T00:00:00Z", "message": "It ended with exit code 3."}
    conditions = [
        {"type": "Ready", "status": "False", "reason": "Failed", **shared},
        {"type": "Synced", "status": synced, "reason": "Synced", **shared},
    ]
    return {"phase": phase, "conditions": conditions, **fields}


def test_the_summary_says_what_and_why() -> None:
    """The reason and the end of the log are what one looks for first."""
    text = cli.summary("a", SeedJobStatus.read(status("Failed", exitCode=3, costText="0.10 USD", logTail=["boom"])))
    assert "phase:     Failed" in text
    assert "Failed: It ended with exit code 3." in text
    assert "exit code: 3" in text
    assert text.endswith("    boom")


def test_a_stale_status_says_so() -> None:
    """What can't be asked for may have changed."""
    assert "may be old" in cli.summary("a", SeedJobStatus.read(status("Running", synced="Unknown", jobId="job_1")))
    assert "may be old" not in cli.summary("a", SeedJobStatus.read(status("Pending", synced="Unknown"))), "never sent"
    assert "may be old" not in cli.summary("a", SeedJobStatus.read(status("Running")))


def test_a_new_object_has_a_summary() -> None:
    """The operator may not have looked at it yet."""
    assert "New" in cli.summary("a", SeedJobStatus.read(None))


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("Failed", 1), ("TimedOut", 1), ("Cancelled", 1)])
def test_waiting_gives_the_end_as_its_exit_code(monkeypatch: pytest.MonkeyPatch, phase: str, code: int) -> None:
    """`kubectl seedjob wait a && deploy` must not deploy a failure."""
    monkeypatch.setattr(cli, "_reader", lambda _: lambda _name: {"status": status(phase)})
    assert cli.main(["wait", "a"]) == code


def test_waiting_can_take_too_long(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An exit code of its own, so that a script can tell it from a failure."""
    monkeypatch.setattr(cli, "_reader", lambda _: lambda _name: {"status": status("Running")})
    assert cli.main(["wait", "a", "--timeout", "-1"]) == 3
    assert "has not ended" in capsys.readouterr().err


def test_flags_that_are_kubectls_go_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """-n, --context and the like work as everywhere."""
    seen: list[list[str]] = []

    def reader(flags: list[str]) -> Any:
        seen.append(flags)
        return lambda _name: {"status": status("Running")}

    monkeypatch.setattr(cli, "_reader", reader)
    cli.main(["status", "a", "-n", "research", "--context=x"])
    assert seen == [["-n", "research", "--context=x"]]


def test_kubectls_refusal_is_passed_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In its own words, and with an exit code that is no job's."""

    def refuse(_name: str) -> Any:
        raise cli.KubectlError("Error from server (NotFound): none")

    monkeypatch.setattr(cli, "_reader", lambda _: refuse)
    assert cli.main(["status", "a"]) == 2
    assert "NotFound" in capsys.readouterr().err

"""`python -m seedjob_operator.devcluster`: its answers and exit codes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from seedjob_operator.devcluster import __main__ as command
from seedjob_operator.devcluster.assets import Assets
from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.finding import Binary


@pytest.fixture(autouse=True)
def keep_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes SIGTERM for itself; the test runner keeps its own."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)


def ensure_gives(monkeypatch: pytest.MonkeyPatch, result: Assets | BaseException) -> None:
    def ensure(**_: object) -> Assets:
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(command, "ensure_assets", ensure)


def binary(folder: Path, name: str, says: str) -> Binary:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return Binary(name=name, path=path, origin="built here")


def test_it_prints_where_each_program_is_and_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assets = Assets(
        kube_apiserver=binary(tmp_path, "kube-apiserver", "Kubernetes v1.36.3"),
        etcd=binary(tmp_path, "etcd", "etcd Version: 3.6.16"),
        kubectl=binary(tmp_path, "kubectl", "Client Version: v1.36.3"),
    )
    ensure_gives(monkeypatch, assets)
    assert command.main(["control-plane"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"kube-apiserver  v1.36.3  {tmp_path}/kube-apiserver  (built here)",
        f"etcd            3.6.16   {tmp_path}/etcd  (built here)",
        f"kubectl         v1.36.3  {tmp_path}/kubectl  (built here)",
    ]


def test_what_the_user_has_to_do_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_gives(monkeypatch, ToolMissingError("Install Go 1.26 or newer."))
    assert command.main(["control-plane"]) == 2
    assert capsys.readouterr().err == "seedjob_operator.devcluster: Install Go 1.26 or newer.\n"


def test_ctrl_c_is_no_traceback_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_gives(monkeypatch, KeyboardInterrupt())
    assert command.main(["control-plane"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_program_of_another_kind_of_machine_is_said_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = binary(tmp_path, "etcd", "x")
    broken.path.write_bytes(b"\x00not for this machine")
    ensure_gives(monkeypatch, Assets(kube_apiserver=broken, etcd=broken, kubectl=broken))
    assert command.main(["control-plane"]) == 2
    assert f"{broken.path} can't be run" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["up"], ["sideways"]])
def test_a_wrong_command_line_is_refused_with_its_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m seedjob_operator.devcluster" in capsys.readouterr().err

"""Secrets of a control plane: readable by their owner alone, and the same after a restart."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from seedjob_operator.devcluster.credentials import (
    signing_key,
    token_file_line,
    token_of,
    write_kubeconfig,
    write_once,
)


def test_a_second_start_keeps_the_first_ones_secret(tmp_path: Path) -> None:
    assert write_once(tmp_path / "key", "first") == "first"
    assert write_once(tmp_path / "key", "second") == "first"


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    write_once(tmp_path / "key", "x")
    (tmp_path / "crt").write_bytes(b"certificate")
    write_kubeconfig(tmp_path / "kubeconfig", url="https://x", certificate=tmp_path / "crt", token="t")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("key", "kubeconfig")} == {0o600}


def test_each_control_plane_has_its_own() -> None:
    assert signing_key() != signing_key()
    assert token_of(token_file_line()) != token_of(token_file_line())


def test_the_administrator_is_in_the_group_that_rbac_lets_do_all() -> None:
    token, user, uid, groups = token_file_line().strip().split(",")
    assert len(token) >= 43, "256 bits"
    assert (user, uid, groups) == ("admin", "admin", '"system:masters"')


def test_the_kubeconfig_is_complete(tmp_path: Path) -> None:
    (tmp_path / "crt").write_bytes(b"certificate")
    write_kubeconfig(tmp_path / "kubeconfig", url="https://127.0.0.1:1", certificate=tmp_path / "crt", token="t")
    config = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    cluster = config["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:1"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"certificate"
    assert config["users"][0]["user"] == {"token": "t"}
    assert config["current-context"] == config["contexts"][0]["name"]

"""Who may use the control plane: one administrator's token, and the key that signs ServiceAccount tokens."""

import base64
import secrets
from pathlib import Path
from typing import Final

import yaml

# NIST P-256: the order of its base point, and RFC 5915's ECPrivateKey around a private number of 32 bytes. The public
# key, which follows from the number, may be left out there: kube-apiserver computes it.
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_EC_PRIVATE_KEY: Final = bytes.fromhex("30310201010420"), bytes.fromhex("a00a06082a8648ce3d030107")


def write_once(path: Path, text: str) -> str:
    """Write a file that only its owner can read, unless it is there from an earlier start; returns its text."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def signing_key() -> str:
    """Make a new ECDSA key in PEM."""
    head, tail = _EC_PRIVATE_KEY
    number = secrets.randbelow(_P256_ORDER - 1) + 1
    body = base64.encodebytes(head + number.to_bytes(32, "big") + tail).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n"


def token_file_line() -> str:
    """A line for `--token-auth-file`, with a new token of an administrator (group `system:masters`)."""
    return f'{secrets.token_urlsafe(32)},admin,admin,"system:masters"\n'


def token_of(line: str) -> str:
    """The token in such a line."""
    return line.partition(",")[0]


def write_kubeconfig(path: Path, *, url: str, certificate: Path, token: str) -> None:
    """Write the administrator's kubeconfig, readable by its owner alone."""
    authority = base64.b64encode(certificate.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "seedjob", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "seedjob", "context": {"cluster": "seedjob", "user": "admin", "namespace": "default"}}],
        "current-context": "seedjob",
    }
    unfinished = path.with_name(f".{path.name}.partial")
    unfinished.touch(mode=0o600)
    unfinished.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    unfinished.replace(path)

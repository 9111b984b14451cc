"""The API server with both CRDs installed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from integration.resources.kubernetes_api import Answer, KubernetesApi
from seedjob_operator.devcluster import ControlPlane

CRDS = Path(__file__).parents[3] / "crds"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def bare_api(control_plane: ControlPlane) -> Iterator[KubernetesApi]:
    """The API server, whatever is installed in it."""
    trust = ssl.create_default_context(cafile=control_plane.certificate)
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(base_url=control_plane.url, headers=headers, verify=trust, timeout=30) as client:
        yield KubernetesApi(client)


@pytest.fixture(scope="module")
def api(bare_api: KubernetesApi, installed: list[Answer]) -> KubernetesApi:
    """The API server with both CRDs served."""
    assert [answer.code for answer in installed if answer.code not in {200, 201}] == []
    return bare_api


@pytest.fixture(scope="module")
def installed(bare_api: KubernetesApi) -> list[Answer]:
    """The answers to applying both CRDs, given once both are served."""
    texts = [path.read_text() for path in sorted(CRDS.glob("*.yaml"))]
    names = [yaml.safe_load(text)["metadata"]["name"] for text in texts]
    answers = [
        bare_api.send(
            "PATCH",
            f"{DEFINITIONS}/{name}?fieldManager=tests&force=true&fieldValidation=Strict",
            text,
            kind="application/apply-patch+yaml",
        )
        for name, text in zip(names, texts, strict=True)
    ]
    _wait_until_served(bare_api, names)
    return answers


def _wait_until_served(api: KubernetesApi, names: list[str]) -> None:
    """Wait until both kinds can be created: the server needs a moment after a CRD is Established."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        codes = [api.send("GET", f"/apis/seed.dev/v1alpha1/{name.split('.')[0]}").code for name in names]
        if codes == [200] * len(names):
            return
        time.sleep(0.1)
    raise AssertionError(f"not served after 90 s: {names}")

"""The API server over plain HTTP: a table of manifests runs in seconds, where a kubectl each would take minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

# Kubernetes adds this to every refusal by the schema, because the rules are then not looked at.
NOT_CHECKED = "some validation rules were not checked because the object was invalid"


@dataclass(frozen=True)
class Answer:
    """What the API server said to a manifest.

    Attributes:
        code: the HTTP status.
        body: the object as stored, or the refusal (metav1.Status).
        warnings: the texts of the `Warning` headers; kubectl prints each of them.
    """

    code: int
    body: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def message(self) -> str:
        """What kubectl prints of a refusal."""
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """The sentences of a refusal, each with the field that it names."""
        causes = self.body.get("details", {}).get("causes", [])
        return [(cause["field"], cause["message"]) for cause in causes if NOT_CHECKED not in cause["message"]]

    def sentences_at(self, field: str) -> str:
        """What a refusal says of one field."""
        return "\n".join(message for path, message in self.causes if path == field)


class KubernetesApi:
    """Requests to the API server as its administrator."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, method: str, path: str, body: object = None, *, kind: str = "application/json") -> Answer:
        """Send one request; `kind` is the content type, `body` JSON or text."""
        content: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body} if body else {}
        response = self._client.request(method, path, headers={"Content-Type": kind}, **content)
        warnings = tuple(response.headers.get_list("Warning"))
        return Answer(code=response.status_code, body=response.json(), warnings=warnings)

    def try_out(self, manifest: dict[str, Any], *, validation: str = "Strict") -> Answer:
        """Create an object without storing it, as `kubectl create --dry-run=server` does."""
        plural = f"{manifest['kind'].lower()}s"
        namespace = manifest["metadata"].get("namespace", "default")
        path = f"/apis/seed.dev/v1alpha1/namespaces/{namespace}/{plural}"
        return self.send("POST", f"{path}?dryRun=All&fieldValidation={validation}", manifest)

    def create(self, manifest: dict[str, Any]) -> str:
        """Create an object in its namespace and give its path."""
        plural, metadata = f"{manifest['kind'].lower()}s", manifest["metadata"]
        path = f"/apis/seed.dev/v1alpha1/namespaces/{metadata['namespace']}/{plural}"
        answer = self.send("POST", path, manifest)
        assert answer.code == 201, answer.message
        return f"{path}/{metadata['name']}"

    def merge(self, path: str, patch: dict[str, Any]) -> Answer:
        """Patch an object (RFC 7386); a path that ends in /status patches the status."""
        return self.send("PATCH", f"{path}?fieldValidation=Strict", patch, kind="application/merge-patch+json")

    def get(self, path: str) -> dict[str, Any]:
        """Give an object as it is stored."""
        return self.send("GET", path).body

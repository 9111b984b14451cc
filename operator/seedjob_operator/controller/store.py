"""What the watch last told of each object, cut down to what is read here."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from seedjob_operator.controller.keys import Key
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.snapshot import Desired
from seedjob_operator.resources import (
    FINALIZER,
    FORCE_ORPHAN_ANNOTATION,
    INTENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RECONCILE_AT_ANNOTATION,
    SeedJobSpec,
    SeedJobStatus,
)

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "finalizers",
)
_TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"
_TRACKING_LABELS = (
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
)
_ANNOTATIONS = (
    INTENT_ANNOTATION,
    PAUSED_ANNOTATION,
    FORCE_ORPHAN_ANNOTATION,
    RECONCILE_AT_ANNOTATION,
    _TRACKING_ANNOTATION,
)
_TRUE = "true"

Document = Mapping[str, Any]


def key_of(body: Document) -> Key:
    """Give an object's key."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


class Store:
    """The newest known state of each object of one kind.

    Writes go in as well as watch events, so that a decision is never made on what was overwritten by ourselves.
    """

    def __init__(self) -> None:
        self._bodies: dict[Key, Document] = {}

    def __len__(self) -> int:
        """Give the number of objects."""
        return len(self._bodies)

    def __iter__(self) -> Iterator[Key]:
        """Give the keys of all objects; the store may change while they are read."""
        return iter(tuple(self._bodies))

    def get(self, key: Key) -> Document | None:
        """Give an object, or None."""
        return self._bodies.get(key)

    def put(self, body: Document) -> bool:
        """Take a state in; False where it is no newer than what is known."""
        key, cut = key_of(body), _cut(body)
        known = self._bodies.get(key)
        if known is not None and not _is_newer(cut, known):
            return False
        self._bodies[key] = cut
        return True

    def remove(self, key: Key, *, uid: str | None = None) -> bool:
        """Forget an object; one that was made anew under the same name stays."""
        known = self._bodies.get(key)
        if known is None or (uid is not None and known["metadata"]["uid"] != uid):
            return False
        del self._bodies[key]
        return True


def _is_newer(body: Document, known: Document) -> bool:
    """Compare resource versions: whole numbers that grow, by the API conventions since Kubernetes 1.35."""
    return int(body["metadata"]["resourceVersion"]) > int(known["metadata"]["resourceVersion"])


def _cut(body: Document) -> Document:
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    kept = {field: metadata[field] for field in _METADATA if field in metadata}
    kept["annotations"] = {name: annotations[name] for name in _ANNOTATIONS if name in annotations}
    labels = metadata.get("labels") or {}
    kept["labels"] = {name: labels[name] for name in _TRACKING_LABELS if name in labels}
    return {"metadata": kept, "spec": body.get("spec") or {}, "status": body.get("status") or {}}


def desired_of(body: Document) -> Desired:
    """Read a SeedJob for `decide`.

    Raises:
        pydantic.ValidationError: its spec isn't what the CRD allows (the CRD in the cluster is another version's).
    """
    metadata, annotations = body["metadata"], body["metadata"]["annotations"]
    text = annotations.get(INTENT_ANNOTATION)
    intent = Intent.parse(text)
    return Desired(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=SeedJobSpec.model_validate(body["spec"]),
        status=SeedJobStatus.read(body["status"]),
        created_at=_moment(metadata.get("creationTimestamp")),
        deleting="deletionTimestamp" in metadata,
        finalizer=FINALIZER in metadata.get("finalizers", ()),
        intent=intent,
        stray_intent=text is not None and intent is None,
        paused=annotations.get(PAUSED_ANNOTATION) == _TRUE,
        force_orphan=annotations.get(FORCE_ORPHAN_ANNOTATION) == _TRUE,
        tracked=_TRACKING_ANNOTATION in annotations or bool(metadata.get("labels")),
    )


def reconcile_at_of(body: Document) -> str:
    """Give the last wish to be looked at now; any other value is a new one."""
    return str(body["metadata"]["annotations"].get(RECONCILE_AT_ANNOTATION, ""))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def version_of(body: Document) -> tuple[str, str]:
    """Give what tells one state of an object from another, and from a namesake's."""
    return body["metadata"]["uid"], body["metadata"]["resourceVersion"]


def precondition_of(body: Document) -> dict[str, str]:
    """Give what a write demands of the object: that it is this one, and unchanged."""
    return {"uid": body["metadata"]["uid"], "resourceVersion": body["metadata"]["resourceVersion"]}

"""What the watch last told of each object, cut down to what is read here."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, cast

import orjson

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.names import NameIndex
from seedjob_operator.controller.outlines import Outline, outline_of
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.snapshot import Desired
from seedjob_operator.resources import (
    FIELD_MANAGER,
    FINALIZER,
    FORCE_ORPHAN_ANNOTATION,
    INTENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RECONCILE_AT_ANNOTATION,
    SeedJobStatus,
    read_spec,
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
_WIPED = "statusWiped"
_NEVER = -1
"""The observedGeneration of a status that nobody wrote."""

Document = Mapping[str, Any]


def key_of(body: Document) -> Key:
    """Give an object's key."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


class Store:
    """The newest known state of each object of one kind: the whole as compact text, and an outline of each.

    Writes go in as well as watch events, so that a decision is never made on what was overwritten by ourselves. Of objects
    that `covers` says are another operator's only the outline is kept: they may use the same SeedConnections.
    """

    def __init__(self, covers: Callable[[Document], bool] = lambda _: True) -> None:
        self._covers = covers
        self._texts: dict[Key, bytes] = {}
        self._outlines: dict[Key, Outline] = {}
        self._names = NameIndex()

    def __len__(self) -> int:
        """Give the number of objects."""
        return len(self._texts)

    def __iter__(self) -> Iterator[Key]:
        """Give the keys of all objects; the store may change while they are read."""
        return iter(tuple(self._texts))

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such an object."""
        return key in self._texts

    def get(self, key: Key) -> Document | None:
        """Read an object, or None."""
        text = self._texts.get(key)
        return None if text is None else cast("Document", orjson.loads(text))

    def version(self, key: Key) -> tuple[str, str] | None:
        """Give what `version_of` would give of an object, or None."""
        outline = self._outlines.get(key) if key in self._texts else None
        return None if outline is None else (outline.uid, str(outline.version))

    def outlines(self) -> Iterator[tuple[Key, Outline]]:
        """Give all objects in outline."""
        return ((key, outline) for key, outline in tuple(self._outlines.items()) if key in self._texts)

    def outlines_everywhere(self) -> Iterator[tuple[Key, Outline]]:
        """Give all objects in outline, other operators' too."""
        return iter(tuple(self._outlines.items()))

    def named(self, chosen: str) -> list[tuple[Key, Outline]]:
        """Give in outline those, other operators' too, whose attempts have a chosen name, or had; in order."""
        return [(key, self._outlines[key]) for key in sorted(self._names.find(chosen))]

    def put(self, body: Document) -> bool:
        """Take a state in; False where it is no newer than what is known, or not ours to act on."""
        key, cut = key_of(body), _cut(body)
        known, outline = self._outlines.get(key), outline_of(cut)
        if known is not None and outline.version <= known.version:
            return False
        self._outlines[key] = outline
        self._names.replace(key, () if known is None else known.names, outline.names)
        if not self._covers(body):
            return self._texts.pop(key, None) is not None
        # A copy: orjson's own text keeps three times the room that it needs.
        self._texts[key] = memoryview(orjson.dumps(cut)).tobytes()
        return True

    def knows(self, body: Document) -> bool:
        """Tell whether this state is known, or a newer one: `put` would change nothing."""
        known = self._outlines.get(key_of(body))
        return known is not None and int(body["metadata"]["resourceVersion"]) <= known.version

    def remove(self, key: Key, *, uid: str | None = None) -> bool:
        """Forget an object; one that was made anew under the same name stays."""
        known = self._outlines.get(key)
        if known is None or (uid is not None and known.uid != uid):
            return False
        del self._outlines[key]
        self._names.replace(key, known.names, ())
        return self._texts.pop(key, None) is not None


def _cut(body: Document) -> Document:
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    kept = {field: metadata[field] for field in _METADATA if field in metadata}
    kept["annotations"] = {name: annotations[name] for name in _ANNOTATIONS if name in annotations}
    labels = metadata.get("labels") or {}
    kept["labels"] = {name: labels[name] for name in _TRACKING_LABELS if name in labels}
    status = body.get("status") or {}
    if _was_wiped(metadata, status):
        kept[_WIPED] = True
    return {"metadata": kept, "spec": body.get("spec") or {}, "status": status}


def _was_wiped(metadata: Document, status: Document) -> bool:
    """Tell whether a status is as blank as a new one and somebody else made it so: Kubernetes notes who wrote it last."""
    if status.get("observedGeneration", _NEVER) != _NEVER:
        return False
    writers = metadata.get("managedFields") or ()
    return any(entry.get("subresource") == "status" and entry.get("manager") != FIELD_MANAGER for entry in writers)


def desired_of(body: Document) -> Desired:
    """Read a SeedJob for `decide`."""
    metadata, annotations = body["metadata"], body["metadata"]["annotations"]
    text = annotations.get(INTENT_ANNOTATION)
    intent = Intent.parse(text)
    spec, unreadable = read_spec(body["spec"])
    return Desired(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=spec,
        status=SeedJobStatus.read(body["status"]),
        created_at=_moment(metadata.get("creationTimestamp")),
        deleting="deletionTimestamp" in metadata,
        finalizer=FINALIZER in metadata.get("finalizers", ()),
        intent=intent,
        stray_intent=text is not None and intent is None,
        paused=annotations.get(PAUSED_ANNOTATION) == _TRUE,
        force_orphan=annotations.get(FORCE_ORPHAN_ANNOTATION) == _TRUE,
        tracked=_TRACKING_ANNOTATION in annotations or bool(metadata.get("labels")),
        status_wiped=_WIPED in metadata,
        unreadable=unreadable,
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

"""What is known of objects: only ever newer, and only what is read."""

import json
import tracemalloc
from typing import Any

import pytest

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.store import Store, desired_of, precondition_of
from unit.simulated import seedjob

A = Key("ns", "a")


@pytest.mark.parametrize(
    ("known", "told", "taken", "why"),
    [
        (5, 6, True, "news"),
        (5, 5, False, "our own write comes back in the watch"),
        (9, 10, True, "versions are numbers, not texts"),
        (10, 9, False, "a watch event from before our own write would bring the old state back"),
    ],
)
def test_only_newer_states_are_taken(known: int, told: int, taken: bool, why: str) -> None:
    store = Store()
    store.put(seedjob(version=known))
    assert store.put(seedjob(version=told)) is taken, why


def test_a_namesake_is_not_removed_with_its_predecessor() -> None:
    """Deleted and made again: the late news of the deletion is about the other one."""
    store = Store()
    store.put(seedjob(uid="new", version=9))
    assert store.remove(A, uid="old") is False
    assert store.get(A) is not None
    assert store.remove(A, uid="new") is True
    assert list(store) == []


def test_what_is_not_read_is_not_kept() -> None:
    """Kubectl's own annotation alone doubles an object."""
    store = Store()
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 1000, "seed.dev/paused": "true"}
    store.put(seedjob(metadata={"annotations": annotations, "managedFields": [{"manager": "kubectl"}]}))
    kept = json.dumps(store.get(A))
    assert "managedFields" not in kept
    assert "last-applied" not in kept
    assert "seed.dev/paused" in kept


def test_desired_reads_what_metadata_says() -> None:
    """The rules see metadata only through these."""
    store = Store()
    store.put(
        seedjob(
            metadata={
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "finalizers": ["seed.dev/job"],
                "annotations": {"seed.dev/paused": "true", "seed.dev/force-orphan": "yes", "seed.dev/intent": "{"},
            }
        )
    )
    body = store.get(A)
    assert body is not None
    desired = desired_of(body)
    assert (desired.deleting, desired.finalizer, desired.paused) == (True, True, True)
    assert desired.force_orphan is False, 'only "true" counts'
    assert (desired.intent, desired.stray_intent) == (None, True)
    assert precondition_of(body) == {"uid": "u1", "resourceVersion": "1"}


@pytest.mark.parametrize(
    ("metadata", "tracked"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "app:seed.dev/SeedJob:ns/a"}}, True),
        ({"labels": {"argocd.argoproj.io/instance": "app"}}, True),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "jobs"}}, True),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "jobs"}}, True),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm", "app": "a"}}, False),
        ({}, False),
    ],
)
def test_what_a_gitops_tool_tracks(metadata: dict[str, Any], *, tracked: bool) -> None:
    """It would make the object again if it were deleted by its TTL."""
    store = Store()
    store.put(seedjob(metadata=metadata))
    assert desired_of(store.get(A) or {}).tracked is tracked


def test_a_spec_that_cannot_be_read_is_told() -> None:
    """The CRD in the cluster may be another version's; deletion and force-orphan work all the same."""
    store = Store()
    store.put(seedjob(spec={"job": {"image": "i"}}, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    body = store.get(A)
    assert body is not None
    desired = desired_of(body)
    assert desired.deleting
    assert desired.unreadable is not None
    assert desired.unreadable.fields == {"job"}


@pytest.mark.parametrize(
    ("status", "writers", "wiped", "why"),
    [
        ({"observedGeneration": -1}, [("kubectl-patch", "status")], True, "somebody else made it blank"),
        ({}, [("kubectl-edit", "status")], True, "the same, where the CRD has no default"),
        ({"observedGeneration": -1}, [("kubectl-client-side-apply", None)], False, "new: nobody ever wrote it"),
        ({"observedGeneration": -1}, [("seedjob-operator", "status")], False, "a new one that is paused"),
        ({"observedGeneration": 1}, [("kubectl-patch", "status")], False, "edited, and not emptied"),
    ],
)
def test_a_status_that_somebody_emptied(
    status: dict[str, int], writers: list[tuple[str, str | None]], wiped: bool, why: str
) -> None:
    store = Store()
    fields = [{"manager": name, **({"subresource": part} if part else {})} for name, part in writers]
    store.put(seedjob(metadata={"managedFields": fields}, status=status))
    body = store.get(A)
    assert body is not None
    assert desired_of(body).status_wiped is wiped, why


def test_of_what_others_act_on_only_the_outline_is_kept() -> None:
    """Another shard's SeedJob may use the same SeedConnection; what becomes ours, or is ours no more, is news."""
    store = Store(lambda body: body["metadata"].get("labels", {}).get("team") == "ours")
    spec = {"connectionRef": {"name": "acme"}}
    assert store.put(seedjob(spec=spec)) is False
    assert (store.get(A), list(store), list(store.outlines())) == (None, [], [])
    ((key, outline),) = store.outlines_everywhere()
    assert (key, outline.connections, outline.unfinished) == (A, ("acme",), True)
    assert store.put(seedjob(spec=spec, version=2, metadata={"labels": {"team": "ours"}})) is True
    assert A in store
    assert store.put(seedjob(spec=spec, version=3)) is True, "it has to be let go of"
    assert A not in store
    assert store.put(seedjob(spec=spec, version=4)) is False


def test_an_outline_says_what_is_asked_of_all_objects_at_once() -> None:
    """Thousands of documents are not read for one question."""
    store = Store()
    status = {
        "phase": "Running",
        "jobName": "now",
        "connection": "old",
        "attempts": [{"jobName": "before"}],
        "conditions": [{"type": "Submitted", "reason": "SecretNotFound"}],
    }
    store.put(seedjob(status=status, spec={"connectionRef": {"name": "new"}}))
    ((_, outline),) = store.outlines()
    assert (outline.phase, outline.connections, outline.names) == ("Running", ("new", "old"), ("before", "now"))
    assert (outline.unfinished, outline.waits_for_reference) == (True, True)
    store.put(seedjob(version=2, status={"phase": "Succeeded"}))
    ((_, outline),) = store.outlines()
    assert (outline.unfinished, outline.waits_for_reference) == (False, False)
    store.put(seedjob(version=3, metadata={"deletionTimestamp": "x", "finalizers": ["seed.dev/job"]}))
    assert next(store.outlines())[1].unfinished, "it has yet to be cleaned up"


def named(name: str, number: int, *names: str) -> Any:
    """Give a SeedJob with attempts of these names, the last one announced only."""
    status = {"jobName": names[0], "attempts": [{"jobName": past} for past in names[1:]]}
    return seedjob(name, uid=f"u-{name}", version=number, status=status)


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ("nightly", ["a", "b"]),
        ("nightly-2", ["b"]),  # somebody may choose the name that another one's second attempt has
        ("nightly-2-2", []),
        ("night", []),
        ("weekly", ["c"]),
        ("train-0123456789ab-1", ["d"]),  # and even one that was generated
        ("train-0123456789ab", ["d"]),  # or one whose own later attempts would be called so
    ],
)
def test_who_has_a_remote_name(chosen: str, found: list[str]) -> None:
    store = Store()
    for body in (
        named("b", 1, "nightly-2", "nightly"),
        named("a", 2, "nightly"),
        named("c", 3, "weekly-12"),
        named("d", 4, "train-0123456789ab-1"),
    ):
        store.put(body)
    assert [key.name for key, _ in store.named(chosen)] == found


def test_a_name_that_nobody_has_any_more() -> None:
    store = Store()
    store.put(named("a", 1, "nightly"))
    store.put(named("a", 2, "weekly"))
    assert store.named("nightly") == []
    store.remove(Key("ns", "a"))
    assert store.named("weekly") == []


def test_what_is_kept_of_an_object_is_little_more_than_its_text() -> None:
    """Ten thousand objects fit beside the program itself: no room is kept that nobody needs."""
    bodies = [
        seedjob(f"a{number}", uid=f"u{number}", spec={"job": {"command": "x" * 2000}}, status={})
        for number in range(200)
    ]
    store = Store()
    tracemalloc.start()
    try:
        for body in bodies:
            store.put(body)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / len(bodies) < 4000

"""What may change after a SeedJob was submitted, and what of a SeedConnection ever: on stored objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from integration.resources.kubernetes_api import KubernetesApi
from integration.resources.manifests import GOOD_CONNECTION, GOOD_JOB, seedconnection, seedjob

CHANGED_JOB = {"command": "python train.py --epochs 4"}
JOB_STANDS = (
    "job can't change once it was submitted: set a new runId in the same change to run again with it, or updatePolicy"
    " Replace to have the running attempt cancelled and replaced"
)
JOB_NAME_STANDS = "jobName can't change once the job was submitted: put the old one back, or make a new SeedJob"
CONNECTION_STANDS = "connectionRef can change only together with runId: set a new runId in the same change to run again"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A merge patch of a spec.

    Attributes:
        why: what the user does, or why it matters.
        spec: the spec before; what is not there is as in a good manifest.
        patch: the merge patch of the spec.
        path: the field that the refusal names; None where the change is accepted.
        says: what its sentence contains.
    """

    why: str
    patch: dict[str, Any]
    spec: dict[str, Any] = field(default_factory=dict)
    path: str | None = None
    says: str = ""


AFTER_SUBMISSION = (
    Change(why="another command", patch={"job": CHANGED_JOB}, path="spec.job", says=JOB_STANDS),
    Change(why="one field more", patch={"job": {"spot": True}}, path="spec.job", says=JOB_STANDS),
    Change(why="one field less", patch={"job": {"gpu": {"count": None}}}, path="spec.job", says=JOB_STANDS),
    Change(
        why="one variable",
        spec={"job": {**GOOD_JOB, "env": [{"name": "A", "value": "1"}]}},
        patch={"job": {"env": [{"name": "A", "value": "2"}]}},
        path="spec.job",
        says=JOB_STANDS,
    ),
    Change(why="another command for a new run", patch={"job": CHANGED_JOB, "runId": "2"}),
    Change(why="a new run", patch={"runId": "2"}),
    Change(why="Replace allows it", spec={"updatePolicy": "Replace"}, patch={"job": CHANGED_JOB}),
    Change(why="Replace may come in the same change", patch={"job": CHANGED_JOB, "updatePolicy": "Replace"}),
    Change(
        why="Immutable in the same change takes the permission away",
        spec={"updatePolicy": "Replace"},
        patch={"job": CHANGED_JOB, "updatePolicy": "Immutable"},
        path="spec.job",
        says=JOB_STANDS,
    ),
    Change(
        why="the verbs and policies stay the user's",
        patch={
            "suspend": True,
            "cancel": True,
            "readyWhen": "Started",
            "deletionPolicy": "Orphan",
            "ttlSecondsAfterFinished": 9,
            "costLimit": "5.00",
            "logs": {"tailLines": 1},
        },
    ),
    Change(why="the same again", patch={"job": GOOD_JOB}),
    Change(
        why="another jobName",
        spec={"jobName": "a"},
        patch={"jobName": "b"},
        path="spec.jobName",
        says=JOB_NAME_STANDS,
    ),
    Change(why="a jobName where there was none", patch={"jobName": "b"}, path="spec.jobName", says=JOB_NAME_STANDS),
    Change(
        why="no jobName any more",
        spec={"jobName": "a"},
        patch={"jobName": None},
        path="spec.jobName",
        says=JOB_NAME_STANDS,
    ),
    Change(
        why="a new run keeps its jobName too",
        spec={"jobName": "a"},
        patch={"jobName": "b", "runId": "2"},
        path="spec.jobName",
        says=JOB_NAME_STANDS,
    ),
)

BEFORE_SUBMISSION = (
    Change(why="another command", patch={"job": CHANGED_JOB}),
    Change(why="another jobName, after NameTaken", spec={"jobName": "a"}, patch={"jobName": "b"}),
    Change(why="no jobName any more", spec={"jobName": "a"}, patch={"jobName": None}),
)

OF_THE_CONNECTION = (
    Change(
        why="another connection",
        spec={"connectionRef": {"name": "a"}},
        patch={"connectionRef": {"name": "b"}},
        path="spec.connectionRef",
        says=CONNECTION_STANDS,
    ),
    Change(
        why="a connection instead of the default one",
        patch={"connectionRef": {"name": "b"}},
        path="spec.connectionRef",
        says=CONNECTION_STANDS,
    ),
    Change(
        why="the default connection again",
        spec={"connectionRef": {"name": "a"}},
        patch={"connectionRef": None},
        path="spec.connectionRef",
        says=CONNECTION_STANDS,
    ),
    Change(
        why="a new run over another connection",
        spec={"connectionRef": {"name": "a"}},
        patch={"connectionRef": {"name": "b"}, "runId": "2"},
    ),
    Change(
        why="a new run over the default connection",
        spec={"connectionRef": {"name": "a"}},
        patch={"connectionRef": None, "runId": "2"},
    ),
)


def check(api: KubernetesApi, path: str, change: Change) -> None:
    answer = api.merge(path, {"spec": change.patch})
    if change.path is None:
        assert answer.code == 200, answer.message
    else:
        assert answer.code == 422, "was accepted"
        assert [where for where, _ in answer.causes] == [change.path], answer.message
        assert change.says in answer.message


@pytest.mark.parametrize("change", AFTER_SUBMISSION, ids=lambda change: change.why)
def test_after_submission(api: KubernetesApi, namespace: str, change: Change) -> None:
    path = api.create(seedjob(spec=change.spec, namespace=namespace))
    assert api.merge(f"{path}/status", {"status": {"jobId": "job_1", "phase": "Running"}}).code == 200
    check(api, path, change)


@pytest.mark.parametrize("change", BEFORE_SUBMISSION, ids=lambda change: change.why)
def test_before_submission(api: KubernetesApi, namespace: str, change: Change) -> None:
    """A status without jobId is one that was held: an edit is what heals it."""
    path = api.create(seedjob(spec=change.spec, namespace=namespace))
    assert api.merge(f"{path}/status", {"status": {"jobName": "a", "phase": "Pending"}}).code == 200
    check(api, path, change)


@pytest.mark.parametrize("submitted", [True, False], ids=["submitted", "not submitted"])
@pytest.mark.parametrize("change", OF_THE_CONNECTION, ids=lambda change: change.why)
def test_the_connection_changes_with_run_id_only(
    api: KubernetesApi, namespace: str, change: Change, submitted: bool
) -> None:
    """Also before jobId is known: the request may be on its way."""
    path = api.create(seedjob(spec=change.spec, namespace=namespace))
    if submitted:
        assert api.merge(f"{path}/status", {"status": {"jobId": "job_1"}}).code == 200
    check(api, path, change)


def test_the_operators_own_writes_pass_the_rules(api: KubernetesApi, namespace: str) -> None:
    """Finalizer, annotation, a status that is cleared for the next attempt."""
    path = api.create(seedjob(spec={"jobName": "a"}, namespace=namespace))
    metadata = {"finalizers": ["seed.dev/job"], "annotations": {"seed.dev/intent": "{}"}}
    assert api.merge(path, {"metadata": metadata}).code == 200
    assert api.merge(f"{path}/status", {"status": {"jobId": "job_1"}}).code == 200
    assert api.merge(f"{path}/status", {"status": {"jobId": None}}).code == 200
    assert "jobId" not in api.get(path)["status"]
    assert api.merge(path, {"metadata": {"finalizers": []}}).code == 200


ENDPOINT_STANDS = "endpoint can't be changed, because jobs are bound to it: make a new SeedConnection, and name it in"
NAMESPACE_STANDS = "namespace can't be changed, because jobs are bound to it: make a new SeedConnection, and name it in"


@pytest.mark.parametrize(
    "change",
    [
        Change(
            why="another endpoint",
            patch={"endpoint": "https://other.example.com"},
            path="spec.endpoint",
            says=ENDPOINT_STANDS,
        ),
        Change(why="another namespace", patch={"namespace": "b"}, path="spec.namespace", says=NAMESPACE_STANDS),
        Change(why="another credential", patch={"secretRef": {"name": "new", "key": "token"}, "scheme": "API-Key"}),
        Change(why="another plan", patch={"requestsPerMinute": 300, "burst": 30}),
        Change(why="the same again", patch=GOOD_CONNECTION),
    ],
    ids=lambda change: change.why,
)
def test_a_connection(api: KubernetesApi, namespace: str, change: Change) -> None:
    check(api, api.create(seedconnection(namespace=namespace)), change)

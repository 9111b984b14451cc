"""A status as the API server keeps it: its default, what the models write, and how large things may become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.resources.kubernetes_api import KubernetesApi
from integration.resources.manifests import GOOD_JOB, seedconnection, seedjob
from seedjob_operator.resources import (
    Analytics,
    Artifacts,
    AttemptRecord,
    Condition,
    ConditionStatus,
    ConditionType,
    Cost,
    OlderJob,
    Phase,
    Progress,
    RateLimit,
    SeedConnectionStatus,
    SeedJobStatus,
)

NOON = "2025-01-31T12:00:00Z"


def largest_status() -> SeedJobStatus:
    """The largest status that the operator can write; every text is longer than its bound."""
    text: Any = "ü" * 2000
    cost = Cost.model_validate({"perHour": "999999999999.999999", "total": "999999999999.999999", "currency": text})
    times: Any = {"start_time": NOON, "completion_time": NOON}
    record = AttemptRecord(
        attempt=10**30,
        run_id=text,
        job_name=text,
        job_id=text,
        phase=Phase.CANCELLED,
        reason="R" * 64,
        runtime_seconds=10**30,
        cost=cost,
        exit_code=-(10**30),
        **times,
    )
    conditions = tuple(
        Condition.model_validate(
            {"type": kind, "status": "Unknown", "lastTransitionTime": NOON, "reason": "R" * 64, "message": text}
        )
        for kind in ConditionType
    )
    return SeedJobStatus(
        observed_generation=2**62,
        phase=Phase.CANCELLED,
        conditions=conditions,
        job_name=text,
        job_id=text,
        seed_namespace=text,
        connection="c" * 253,
        run_id=text,
        spec_hash=text,
        attempt=10**30,
        cancel_reason="R" * 64,
        runtime_seconds=10**30,
        progress=Progress(message=text, percent=10**30, current=10**30, total=10**30, eta_seconds=10**30),
        cost=cost,
        exit_code=10**30,
        retries=10**30,
        nodes=10**30,
        artifacts=Artifacts.model_validate({"path": text, "sizeBytes": 10**30, "fileCount": 10**30, "expiresAt": NOON}),
        analytics=Analytics.model_validate(
            {field.alias: "123456.78" for field in Analytics.model_fields.values() if "econds" not in str(field.alias)}
            | {"runtimeSeconds": 10**30, "queueSeconds": 10**30}
        ),
        log_tail=(text,) * 100,
        attempts=(record,) * 10,
        older_jobs=(OlderJob(attempt=10**30, job_name=text, job_id=text, seed_namespace=text, connection="c" * 253),)
        * 20,
        past_runs=("0" * 16,) * 200,
        last_sync_time=record.start_time,
        gpu=text,
        progress_text=text,
        cost_text=text,
        **times,
    )


class TestDefault:
    """kstatus takes an object for settled unless observedGeneration differs from generation."""

    @pytest.mark.parametrize("manifest", [seedjob, seedconnection])
    def test_a_new_object_was_not_observed(self, api: KubernetesApi, namespace: str, manifest: Any) -> None:
        path = api.create(manifest(namespace=namespace))
        assert api.get(path)["status"] == {"observedGeneration": -1}

    @pytest.mark.parametrize("wiped", [None, {"observedGeneration": None, "phase": None}], ids=["missing", "empty"])
    def test_a_wiped_status_was_not_observed(
        self, api: KubernetesApi, namespace: str, wiped: dict[str, Any] | None
    ) -> None:
        path = api.create(seedjob(namespace=namespace))
        api.merge(f"{path}/status", {"status": {"observedGeneration": 1, "phase": "Running"}})
        assert api.get(path)["status"]["observedGeneration"] == 1
        assert api.merge(f"{path}/status", {"status": wiped}).code == 200
        assert api.get(path)["status"] == {"observedGeneration": -1}

    def test_a_user_does_not_write_the_status_with_the_manifest(self, api: KubernetesApi, namespace: str) -> None:
        """Backups and `kubectl get -o yaml` carry one."""
        path = api.create({**seedjob(namespace=namespace), "status": {"phase": "Succeeded", "jobId": "job_1"}})
        assert api.get(path)["status"] == {"observedGeneration": -1}


class TestWriting:
    def test_what_the_model_writes_is_what_it_reads(self, api: KubernetesApi, namespace: str) -> None:
        path = api.create(seedjob(namespace=namespace))
        status = largest_status()
        answer = api.merge(f"{path}/status", {"status": status.dump()})
        assert answer.code == 200, answer.message
        assert answer.warnings == ()
        assert SeedJobStatus.read(api.get(path)["status"]) == status

    def test_a_smaller_status_leaves_nothing_of_the_larger_one(self, api: KubernetesApi, namespace: str) -> None:
        """A new attempt clears all that belonged to the one before."""
        path = api.create(seedjob(namespace=namespace))
        api.merge(f"{path}/status", {"status": largest_status().dump()})
        after = SeedJobStatus(observed_generation=2, phase=Phase.QUEUED, attempt=2, progress=Progress(percent=1))
        assert api.merge(f"{path}/status", {"status": after.dump()}).code == 200
        stored = api.get(path)["status"]
        # A merge patch empties an object that lost all its fields, and takes away one that is null.
        assert stored == {"observedGeneration": 2, "phase": "Queued", "attempt": 2, "progress": {"percent": 1}}

    def test_a_connections_status(self, api: KubernetesApi, namespace: str) -> None:
        path = api.create(seedconnection(namespace=namespace))
        status = SeedConnectionStatus(
            observed_generation=1,
            conditions=(
                Condition.model_validate(
                    {
                        "type": "Ready",
                        "status": ConditionStatus.TRUE,
                        "lastTransitionTime": NOON,
                        "reason": "Answered",
                        "message": "",
                    }
                ),
            ),
            rate_limit=RateLimit.model_validate({"limit": 60, "remaining": 41, "resetTime": NOON}),
            active_jobs=3,
        )
        answer = api.merge(f"{path}/status", {"status": status.dump()})
        assert answer.code == 200, answer.message
        assert SeedConnectionStatus.read(api.get(path)["status"]) == status


def size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


class TestSize:
    def test_the_largest_status_is_below_100_kib(self) -> None:
        assert size(largest_status().dump()) < 100 * 1024

    def test_the_largest_job_is_stored_and_changed(self, api: KubernetesApi, namespace: str) -> None:
        """The rules' cost is counted at run time too, and etcd stores '<' in six bytes; the limit is 1.5 MiB."""
        variables = [{"name": f"V{number:03}{'x' * 248}", "value": "<" * 320} for number in range(200)]
        job = {
            **GOOD_JOB,
            "command": "<" * 32768,
            "env": variables,
            "envFrom": [{"prefix": "P" * 253, "secretRef": {"name": "s" * 253}}] * 20,
        }
        path = api.create(seedjob(job=job, namespace=namespace))
        answer = api.merge(f"{path}/status", {"status": {**largest_status().dump(), "jobId": "job_1"}})
        assert answer.code == 200, answer.message
        assert size(api.get(path)) < 512 * 1024

        last = [*variables[:-1], {**variables[-1], "value": "other"}]
        refused = api.merge(path, {"spec": {"job": {"env": last}}})
        assert [where for where, _ in refused.causes] == ["spec.job"], refused.message
        assert api.merge(path, {"spec": {"job": {"env": last}, "runId": "2"}}).code == 200

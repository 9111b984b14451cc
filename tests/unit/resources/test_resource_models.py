"""The models: names on the wire, round trips, tolerance when reading, and what never shows a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seedjob_operator.resources import (
    Analytics,
    AttemptRecord,
    Condition,
    ConditionStatus,
    Cost,
    DeletionPolicy,
    EnvVar,
    GpuType,
    Phase,
    Progress,
    ReadyWhen,
    Region,
    SeedConnectionSpec,
    SeedConnectionStatus,
    SeedJobSpec,
    SeedJobStatus,
    UpdatePolicy,
    read_spec,
)
from seedjob_operator.resources.model import camel_case

NOON = datetime(2025, 1, 31, 12, 0, 0, tzinfo=UTC)

FULL_SPEC: dict[str, Any] = {
    "job": {
        "image": "pytorch/pytorch:2.8",
        "repo": "acme/trainer",
        "branch": "main",
        "command": "python train.py --epochs 3",
        "gpu": {"type": "A100-80GB", "count": 4},
        "cpu": 32,
        "memoryGB": 256,
        "diskGB": 500,
        "nodes": 1,
        "spot": True,
        "region": "us-east-1",
        "timeoutMinutes": 720,
        "maxRetries": 2,
        "artifactsPath": "/outputs",
        "env": [
            {"name": "EPOCHS", "value": "3"},
            {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token", "optional": True}}},
            {"name": "LR", "valueFrom": {"configMapKeyRef": {"name": "train", "key": "lr"}}},
        ],
        "envFrom": [
            {"prefix": "A_", "configMapRef": {"name": "defaults"}},
            {"secretRef": {"name": "keys", "optional": False}},
        ],
    },
    "connectionRef": {"name": "acme"},
    "jobName": "nightly",
    "adoptionPolicy": "IfMatching",
    "runId": "7",
    "updatePolicy": "Replace",
    "suspend": False,
    "cancel": True,
    "readyWhen": "Started",
    "deletionPolicy": "Cancel",
    "deleteArtifacts": False,
    "ttlSecondsAfterFinished": 60,
    "remoteTTLSecondsAfterFinished": 30,
    "costLimit": "250.00",
    "logs": {"tailLines": 5},
}

FULL_STATUS: dict[str, Any] = {
    "observedGeneration": 3,
    "phase": "Failed",
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "observedGeneration": 3,
            "lastTransitionTime": "2025-01-31T12:00:00Z",
            "reason": "ExitCode",
            "message": "the command ended with exit code 3",
        }
    ],
    "jobName": "a-0123456789ab-2",
    "jobId": "job_6e5d4c3b2a1f",
    "seedNamespace": "acme",
    "connection": "acme",
    "runId": "7",
    "specHash": "abc",
    "attempt": 2,
    "cancelReason": "CancelledByUser",
    "startTime": "2025-01-31T11:00:00Z",
    "completionTime": "2025-01-31T12:00:00Z",
    "runtimeSeconds": 3600,
    "progress": {"message": "Epoch 2/3", "percent": 67, "current": 2, "total": 3, "etaSeconds": 1800},
    "cost": {"perHour": "12.80", "total": "12.80", "currency": "USD"},
    "exitCode": 3,
    "retries": 1,
    "nodes": 1,
    "artifacts": {"path": "/outputs", "sizeBytes": 5, "fileCount": 1, "expiresAt": "2025-02-28T00:00:00Z"},
    "analytics": {"gpuUtilizationAvg": 71.5, "gpuMemoryUsedGBMax": 60.25, "totalCost": "12.80", "queueSeconds": 9},
    "logTail": ["Traceback", "ValueError"],
    "attempts": [
        {
            "attempt": 1,
            "runId": "6",
            "jobName": "a-0123456789ab-1",
            "jobId": "job_1",
            "phase": "Succeeded",
            "reason": "Succeeded",
            "startTime": "2025-01-30T11:00:00Z",
            "completionTime": "2025-01-30T12:00:00Z",
            "runtimeSeconds": 3600,
            "cost": {"total": "12.80", "currency": "USD"},
            "exitCode": 0,
        }
    ],
    "pastRuns": ["0a1b2c3d"],
    "lastSyncTime": "2025-01-31T12:00:05Z",
    "gpu": "4xA100-80GB",
    "progressText": "67 %",
    "costText": "12.80 USD",
}

MINIMAL_SPEC: dict[str, Any] = {"job": {"image": "a", "command": "b", "gpu": {"type": "none"}}}

FIELD_NAMES = st.sampled_from(sorted(FULL_STATUS) + sorted(FULL_STATUS["conditions"][0]) + sorted(FULL_STATUS["cost"]))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(list(Phase))
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELD_NAMES, inner, max_size=5),
    max_leaves=20,
)


def without_nulls(node: Any) -> Any:
    """What Kubernetes stores after a merge patch into nothing."""
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    return node


class TestNamesOnTheWire:
    @pytest.mark.parametrize(
        ("attribute", "wire"),
        [
            ("memory_gb", "memoryGB"),
            ("disk_gb", "diskGB"),
            ("remote_ttl_seconds_after_finished", "remoteTTLSecondsAfterFinished"),
            ("ttl_seconds_after_finished", "ttlSecondsAfterFinished"),
            ("run_id", "runId"),
            ("config_map_key_ref", "configMapKeyRef"),
            ("gpu_memory_used_gb_max", "gpuMemoryUsedGBMax"),
            ("phase", "phase"),
        ],
    )
    def test_camel_case(self, attribute: str, wire: str) -> None:
        """Kubernetes' conventions: an acronym is in capitals, except at the beginning of a name."""
        assert camel_case(attribute) == wire


class TestSpec:
    def test_round_trip(self) -> None:
        assert SeedJobSpec.model_validate(FULL_SPEC).manifest() == FULL_SPEC

    def test_attributes_are_typed(self) -> None:
        spec = SeedJobSpec.model_validate(FULL_SPEC)
        assert spec.job.gpu.type is GpuType.A100_80GB
        assert spec.job.region is Region.US_EAST_1
        assert spec.job.memory_gb == 256
        assert spec.connection_ref is not None
        assert spec.connection_ref.name == "acme"
        assert spec.cost_limit == Decimal("250.00")
        assert spec.job.env[1].value_from is not None
        assert spec.job.env[1].value_from.secret_key_ref is not None
        assert spec.job.env[1].value_from.secret_key_ref.key == "token"

    def test_defaults(self) -> None:
        """The API server fills them in; the models have the same, for objects stored by an older CRD."""
        spec = SeedJobSpec.model_validate(MINIMAL_SPEC)
        assert spec.run_id == "1"
        assert spec.update_policy is UpdatePolicy.IMMUTABLE
        assert spec.ready_when is ReadyWhen.FINISHED
        assert spec.deletion_policy is DeletionPolicy.DELETE
        assert spec.logs.tail_lines == 20
        assert [spec.suspend, spec.cancel, spec.delete_artifacts] == [False, False, False]

    def test_nothing_in_job_is_made_up(self) -> None:
        """What the user leaves out isn't sent."""
        assert SeedJobSpec.model_validate(MINIMAL_SPEC).job.manifest() == MINIMAL_SPEC["job"]

    def test_unknown_fields_are_ignored(self) -> None:
        """A newer CRD may have fields that this operator doesn't know."""
        spec = SeedJobSpec.model_validate({**MINIMAL_SPEC, "priority": 3})
        assert spec == SeedJobSpec.model_validate(MINIMAL_SPEC)

    def test_a_model_does_not_change(self) -> None:
        spec = SeedJobSpec.model_validate(MINIMAL_SPEC)
        with pytest.raises(ValidationError):
            spec.run_id = "2"  # type: ignore[misc]  # frozen, which is what is shown here

    def test_a_connection(self) -> None:
        raw = {
            "endpoint": "https://seed.example.com",
            "namespace": "acme",
            "secretRef": {"name": "seed", "key": "token"},
            "scheme": "API-Key",
            "requestsPerMinute": 300,
            "burst": 30,
        }
        assert SeedConnectionSpec.model_validate(raw).manifest() == raw


class TestSecrets:
    def test_a_value_is_not_in_a_repr(self) -> None:
        """Models end up in log lines and in failing assertions."""
        variable = EnvVar(name="TOKEN", value="hunter2")
        assert "hunter2" not in repr(variable)
        assert "hunter2" not in str(variable)

    def test_a_value_is_not_in_an_error(self) -> None:
        """By default pydantic quotes its input."""
        with pytest.raises(ValidationError) as caught:
            SeedJobSpec.model_validate(
                {"job": {**MINIMAL_SPEC["job"], "env": [{"name": "TOKEN", "value": ["hunter2"]}]}}
            )
        assert "env" in str(caught.value)
        assert "hunter2" not in str(caught.value)


class TestStatusRead:
    def test_round_trip(self) -> None:
        status = SeedJobStatus.read(FULL_STATUS)
        assert without_nulls(status.dump()) == FULL_STATUS
        assert SeedJobStatus.read(without_nulls(status.dump())) == status

    @pytest.mark.parametrize("raw", [None, {}, [], "text", 3, {"nobody": "knows"}])
    def test_nothing_to_read_is_the_empty_status(self, raw: object) -> None:
        assert SeedJobStatus.read(raw) == SeedJobStatus()
        assert SeedJobStatus.read(raw).observed_generation == -1

    @pytest.mark.parametrize(
        ("damage", "attribute", "expected", "why"),
        [
            ({"phase": "Exploded"}, "phase", None, "a newer operator's phase"),
            ({"phase": None}, "phase", None, "null is absent"),
            ({"attempt": "many"}, "attempt", None, "edited by hand"),
            ({"attempts": "none"}, "attempts", (), "a list that is none"),
            ({"startTime": "yesterday"}, "start_time", None, "no time"),
            ({"startTime": "2025-01-31T12:00:00"}, "start_time", None, "no zone: which moment is unknown"),
            ({"cost": {"perHour": "much"}}, "cost", Cost(), "only the bad amount is dropped"),
            ({"cost": {"total": "NaN"}}, "cost", Cost(), "not an amount"),
            ({"cost": {"total": "1e999999"}}, "cost", Cost(), "would be a million digits long"),
            ({"progress": {"percent": "x", "message": "m"}}, "progress", Progress(message="m"), "one of two"),
            ({"observedGeneration": None}, "observed_generation", -1, "wiped"),
            ({"observedGeneration": -5}, "observed_generation", -1, "makes no sense"),
            ({"conditions": [{"type": "Ready"}]}, "conditions", (), "a condition without its status"),
            ({"conditions": [3, None, []]}, "conditions", (), "no conditions at all"),
            ({"pastRuns": ["a", {}, "b", 4]}, "past_runs", ("a", "b"), "single items are dropped"),
            ({"cancelReason": "two words"}, "cancel_reason", None, "no reason"),
        ],
    )
    def test_only_what_is_unreadable_is_dropped(
        self, damage: dict[str, Any], attribute: str, expected: object, why: str
    ) -> None:
        status = SeedJobStatus.read({**FULL_STATUS, **damage})
        assert getattr(status, attribute) == expected, why
        untouched = SeedJobStatus.read(FULL_STATUS)
        others = [name for name in SeedJobStatus.model_fields if name != attribute]
        assert [name for name in others if getattr(status, name) != getattr(untouched, name)] == []

    def test_the_input_is_not_touched(self) -> None:
        """It belongs to the watch's record of the object."""
        raw = {"conditions": [3], "phase": "Exploded"}
        SeedJobStatus.read(raw)
        assert raw == {"conditions": [3], "phase": "Exploded"}

    def test_a_bad_item_with_several_faults_takes_no_other_with_it(self) -> None:
        """Each fault is a complaint of its own; the item after it moves up when the bad one is removed."""
        good = FULL_STATUS["conditions"][0]
        raw = {"conditions": [{"type": "Bad"}, good, {"type": 3, "status": "Maybe"}, {**good, "type": "Synced"}]}
        assert [condition.type for condition in SeedJobStatus.read(raw).conditions] == ["Ready", "Synced"]

    def test_twelve_bad_items_among_good_ones(self) -> None:
        """Items are removed from the end, by number and not by its digits: item 9 before item 10 would shift it."""
        runs = [item for number in range(12) for item in (f"run{number}", {"bad": number})]
        assert SeedJobStatus.read({"pastRuns": runs}).past_runs == tuple(f"run{n}" for n in range(12))

    @given(raw=st.dictionaries(FIELD_NAMES, ANYTHING, max_size=8))
    def test_whatever_is_stored_can_be_read_and_written_back(self, raw: dict[str, Any]) -> None:
        status = SeedJobStatus.read({**FULL_STATUS, **raw})
        json.dumps(status.dump(), allow_nan=False)
        assert SeedJobStatus.read(status.dump()) == status

    def test_a_connections_status(self) -> None:
        raw = {
            "observedGeneration": 1,
            "rateLimit": {"limit": 60, "remaining": 41, "resetTime": "2025-01-31T12:00:00Z"},
            "activeJobs": 3,
            "lastSuccessTime": "2025-01-31T12:00:00Z",
        }
        status = SeedConnectionStatus.read({**raw, "conditions": "none"})
        assert without_nulls(status.dump()) == raw


class TestStatusDump:
    def test_what_is_none_is_removed_by_the_patch(self) -> None:
        """A new attempt clears what belongs to the old one; a merge patch does that by null."""
        patch = SeedJobStatus(phase=Phase.PENDING, progress=Progress(message="m")).dump()
        assert patch["exitCode"] is None
        assert patch["progress"] == {
            "message": "m",
            "percent": None,
            "current": None,
            "total": None,
            "etaSeconds": None,
        }
        assert patch["attempts"] is None
        assert patch["phase"] == "Pending"

    def test_inside_lists_nothing_is_null(self) -> None:
        """A list is replaced as a whole, and the schema accepts no null in it."""
        patch = SeedJobStatus(attempts=(AttemptRecord(attempt=1, cost=Cost(total=Decimal("1.50"))),)).dump()
        assert patch["attempts"] == [{"attempt": 1, "cost": {"total": "1.50"}}]

    def test_a_log_tail_that_is_empty_is_not_one_that_is_missing(self) -> None:
        """The operator asks for a missing one again for ten minutes."""
        assert SeedJobStatus(log_tail=()).dump()["logTail"] == []
        assert SeedJobStatus().dump()["logTail"] is None


class TestValues:
    @pytest.mark.parametrize(
        ("moment", "text", "why"),
        [
            (NOON, "2025-01-31T12:00:00Z", "UTC is written as Z"),
            (NOON.replace(microsecond=999_999), "2025-01-31T12:00:00Z", "metav1.Time has whole seconds"),
            (NOON.astimezone(timezone(timedelta(hours=9))), "2025-01-31T12:00:00Z", "another zone"),
        ],
    )
    def test_times(self, moment: datetime, text: str, why: str) -> None:
        status = SeedJobStatus(start_time=moment)
        assert status.dump()["startTime"] == text, why
        assert SeedJobStatus.read(status.dump()) == status, why

    @pytest.mark.parametrize(
        ("amount", "text", "why"),
        [
            ("12.80", "12.80", "places are kept"),
            ("1E+2", "100", "no exponent"),
            ("0.0000004", "0.000000", "six places are enough"),
            (Decimal(1) / Decimal(3), "0.333333", "a quotient is rounded"),
            ("-3.5", "-3.5", "a credit is the platform's business"),
        ],
    )
    def test_money(self, amount: str | Decimal, text: str, why: str) -> None:
        cost = Cost(total=Decimal(amount))
        assert SeedJobStatus(cost=cost).dump()["cost"]["total"] == text, why

    def test_measured_numbers_have_two_decimals(self) -> None:
        assert Analytics(gpu_utilization_avg=71.23456).gpu_utilization_avg == 71.23

    @pytest.mark.parametrize("number", [10**30, -(10**30)])
    def test_numbers_that_kubernetes_can_not_store_are_held_to_64_bits(self, number: int) -> None:
        stored = SeedJobStatus(exit_code=number).exit_code
        assert stored is not None
        assert abs(stored) == 2**63 - 1

    @pytest.mark.parametrize(
        ("text", "limit"),
        [("x" * 2000, 1024), ("ü" * 2000, 1024), ("a" + "🚀" * 2000, 1021)],
    )
    def test_long_texts_are_cut_never_inside_a_character(self, text: str, limit: int) -> None:
        """A status that is refused for a long message of the platform would stay stale for ever."""
        condition = Condition(
            type="Ready",
            status=ConditionStatus.FALSE,
            last_transition_time=NOON,
            reason="Long",
            message=text,
        )
        assert len(condition.message.encode()) == limit
        assert text.startswith(condition.message)

    def test_log_lines_are_cut_at_512_bytes(self) -> None:
        status = SeedJobStatus(log_tail=("x" * 600, "short"))
        assert status.log_tail == ("x" * 512, "short")

    def test_broken_bytes_can_be_sent(self) -> None:
        """A lone surrogate in a log line would fail the whole status write, when it's encoded."""
        status = SeedJobStatus(log_tail=("\ud800",))
        assert json.dumps(status.dump(), ensure_ascii=False).encode()

    def test_a_text_set_past_validation_is_cut_when_written(self) -> None:
        """`model_copy(update=...)` doesn't validate."""
        status = SeedJobStatus().model_copy(update={"progress_text": "x" * 500})
        assert status.dump()["progressText"] == "x" * 128


class TestSpecsOfOtherVersions:
    """A stored spec was checked by the CRD that was there then, and that may have allowed something else."""

    def test_a_good_one_is_read_whole(self) -> None:
        assert read_spec(FULL_SPEC) == (SeedJobSpec.model_validate(FULL_SPEC), None)

    def test_what_can_be_read_counts(self) -> None:
        odd = FULL_SPEC | {"job": FULL_SPEC["job"] | {"cpu": 3}, "cancel": True, "suspend": "perhaps"}
        spec, unreadable = read_spec(odd)
        assert unreadable is not None
        assert unreadable.fields == {"job", "suspend"}
        assert "spec.job.cpu" in unreadable.message
        assert (spec.cancel, spec.suspend) == (True, False)
        assert spec.run_id == SeedJobSpec.model_validate(FULL_SPEC).run_id

    @pytest.mark.parametrize("odd", [None, {}, [], "job", {"job": None}, {"job": {"env": [{"name": "A", "value": 7}]}}])
    def test_nothing_is_too_odd(self, odd: object) -> None:
        _, unreadable = read_spec(odd)
        assert unreadable is not None

    def test_values_are_not_quoted(self) -> None:
        """A variable's value may be a secret."""
        job = FULL_SPEC["job"] | {"env": [{"name": "A", "value": {"s3cr3t": 1}}]}
        _, unreadable = read_spec({"job": job})
        assert unreadable is not None
        assert "s3cr3t" not in unreadable.message

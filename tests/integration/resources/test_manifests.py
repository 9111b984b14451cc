"""What the real API server says to manifests: each wrong one gets its sentence at its field, each right one nothing."""

from __future__ import annotations

import json

import pytest

from integration.resources.kubernetes_api import Answer, KubernetesApi
from integration.resources.manifests import BAD_CONNECTIONS, BAD_JOBS, GOOD, Bad, Good, seedjob


@pytest.mark.parametrize("case", BAD_JOBS + BAD_CONNECTIONS, ids=lambda case: case.why)
def test_a_wrong_manifest_gets_its_sentence(api: KubernetesApi, case: Bad) -> None:
    answer = api.try_out(case.manifest(), validation="Ignore" if case.lenient else "Strict")

    assert answer.code in {400, 422}, f"{case.why}: was accepted"
    assert case.says in answer.message, answer.message
    if case.field:
        assert case.says in answer.sentences_at(case.field), answer.message


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.why)
def test_a_right_manifest_is_accepted_without_a_warning(api: KubernetesApi, case: Good) -> None:
    answer = api.try_out(case.manifest())

    assert answer.code == 201, answer.message
    assert answer.warnings == ()


def test_a_wrong_manifest_gets_one_sentence(api: KubernetesApi) -> None:
    """A mistake that sets off several rules buries the one that says what to do."""
    answers = {case.why: api.try_out(case.manifest()) for case in BAD_JOBS + BAD_CONNECTIONS}
    several = {why: answer.causes for why, answer in answers.items() if len(answer.causes) > 1}
    # Of a wrong type, and therefore none of the values of an enum either: Kubernetes says both by itself.
    assert set(several) == {"a quoted count", "memory as a quantity"}


def test_the_tables_are_large_enough() -> None:
    assert len(BAD_JOBS + BAD_CONNECTIONS) >= 40
    assert len(GOOD) >= 15
    # Each is a case of its own, and can be told from the others in a test's name.
    reasons = [case.why for case in BAD_JOBS + BAD_CONNECTIONS]
    assert len(set(reasons)) == len(reasons)


class TestSecrets:
    @pytest.mark.parametrize(
        "variable",
        [
            {"name": "TOKEN", "value": "hunter2", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "2TOKEN", "value": "hunter2"},
        ],
        ids=["refused as a whole", "refused for its name"],
    )
    def test_a_refusal_does_not_show_the_value(self, api: KubernetesApi, variable: dict[str, object]) -> None:
        """Refusals end up in the logs of CI and of GitOps controllers."""
        answer = api.try_out(seedjob(job={"env": [variable]}))
        assert answer.code == 422
        assert "hunter2" not in json.dumps(answer.body)

    def test_too_much_env_is_not_repeated(self, api: KubernetesApi) -> None:
        variables = [{"name": f"V{number}", "value": "hunter2" * 4000} for number in range(4)]
        answer = api.try_out(seedjob(job={"env": variables}))
        assert answer.code == 422
        assert "hunter2" not in json.dumps(answer.body)


class TestStored:
    def test_defaults(self, api: KubernetesApi) -> None:
        """What a user leaves out of spec.job stays out: the platform's defaults hold there."""
        stored = api.try_out(seedjob()).body
        sent = seedjob()["spec"]["job"]
        assert stored["spec"] == {
            "job": sent,
            "adoptionPolicy": "Never",
            "runId": "1",
            "updatePolicy": "Immutable",
            "suspend": False,
            "cancel": False,
            "readyWhen": "Finished",
            "deletionPolicy": "Delete",
            "deleteArtifacts": False,
            "logs": {"tailLines": 20},
        }
        assert stored["status"] == {"observedGeneration": -1}

    def test_unknown_fields_are_dropped_where_a_client_is_not_strict(self, api: KubernetesApi) -> None:
        answer = api.try_out(seedjob(job={"gpus": 4}), validation="Warn")
        assert "gpus" not in answer.body["spec"]["job"]
        (warning,) = answer.warnings
        assert "unknown field" in warning
        assert "spec.job.gpus" in warning


class TestDefinitions:
    def test_both_are_installed_without_a_warning(self, installed: list[Answer]) -> None:
        assert len(installed) == 2
        for answer in installed:
            assert answer.code in {200, 201}, answer.message
            assert answer.warnings == ()

    @pytest.mark.parametrize("name", ["seedjobs.seed.dev", "seedconnections.seed.dev"])
    def test_both_are_established_and_structural(self, api: KubernetesApi, name: str) -> None:
        """A schema that isn't structural is reported in a condition, not refused."""
        definition = api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        conditions = {item["type"]: item["status"] for item in definition["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}

"""The generated CRDs: equal to the files that are committed, described and bounded throughout, small enough."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedjob_operator.resources.__main__ import main
from seedjob_operator.resources.connectionstatus import SeedConnectionStatus
from seedjob_operator.resources.crd import RESOURCES, Resource, crd_yaml, custom_resource_definition
from seedjob_operator.resources.job import ENV_TOTAL_CHARACTERS
from seedjob_operator.resources.model import Model
from seedjob_operator.resources.seedconnection import SeedConnectionSpec
from seedjob_operator.resources.seedjob import SeedJobSpec
from seedjob_operator.resources.status import SeedJobStatus

CRDS = Path(__file__).parents[3] / "crds"
KIB = 1024

every_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)


def root_schema(resource: Resource) -> dict[str, Any]:
    version = custom_resource_definition(resource)["spec"]["versions"][0]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema with its path, the root first."""
    yield path or "(root)", schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


class TestFiles:
    @every_resource
    def test_the_committed_file_is_what_the_models_generate(self, resource: Resource) -> None:
        """Users apply the file; a model changed without `make crds` would be validated by an old schema."""
        assert (CRDS / f"{resource.plural}.yaml").read_text() == crd_yaml(resource), "run `make crds`"

    @every_resource
    def test_the_command_prints_the_file(self, resource: Resource, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([resource.plural]) == 0
        assert capsys.readouterr().out == crd_yaml(resource)

    @pytest.mark.parametrize("arguments", [[], ["pods"], ["seedjobs", "seedconnections"]])
    def test_the_command_says_what_it_takes(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """A mistyped Makefile line must not leave an empty CRD behind with exit code 0."""
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == "name one: seedjobs, seedconnections or reference\n"

    @every_resource
    def test_the_text_is_plain_yaml(self, resource: Resource) -> None:
        """No anchors and tags: people read these files, and tools patch them."""
        text = crd_yaml(resource)
        assert yaml.safe_load(text) == custom_resource_definition(resource)
        assert "&id" not in text
        assert "!!" not in text


class TestSchema:
    @every_resource
    def test_every_field_is_described_in_sentences(self, resource: Resource) -> None:
        """`kubectl explain` is the reference that users have at hand."""
        properties = [
            (f"{path}.{name}", child.get("description", ""))
            for path, node in nodes(root_schema(resource))
            for name, child in node.get("properties", {}).items()
            if (path, name) != ("(root)", "metadata")  # described by Kubernetes itself
        ]
        poor = [path for path, text in properties if len(text) < 15 or not text.endswith((".", ")"))]
        assert len(properties) > 20
        assert poor == []

    @every_resource
    def test_every_text_list_and_number_is_bounded(self, resource: Resource) -> None:
        """CEL's cost estimate takes what has no bound for as long as a request may be, and refuses the CRD."""
        needed = {"string": {"maxLength", "enum"}, "array": {"maxItems"}, "object": {"properties"}}
        unbounded = [
            path
            for path, node in nodes(root_schema(resource))
            if path not in {".apiVersion", ".kind", ".metadata"}
            and not needed.get(node["type"], set(node)) & node.keys()
        ]
        assert unbounded == []

    @every_resource
    def test_every_number_that_a_user_writes_is_bounded_on_both_sides(self, resource: Resource) -> None:
        """In a status numbers come from the platform, and one odd number must not block a whole status."""
        unbounded = [
            path
            for path, node in nodes(root_schema(resource)["properties"]["spec"])
            if node["type"] in {"integer", "number"} and not ({"minimum", "maximum"} <= node.keys() or "enum" in node)
        ]
        assert unbounded == []

    @every_resource
    def test_no_key_that_a_structural_schema_does_not_have(self, resource: Resource) -> None:
        """Kubernetes refuses these keys, or takes them and then treats the schema as not structural."""
        forbidden = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title", "additionalProperties"}
        found = {path: forbidden & node.keys() for path, node in nodes(root_schema(resource))}
        assert {path: keys for path, keys in found.items() if keys} == {}
        assert all("type" in node for _, node in nodes(root_schema(resource)))

    @every_resource
    def test_required_fields_exist(self, resource: Resource) -> None:
        for path, node in nodes(root_schema(resource)):
            assert set(node.get("required", [])) <= node.get("properties", {}).keys(), path

    @every_resource
    def test_every_list_says_how_it_merges(self, resource: Resource) -> None:
        """Server-side apply replaces a list as a whole unless it knows what tells its items apart."""
        lists = {path: node for path, node in nodes(root_schema(resource)) if node["type"] == "array"}
        assert {path for path, node in lists.items() if "x-kubernetes-list-type" not in node} == set()
        for path, node in lists.items():
            keys = node.get("x-kubernetes-list-map-keys", [])
            assert set(keys) <= set(node["items"].get("required", [])), path

    @every_resource
    def test_every_rule_speaks(self, resource: Resource) -> None:
        """A rule without a message shows its CEL to the user."""
        rules = [rule for _, node in nodes(root_schema(resource)) for rule in node.get("x-kubernetes-validations", [])]
        assert len(rules) > 3
        for rule in rules:
            assert len(rule["message"]) > 30, rule
            assert "\n" not in rule["message"], rule
            assert rule["reason"].startswith("FieldValue"), rule

    def test_only_what_the_documents_name_has_a_default(self) -> None:
        """A default in spec.job would be sent to the platform, and an unexpected one shows up as GitOps drift."""
        defaults = {
            f"{resource.kind}{path}": node["default"]
            for resource in RESOURCES
            for path, node in nodes(root_schema(resource))
            if "default" in node
        }
        assert defaults == {
            "SeedJob.spec.adoptionPolicy": "Never",
            "SeedJob.spec.runId": "1",
            "SeedJob.spec.updatePolicy": "Immutable",
            "SeedJob.spec.suspend": False,
            "SeedJob.spec.cancel": False,
            "SeedJob.spec.readyWhen": "Finished",
            "SeedJob.spec.deletionPolicy": "Delete",
            "SeedJob.spec.deleteArtifacts": False,
            "SeedJob.spec.logs": {"tailLines": 20},
            "SeedJob.spec.logs.tailLines": 20,
            "SeedJob.status": {"observedGeneration": -1},
            "SeedJob.status.observedGeneration": -1,
            "SeedConnection.spec.scheme": "Bearer",
            "SeedConnection.status": {"observedGeneration": -1},
            "SeedConnection.status.observedGeneration": -1,
        }

    def test_the_descriptions_in_spec_job_name_the_platforms_defaults(self) -> None:
        """What is left out isn't sent; only the description tells what the user then gets."""
        spec = root_schema(RESOURCES[0])["properties"]["spec"]
        optional = {
            name: node
            for name, node in spec["properties"]["job"]["properties"].items()
            if name not in {"image", "repo", "command", "gpu", "env", "envFrom"}
        }
        assert len(optional) == 10
        assert [name for name, node in optional.items() if "Left out: " not in node["description"]] == []


class TestNames:
    @pytest.mark.parametrize(
        ("plural", "short_names", "categories"),
        [("seedjobs", ["sj"], ["all"]), ("seedconnections", ["seedconn"], None)],
    )
    def test_names(self, plural: str, short_names: list[str], categories: list[str] | None) -> None:
        """Other documents, RBAC rules and people's fingers rely on these."""
        (resource,) = (resource for resource in RESOURCES if resource.plural == plural)
        definition = custom_resource_definition(resource)
        assert definition["metadata"]["name"] == f"{plural}.seed.dev"
        assert definition["spec"]["scope"] == "Namespaced"
        assert definition["spec"]["names"]["shortNames"] == short_names
        assert definition["spec"]["names"].get("categories") == categories
        (version,) = definition["spec"]["versions"]
        assert version["name"] == "v1alpha1"
        assert version["subresources"] == {"status": {}}

    def test_columns(self) -> None:
        columns = RESOURCES[0].columns
        assert [column.name for column in columns if not column.wide] == [
            "Phase",
            "GPU",
            "Progress",
            "Cost",
            "Reason",
            "Age",
        ]
        assert [column.name for column in columns if column.wide] == ["Job", "Region", "Runtime", "Attempt"]


def largest(schema: dict[str, Any]) -> Any:
    """The largest value that a schema accepts, with every field there; one byte a character."""
    match schema["type"]:
        case "object":
            return {name: largest(child) for name, child in schema.get("properties", {}).items()}
        case "array":
            return [largest(schema["items"]) for _ in range(schema["maxItems"])]
        case "string":
            return max(schema.get("enum", ["x" * schema.get("maxLength", 0)]), key=len)
        case "boolean":
            return False
        case _:
            return -(2**63)


def size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


class TestSize:
    def test_the_largest_spec_fits_into_etcd_twice(self) -> None:
        """What etcd refuses is what is above 1.5 MiB, and there must be room for managedFields and the status."""
        spec = largest(root_schema(RESOURCES[0])["properties"]["spec"])
        for variable in spec["job"]["env"]:
            del variable["value"]  # bounded together by a rule, not one by one
        assert size(spec) + ENV_TOTAL_CHARACTERS < 512 * KIB

    def test_the_largest_status_is_below_100_kib(self) -> None:
        """A status is written every few seconds and sent to everyone who watches."""
        assert size(largest(root_schema(RESOURCES[0])["properties"]["status"])) < 100 * KIB

    def test_the_largest_connection_is_small(self) -> None:
        assert size(largest(root_schema(RESOURCES[1]))) < 32 * KIB


class TestFieldsOnTheWire:
    @pytest.mark.parametrize(
        ("model", "part"),
        [
            (SeedJobSpec, "spec"),
            (SeedJobStatus, "status"),
            (SeedConnectionSpec, "spec"),
            (SeedConnectionStatus, "status"),
        ],
    )
    def test_the_schema_has_the_fields_of_the_model(self, model: type[Model], part: str) -> None:
        """What the schema lacks is silently dropped by Kubernetes at each write."""
        (resource,) = (r for r in RESOURCES if r.model.model_fields[part].annotation is model)
        expected = [field.alias for field in model.model_fields.values()]
        assert list(root_schema(resource)["properties"][part]["properties"]) == expected

    def test_the_status_has_what_the_documents_promise(self) -> None:
        promised = (
            "phase observedGeneration conditions jobName jobId seedNamespace connection runId specHash attempt startTime"
            " completionTime runtimeSeconds progress cost exitCode retries nodes artifacts analytics logTail attempts"
            " pastRuns lastSyncTime gpu progressText costText cancelReason earlierCost previousArtifacts olderJobs"
        )
        status = root_schema(RESOURCES[0])["properties"]["status"]["properties"]
        assert set(status) == set(promised.split())
        assert set(status["progress"]["properties"]) == {"message", "percent", "current", "total", "etaSeconds"}
        assert set(status["cost"]["properties"]) == {"perHour", "total", "currency"}
        assert set(status["artifacts"]["properties"]) == {"path", "sizeBytes", "fileCount", "expiresAt"}
        record = (
            "attempt runId jobName jobId phase reason startTime completionTime runtimeSeconds cost exitCode"
            " seedNamespace connection"
        )
        assert set(status["attempts"]["items"]["properties"]) == set(record.split())

"""The generated reference: equal to the file that is committed, and complete."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seedjob_operator.resources.__main__ import main
from seedjob_operator.resources.crd import RESOURCES, Resource, custom_resource_definition
from seedjob_operator.resources.reference import reference
from seedjob_operator.resources.rules import VALIDATIONS
from seedjob_operator.resources.schema import Schema

DOCS = Path(__file__).parents[3] / "docs"


def test_the_committed_page_is_what_the_models_generate(capsys: pytest.CaptureFixture[str]) -> None:
    """A reference that lags behind the schema sends users after fields that are refused."""
    assert (DOCS / "reference.md").read_text() == reference(), "run `make docs`"
    assert main(["reference"]) == 0
    assert capsys.readouterr().out == reference()


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
def test_every_field_and_every_rule_is_there(resource: Resource) -> None:
    page = reference()
    schema: Schema = custom_resource_definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, node in _nodes(schema, ""):
        if "description" in node and path.startswith(("spec.", "status.")):
            assert f"#### `{path}`\n" in page
            assert node["description"] in page
        for rule in node.get(VALIDATIONS, []):
            assert f"- {rule['message']}. Rule" in page
            assert f": `{rule['rule']}`\n" in page


def _nodes(node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}".removeprefix("."))
    if "items" in node:
        yield from _nodes(node["items"], f"{path}[]")

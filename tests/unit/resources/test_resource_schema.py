"""`structural_schema`: each thing that pydantic says differently from a CRD."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from seedjob_operator.resources.model import Model
from seedjob_operator.resources.rules import Refusal, Rule, list_map, ruled_by
from seedjob_operator.resources.schema import structural_schema

RULE = Rule(cel="self != 'x'", message="not x")


class Colour(StrEnum):
    """A docstring for programmers."""

    RED = "red"


class Part(Model):
    """A docstring for programmers."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(Rule(cel="true", message="m", reason=Refusal.REQUIRED, field_path=".size"))
    )
    size: Annotated[int, Field(ge=0, le=9)] = 3
    """The size,
    on two lines."""


class Whole(Model):
    name: Annotated[str, Field(max_length=5), RULE, RULE] | None = None
    """A name."""
    colour: Colour = Colour.RED
    """A colour."""
    count: Literal[1, 2] | None = None
    """A count."""
    large: int = -1
    """A large number."""
    part: Part = Part()
    """A part."""
    parts: Annotated[tuple[Part, ...], Field(max_length=4, json_schema_extra=list_map("size"))] = ()
    """Parts."""
    needed: bool
    """Needed."""


@pytest.fixture
def properties() -> dict[str, Any]:
    found: dict[str, Any] = structural_schema(Whole)["properties"]
    return found


def test_optional_fields_lose_their_null(properties: dict[str, Any]) -> None:
    rule = {"rule": "self != 'x'", "message": "not x", "reason": "FieldValueInvalid"}
    assert properties["name"] == {
        "description": "A name.",
        "type": "string",
        "maxLength": 5,
        "x-kubernetes-validations": [rule, rule],
    }


def test_an_enum_keeps_its_words_and_the_fields_description(properties: dict[str, Any]) -> None:
    assert properties["colour"] == {
        "description": "A colour.",
        "type": "string",
        "enum": ["red"],
        "default": "red",
    }


def test_one_word_enums_are_not_constants() -> None:
    class One(Model):
        only: Literal["a"]
        """The only one."""

    with pytest.raises(ValueError, match="a structural schema has no const"):
        structural_schema(One)


def test_integers_have_a_width(properties: dict[str, Any]) -> None:
    """Without a format `kubectl explain` shows them all alike, and clients in Go take them for 64 bits."""
    assert properties["count"] == {"description": "A count.", "type": "integer", "enum": [1, 2]}
    assert properties["large"]["format"] == "int64"
    assert properties["part"]["properties"]["size"]["format"] == "int32"


def test_references_are_inlined_with_what_stands_beside_them(properties: dict[str, Any]) -> None:
    assert properties["part"] == {
        "description": "A part.",
        "type": "object",
        "default": {"size": 3},
        "x-kubernetes-validations": [
            {"rule": "true", "message": "m", "reason": "FieldValueRequired", "fieldPath": ".size"}
        ],
        "properties": {
            "size": {
                "description": "The size, on two lines.",
                "type": "integer",
                "format": "int32",
                "default": 3,
                "minimum": 0,
                "maximum": 9,
            }
        },
    }


def test_lists_have_no_default_and_items_no_docstring(properties: dict[str, Any]) -> None:
    assert "default" not in properties["parts"]
    assert properties["parts"]["x-kubernetes-list-map-keys"] == ["size"]
    assert properties["parts"]["maxItems"] == 4
    assert "description" not in properties["parts"]["items"]


def test_what_has_no_default_is_required() -> None:
    assert structural_schema(Whole)["required"] == ["needed"]


def test_alternatives_are_refused() -> None:
    """They would pass the API server in places, and mean something else there."""

    class Either(Model):
        value: int | str = 1

    with pytest.raises(ValueError, match="no alternatives other than null"):
        structural_schema(Either)


def test_the_order_is_fixed() -> None:
    assert list(structural_schema(Part)["properties"]["size"]) == [
        "description",
        "type",
        "format",
        "default",
        "minimum",
        "maximum",
    ]

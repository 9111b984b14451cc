"""From a pydantic model to a *structural* schema, the dialect of JSON schema that a CRD takes.

Structural means: every node has its type, nothing is referenced, and no `anyOf` says "or null" (what a resource
does not have is left out). The order of keys is fixed, so that the generated files are stable.
"""

from __future__ import annotations

from typing import Any, Final

from seedjob_operator.resources.model import Model
from seedjob_operator.resources.rules import VALIDATIONS

Schema = dict[str, Any]

_KEY_ORDER: Final = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    VALIDATIONS,
    "required",
    "properties",
    "items",
)
_RULE_KEY_ORDER: Final = ("rule", "message", "reason", "fieldPath")
_IMPLIED: Final = frozenset({"title", "additionalProperties"})
_INT32_MAX: Final = 2**31 - 1


def structural_schema(model: type[Model]) -> Schema:
    """Give the structural schema of a model.

    Raises:
        ValueError: the model uses something that a structural schema can't say; the message names it.
    """
    document = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(document, document.get("$defs", {}))


def _structural(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Give one node in its structural form, with everything below it."""
    node = _resolved(node, definitions)
    if "properties" in node:
        node["properties"] = {
            name: _structural(property_, definitions) for name, property_ in node["properties"].items()
        }
    if "items" in node:
        # The field that holds the list describes its items; a class's docstring is for programmers.
        node["items"] = _structural(node["items"], definitions)
        node["items"].pop("description", None)
    if node.get("type") == "integer" and "enum" not in node:
        node.setdefault("format", "int32" if node.get("maximum", _INT32_MAX + 1) <= _INT32_MAX else "int64")
    return _ordered(_with_meant_default(_on_one_line(node)))


def _resolved(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Replace a reference, or "this or null", by what it stands for; what stands beside it wins."""
    while "$ref" in node or "anyOf" in node:
        beside = {key: value for key, value in node.items() if key not in {"$ref", "anyOf"}}
        if "$ref" in node:
            meant = definitions[node["$ref"].removeprefix("#/$defs/")]
        else:
            meant = _only_alternative(node["anyOf"])
        node = {**meant, **beside}
    return {key: value for key, value in node.items() if key not in _IMPLIED and key != "$defs"}


def _only_alternative(alternatives: list[Schema]) -> Schema:
    meant = [schema for schema in alternatives if schema.get("type") != "null"]
    if len(meant) != 1:
        raise ValueError(f"a structural schema has no alternatives other than null: {alternatives}")
    return meant[0]


def _with_meant_default(node: Schema) -> Schema:
    """Keep a default that says something: not null, not an empty list, in an object only what is set."""
    if "default" not in node:
        return node
    default = node.pop("default")
    if isinstance(default, dict):
        default = {key: value for key, value in default.items() if value not in (None, [])}
    return node if default in (None, [], {}) else {**node, "default": default}


def _on_one_line(node: Schema) -> Schema:
    """Undo the line breaks that the source has in a description."""
    return {**node, "description": " ".join(node["description"].split())} if "description" in node else node


def _ordered(node: Schema) -> Schema:
    unknown = node.keys() - set(_KEY_ORDER)
    if unknown:
        raise ValueError(f"a structural schema has no {', '.join(sorted(unknown))}")
    if VALIDATIONS in node:
        node = {**node, VALIDATIONS: [_in_order(rule, _RULE_KEY_ORDER) for rule in node[VALIDATIONS]]}
    return _in_order(node, _KEY_ORDER)


def _in_order(node: Schema, order: tuple[str, ...]) -> Schema:
    return {key: node[key] for key in order if key in node}

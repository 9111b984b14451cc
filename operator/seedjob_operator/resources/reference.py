"""The reference of both resources for users, generated from the models; `make docs` writes it to `docs/reference.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from seedjob_operator.resources.crd import RESOURCES, Resource, custom_resource_definition
from seedjob_operator.resources.identity import GROUP, VERSION
from seedjob_operator.resources.rules import VALIDATIONS
from seedjob_operator.resources.schema import Schema

_HEADER: Final = f"""\
<!-- Generated from the models in seedjob_operator/resources by `make docs`: change those, not this file. -->
# Reference of the resources

Every field of `{GROUP}/{VERSION}`, as the API server checks it. A field is optional unless it says *required*. What the
phases and conditions mean together is in [lifecycle.md](lifecycle.md), each reason in [reasons.md](reasons.md).

Rules are listed by the sentence with which a manifest that breaks one is refused. They are CEL, evaluated by the API
server itself: `self` is the value, `oldSelf` the one before an update.
"""
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("pattern", "matches `{}`"),
)


def reference() -> str:
    """Give the text of `docs/reference.md`."""
    return "\n".join([_HEADER, *(_section(resource) for resource in RESOURCES)])


def _section(resource: Resource) -> str:
    definition = custom_resource_definition(resource)["spec"]
    root: Schema = definition["versions"][0]["schema"]["openAPIV3Schema"]
    names = ", ".join(f"`{name}`" for name in (resource.plural, *resource.short_names))
    lines = [f"## {resource.kind}", "", f"{root['description']} For kubectl: {names}.", ""]
    lines += [*_rules(root)]
    for part in ("spec", "status"):
        lines += [f"### {resource.kind} {part}", "", root["properties"][part]["description"], ""]
        lines += _rules(root["properties"][part])
        for path, node, required in _fields(root["properties"][part], part):
            lines += _field(path, node, required=required)
    return "\n".join(lines)


def _fields(node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Give every field below a node, parents first, in the order in which the models have them."""
    holder = node.get("items", node)
    for name, child in holder.get("properties", {}).items():
        below = f"{path}{'[]' if 'items' in node else ''}.{name}"
        yield below, child, name in holder.get("required", [])
        yield from _fields(child, below)


def _field(path: str, node: Schema, *, required: bool) -> list[str]:
    facts = [_type(node), *_bounds(node)]
    if required:
        facts.append("*required*")
    if "default" in node:
        facts.append(f"default {_value(node['default'])}")
    return [f"#### `{path}`", "", "; ".join(facts), "", node["description"], "", *_rules(node)]


def _type(node: Schema) -> str:
    if node["type"] != "array":
        return _scalar(node)
    keys = node.get("x-kubernetes-list-map-keys")
    by = f", one for each {' and '.join(f'`{key}`' for key in keys)}" if keys else ""
    return f"list of {_scalar(node['items'])}{by}"


def _scalar(node: Schema) -> str:
    if "enum" in node:
        return f"{node['type']}, one of {', '.join(_value(value) for value in node['enum'])}"
    form = node.get("format")
    return f"{node['type']} ({form})" if form else str(node["type"])


def _bounds(node: Schema) -> list[str]:
    own = [text.format(node[key]) for key, text in _BOUNDS if key in node]
    return own + [f"each {bound}" for bound in (_bounds(node["items"]) if "items" in node else [])]


def _rules(node: Schema) -> list[str]:
    """Give the rules of a value, and of each item of a list, as a list of their own."""
    rules = [*node.get(VALIDATIONS, []), *node.get("items", {}).get(VALIDATIONS, [])]
    lines = [f"- {rule['message']}. Rule{_where(rule)}: `{rule['rule']}`" for rule in rules]
    return [*lines, ""] if lines else []


def _where(rule: dict[str, Any]) -> str:
    return f" on `{rule['fieldPath']}`" if "fieldPath" in rule else ""


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "`{" + ", ".join(f"{key}: {inner}" for key, inner in value.items()) + "}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) and value.isdigit() else f"`{value}`"

"""Validation rules that Kubernetes itself evaluates (CEL), attached to the models.

A rule stands beside the field that it guards: in a type's `Annotated[...]` for one value, in a model's
`json_schema_extra` for several fields together. Its message is what a user reads at `kubectl apply`, so it
says what to write instead. The models themselves don't evaluate rules: what reaches the operator has passed
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from pydantic import GetJsonSchemaHandler
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

VALIDATIONS: Final = "x-kubernetes-validations"
ATOMIC_LIST: Final[JsonDict] = {"x-kubernetes-list-type": "atomic"}


@unique
class Refusal(StrEnum):
    """The machine-readable reasons that Kubernetes gives for a refused field."""

    INVALID = "FieldValueInvalid"
    FORBIDDEN = "FieldValueForbidden"
    REQUIRED = "FieldValueRequired"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes: cel: true for what is accepted; `self` is the value, `oldSelf` what it was before an update.
    message: one sentence that says what to write instead. reason: `FORBIDDEN` where the value must not be
    quoted in the answer, or the field not be there at all. field_path: the field to name, relative to the
    value (`.image`); None names the value itself.
    """

    cel: str
    message: str
    reason: Refusal = Refusal.INVALID
    field_path: str | None = None

    def schema(self) -> JsonDict:
        """Give the rule as an item of `x-kubernetes-validations`."""
        path = {"fieldPath": self.field_path} if self.field_path else {}
        return {"rule": self.cel, "message": self.message, "reason": self.reason.value, **path}

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rule to the schema of the value that it annotates."""
        schema = handler(core_schema)
        return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, []), self.schema()]}


def ruled_by(*rules: Rule) -> JsonDict:
    """Give the `json_schema_extra` of a model whose fields are guarded together by `rules`."""
    return {VALIDATIONS: [rule.schema() for rule in rules]}


def list_map(key: str) -> JsonDict:
    """Give the `json_schema_extra` of a list whose items are told apart by the field `key`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}

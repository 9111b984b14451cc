"""The base of all models of a resource, and the value types that they share.

Two kinds of text differ on purpose. What a *user* writes is refused when it is too long, with a sentence.
What the *operator* writes into a status is cut instead: a status that Kubernetes refuses as a whole because
the platform sent a long message would be worse than a short message.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

# Kubernetes spells acronyms inside a name in capitals (API conventions, "naming of fields").
_ACRONYMS: Final = frozenset({"gb", "ttl"})
_INT64: Final = 2**63 - 1
_MONEY_LIMIT: Final = Decimal(10) ** 12
_MONEY_GRAIN: Final = Decimal("0.000001")


def camel_case(name: str) -> str:
    """Give the wire name of an attribute: `memory_gb` is `memoryGB`, `ttl_seconds` is `ttlSeconds`."""
    first, *rest = name.split("_")
    return first + "".join(word.upper() if word in _ACRONYMS else word.capitalize() for word in rest)


class Model(BaseModel):
    """A part of a resource: camelCase on the wire, snake_case here, frozen, tolerant of unknown fields."""

    model_config = ConfigDict(
        alias_generator=camel_case,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        # An environment variable's value is a secret, and pydantic would quote it in its errors.
        hide_input_in_errors=True,
    )

    def manifest(self) -> dict[str, Any]:
        """Give the JSON form that a manifest has: camelCase, nothing that was left out."""
        fields: dict[str, Any] = _without_empty_lists(self.model_dump(mode="json", by_alias=True, exclude_none=True))
        return fields


class Status(Model):
    """The base of both resources' statuses."""

    @classmethod
    def read(cls, raw: object) -> Self:
        """Read a stored status, leaving out whatever can't be read.

        Users can edit a status by hand, and an older or newer operator may have written it: neither may stop
        this one. The smallest part that is unreadable is dropped (one field, one list item), the rest stays.

        Args:
            raw: `status` of the resource as Kubernetes gives it; None or anything else counts as empty.
        """
        if not isinstance(raw, dict):
            return cls()
        with suppress(ValidationError):
            return cls.model_validate(raw)
        document = deepcopy(raw)
        while True:
            try:
                return cls.model_validate(document)
            except ValidationError as error:
                if not _drop_unreadable(document, error):
                    return cls()

    def dump(self) -> dict[str, Any]:
        """Give the JSON merge patch (RFC 7386) that makes a stored status equal to this one.

        What is None, or a list that is empty by default, appears as null, which removes it from what is
        stored; inside lists, which a merge patch replaces as a whole, nothing is null.
        """
        fields = self.model_dump(mode="json", by_alias=True)
        bare = _empty_lists(type(self))
        return {
            name: None if name in bare and not value else _without_nulls_in_lists(value)
            for name, value in fields.items()
        }


@cache
def _empty_lists(model: type[Status]) -> frozenset[str]:
    """Give the wire names of the fields that are empty lists by default."""
    return frozenset(camel_case(name) for name, field in model.model_fields.items() if field.default == ())


def _drop_unreadable(document: dict[str, Any], error: ValidationError) -> bool:
    """Remove from the document what the error complains about; say whether anything was found to remove."""
    complaints = error.errors(include_url=False, include_context=False, include_input=False)
    # Several complaints can be about one part: each is settled against the document before any part is removed.
    unreadable = {_present(document, complaint["loc"]) for complaint in complaints}
    # Later list items first, so that removing one doesn't move those still to be removed.
    for *path, last in sorted(filter(None, unreadable), key=_position, reverse=True):
        del _at(document, path)[last]
    return any(unreadable)


def _present(document: Any, path: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Give the part of the path that the document has.

    The path of a missing field ends beside what is there; then it's the object lacking it that is unreadable.
    """
    for depth, step in enumerate(path):
        is_there = isinstance(document, list) or (isinstance(document, dict) and step in document)
        if not is_there:
            return path[:depth]
        document = document[step]
    return path


def _at(document: Any, path: list[int | str]) -> Any:
    for step in path:
        document = document[step]
    return document


def _position(path: tuple[int | str, ...]) -> list[tuple[bool, str]]:
    """Give a key that sorts paths as the document lists them: numbers by value, an object before its parts."""
    return [(isinstance(step, int), str(step).zfill(9)) for step in path]


def _without_empty_lists(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_empty_lists(value) for key, value in node.items() if value != []}
    return [_without_empty_lists(item) for item in node] if isinstance(node, list) else node


def _without_nulls_in_lists(node: Any, *, in_list: bool = False) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_nulls_in_lists(value, in_list=in_list)
            for key, value in node.items()
            if not (in_list and value is None)
        }
    if isinstance(node, list):
        return [_without_nulls_in_lists(item, in_list=True) for item in node]
    return node


def _whole_seconds(moment: datetime) -> datetime:
    if moment.tzinfo is UTC and not moment.microsecond:
        return moment
    return moment.astimezone(UTC).replace(microsecond=0)


def _rfc3339(moment: datetime) -> str:
    return _whole_seconds(moment).isoformat().replace("+00:00", "Z")


def _payable(amount: Decimal) -> Decimal:
    if abs(amount) >= _MONEY_LIMIT:
        raise ValueError("an amount this large isn't money")
    rounded = amount.quantize(_MONEY_GRAIN)
    return amount if amount == rounded and len(amount.as_tuple().digits) < 20 else rounded


def _plain_decimal(amount: Decimal) -> str:
    return format(amount, "f")


def cut(limit: int) -> Callable[[Any], Any]:
    """Give the function that shortens a text to `limit` bytes of UTF-8, never inside a character."""

    def shorten(text: Any) -> Any:
        if not isinstance(text, str) or (len(text) <= limit and text.isascii()):
            return text
        # A lone surrogate (broken bytes in a job's output) can't be sent as JSON.
        encoded = text.encode("utf-8", "replace")
        return encoded[:limit].decode("utf-8", "ignore")

    return shorten


def _within_int64(number: Any) -> Any:
    return max(-_INT64, min(_INT64, number)) if isinstance(number, int) else number


def _two_decimals(number: float) -> float:
    return round(number, 2)


Timestamp = Annotated[
    AwareDatetime,
    AfterValidator(_whole_seconds),
    PlainSerializer(_rfc3339, return_type=str),
    Field(json_schema_extra={"format": "date-time", "maxLength": 40}),
]
"""A moment in whole seconds of UTC, written as Kubernetes' metav1.Time: `2025-01-31T12:00:00Z`."""

Money = Annotated[
    Decimal,
    Field(allow_inf_nan=False),
    AfterValidator(_payable),
    PlainSerializer(_plain_decimal, return_type=str),
    WithJsonSchema({"type": "string", "maxLength": 32}),
]
"""An amount in Decimal of at most six places, written as a decimal string: `12.80`."""

Whole = Annotated[int, BeforeValidator(_within_int64), Field(json_schema_extra={"format": "int64"})]
"""A whole number from the platform, held to 64 bits so that Kubernetes can store it."""

Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_two_decimals)]
"""A measured number, with at most two decimals."""

ShortText = Annotated[str, BeforeValidator(cut(128)), PlainSerializer(cut(128), return_type=str), Field(max_length=128)]
"""A name or an id in a status, cut at 128 bytes."""

Text = Annotated[str, BeforeValidator(cut(1024)), PlainSerializer(cut(1024), return_type=str), Field(max_length=1024)]
"""A sentence or two in a status, cut at 1024 bytes."""

LogLine = Annotated[str, BeforeValidator(cut(512)), PlainSerializer(cut(512), return_type=str), Field(max_length=512)]
"""A line of a job's log in a status, cut at 512 bytes."""

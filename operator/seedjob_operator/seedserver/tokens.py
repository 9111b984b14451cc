"""Reads the file of `--tokens`: who may use which namespaces, with which tokens and on which plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from seedjob_operator.seedserver.access import Credential
from seedjob_operator.seedserver.ratelimit import PLANS

NAMESPACE_PATTERN = r"^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$"
_EXAMPLE = "users: [{name: ada, tokens: [a-long-secret], namespaces: [acme], plan: 60}]"


class TokensError(Exception):
    """The file can't be used. The message says where and what to write, and shows nothing of what stands there."""


def _word(value: object) -> object:
    """YAML reads 60 as a number; the plan's name is meant."""
    return str(value) if type(value) is int else value


class _User(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1)]
    tokens: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[!-~]{8,}$")]], Field(min_length=1)]
    namespaces: Annotated[list[Annotated[str, StringConstraints(pattern=NAMESPACE_PATTERN)]], Field(min_length=1)]
    plan: Annotated[Literal["60", "300", "1000", "unlimited"] | None, BeforeValidator(_word)] = None
    access: Literal["read", "write"] = "write"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    users: Annotated[list[_User], Field(min_length=1)]


_REASONS = {
    "tokens": "write tokens of 8 or more printable ASCII characters without spaces",
    "namespaces": "write names of letters, digits, '-', '_' and '.'",
    "plan": "write 60, 300, 1000 or unlimited",
    "access": "write read or write",
}


def read_tokens(path: Path, *, default_plan: str) -> list[tuple[str, Credential]]:
    """Give the tokens of a file and what each may do.

    Raises:
        TokensError: it can't be read, or isn't right.
    """
    found: dict[str, Credential] = {}
    for user in _parsed(path).users:
        credential = Credential(
            namespaces=frozenset(user.namespaces),
            plan=PLANS[user.plan or default_plan],
            may_write=user.access == "write",
        )
        for token in user.tokens:
            if token in found:
                raise TokensError(f"a token of {user.name} stands there twice: give each user tokens of their own")
            found[token] = credential
    return list(found.items())


def _parsed(path: Path) -> _File:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise TokensError(f"can't be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f" at line {mark.line + 1}"
        raise TokensError(f"is not valid YAML{place}: write, for example, {_EXAMPLE}") from None
    try:
        return TypeAdapter(_File).validate_python(content)
    except ValidationError as error:
        raise TokensError("; ".join(_problems(error))) from None


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = [str(part) for part in problem["loc"]]
        if len(place) < 3:
            yield f"write, for example, {_EXAMPLE}"
            return
        if problem["type"] == "extra_forbidden":
            reason = "is not known: name, tokens, namespaces, plan and access are"
        else:
            reason = "is required" if problem["type"] == "missing" else _REASONS.get(place[2], "write a text")
        yield f"user {int(place[1]) + 1}: {place[2]}: {reason}"

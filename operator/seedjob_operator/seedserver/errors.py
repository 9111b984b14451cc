"""Answers that aren't a success, in the contract's one shape."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from seedjob_operator.seedapi.wire import JSON_TYPE, ErrorBody, ErrorDetail, Status

CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    422: "invalid_combination",
    429: "rate_limited",
}


_PATTERNS = {
    "name": "use letters, digits, '-' and '_' only",
    "command": "is blank or has a NUL character: write what the job runs",
    "image": "is empty or has a NUL character: write an image's name, such as python:3.13",
    "branch": "is empty, begins with '-' or has a NUL character: write a branch's name",
    "artifacts_path": "is empty or has a NUL character: write a path, such as outputs",
    "repo": "write namespace/repo, such as acme/trainer",
    "new": "write a token of 4 or more printable ASCII characters without spaces",
    "env": "a variable's name has no '=', and neither name nor value has a NUL character",
}
"""What to write instead, by field, where a pattern isn't matched."""


class RefusedError(Exception):
    """A request that isn't carried out. The message is for its sender, and shows no secret."""

    def __init__(self, status: int, message: str, *, code: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.details = status, message, code, details


def error_response(
    status: int,
    message: str,
    *,
    code: str | None = None,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer for an error."""
    fallback = "orchestration_failure" if status >= Status.ORCHESTRATION_FAILURE else "invalid_request"
    detail = ErrorDetail(code=code or CODES.get(status, fallback), message=message, details=details)
    content = ErrorBody(error=detail).model_dump_json(exclude_none=True)
    return Response(content, status_code=status, media_type=JSON_TYPE, headers=dict(headers or {}))


def refusal_of(problems: Sequence[Mapping[str, Any]]) -> RefusedError:
    """Make a 400 of pydantic's findings: the first one's field and reason in the message, all in the details.

    Only places and reasons are taken over, never what was sent: it may be a secret.
    """
    found = [{"field": _field(problem), "message": _reason(problem)} for problem in problems]
    first = found[0]
    message = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return RefusedError(Status.BAD_REQUEST, message, details=found)


def _field(problem: Mapping[str, Any]) -> str:
    """Name the field; of a map only the map itself, because a pydantic place may contain a key's value."""
    place = [part for part in problem["loc"] if part not in ("query", "path", "header", "body")]
    return str(place[0]) if place else ""


def _reason(problem: Mapping[str, Any]) -> str:
    kind = problem["type"]
    if kind == "string_pattern_mismatch" and _field(problem) in _PATTERNS:
        return _PATTERNS[_field(problem)]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a field of this request"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return reason[0].lower() + reason[1:]

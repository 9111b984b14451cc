"""What `/openapi.json` says: the contract as this server keeps it, which is narrower than what a reader must accept.

The wire's models read leniently: any field may be missing, and unknown words are fine. A server's own answers have every
field and known words only; so the answers' schemas are those models', tightened.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.requests import LARGEST_PAGE, LONGEST_NAME, NewJob
from seedjob_operator.seedserver.streaming import EVENT_ID

_Schema = dict[str, Any]
_TEMPLATE: Final = "#/components/schemas/{model}"
_ANSWERS: Final = (wire.JobPage, wire.Job, wire.LogPage, wire.Analytics, wire.ErrorBody)
_KNOWN_WORDS: Final = {
    "JobStatus": [status.value for status in wire.JobStatus if status is not wire.JobStatus.UNKNOWN],
    "LogStream": [stream.value for stream in wire.LogStream if stream is not wire.LogStream.UNKNOWN],
}
NULLABLE: Final[Mapping[type[BaseModel], tuple[str, ...]]] = {
    wire.Job: (
        *("progress", "started_at", "completed_at", "image", "repo", "branch", "exit_code", "error", "artifacts"),
    ),
    wire.Metrics: tuple(wire.Metrics.model_fields),
    wire.Artifacts: ("path", "expires_at"),
    wire.Summary: tuple(name for name in wire.Summary.model_fields if not name.endswith(("_cost", "_seconds"))),
    wire.Sample: tuple(name for name in wire.Sample.model_fields if name != "timestamp"),
}
"""The fields of an answer that may be null; all others never are."""
LEFT_OUT: Final[Mapping[type[BaseModel], tuple[str, ...]]] = {wire.LogLine: ("node",), wire.ErrorDetail: ("details",)}
"""The fields of an answer that may be left out."""

_MEANINGS: Final = {
    400: "invalid parameters or configuration: the message names the field",
    401: "missing or invalid credentials",
    403: "insufficient permissions",
    404: "the job does not exist",
    409: "the job is in an incompatible state, or its name is taken",
    422: "invalid GPU/CPU/memory combination",
    429: "rate limit exceeded",
    500: "Seed orchestration failure",
}
_EVERYWHERE: Final = (401, 403, 429, 500)


def document() -> bytes:
    """Give the OpenAPI document as JSON."""
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Seed Jobs API", "version": "1", "description": "The jobs of a local Seed server."},
            "security": [{"token": []}, {"apiKey": []}],
            "paths": _paths(),
            "components": {
                "schemas": _schemas(),
                "headers": _headers(),
                "securitySchemes": {
                    "token": {"type": "http", "scheme": wire.AuthScheme.BEARER.lower()},
                    "apiKey": {
                        "type": "apiKey",
                        "in": "header",
                        "name": wire.Header.AUTHORIZATION,
                        "description": f"{wire.AuthScheme.API_KEY} NAME$SECRET",
                    },
                },
            },
        },
        separators=(",", ":"),
    ).encode()


# --- operations ---


def _paths() -> _Schema:
    paths: _Schema = {
        wire.LIST_JOBS: {"get": _operation("listJobs", _json(wire.JobPage), 400, query=_LIST_QUERY)},
        wire.GET_JOB: {"get": _operation("getJob", _json(wire.Job), 404)},
        wire.GET_LOGS: {
            "get": _operation("getJobLogs", _json(wire.LogPage) | _EVENTS, 400, 404, 409, query=_LOGS_QUERY)
        },
        wire.GET_ANALYTICS: {"get": _operation("getJobAnalytics", _json(wire.Analytics), 404)},
        wire.CREATE_JOB: {
            "post": _operation("createJob", _json(wire.Job), 400, 409, 422, success=wire.Status.CREATED)
            | {"requestBody": {"required": True, "content": _example(_json(NewJob))}}
        },
        wire.CANCEL_JOB: {"post": _operation("cancelJob", _json(wire.Job), 404, 409)},
        wire.DELETE_JOB: {
            "delete": _operation("deleteJob", {}, 400, 404, 409, success=wire.Status.NO_CONTENT, query=_DELETE_QUERY)
        },
    }
    for path, operations in paths.items():
        operations["parameters"] = [_of_path("namespace", {"minLength": 1})]
        if "{name}" in path:
            operations["parameters"].append(_of_path("name", _NAME))
    _link(paths)
    return paths


def _operation(
    name: str,
    content: _Schema,
    *errors: int,
    success: int = wire.Status.OK,
    query: tuple[_Schema, ...] = (),
) -> _Schema:
    answer: _Schema = {"description": "done", "headers": _limits()}
    if content:
        answer["content"] = content
    responses = {str(int(success)): answer} | {
        str(status): _error(status) for status in sorted({*errors, *_EVERYWHERE})
    }
    operation: _Schema = {"operationId": name, "responses": responses}
    return operation | ({"parameters": list(query)} if query else {})


def _error(status: int) -> _Schema:
    answer: _Schema = {"description": _MEANINGS[status], "content": _json(wire.ErrorBody)}
    if status == wire.Status.UNAUTHORIZED:
        return answer
    answer["headers"] = _limits()
    if status == wire.Status.RATE_LIMITED:
        answer["headers"][wire.Header.RETRY_AFTER] = {"schema": {"type": "integer", "minimum": 1}, "required": True}
    return answer


def _link(paths: _Schema) -> None:
    """Say which operations take a created job's name."""
    created = paths[wire.CREATE_JOB]["post"]["responses"][str(int(wire.Status.CREATED))]
    parts = {"namespace": "$request.path.namespace", "name": "$response.body#/name"}
    created["links"] = {
        operation: {"operationId": operation, "parameters": parts}
        for operation in ("getJob", "getJobLogs", "getJobAnalytics", "cancelJob", "deleteJob")
    }


def _json(model: type[BaseModel]) -> _Schema:
    return {wire.JSON_TYPE: {"schema": {"$ref": _TEMPLATE.format(model=model.__name__)}}}


def _example(content: _Schema) -> _Schema:
    content[wire.JSON_TYPE]["example"] = wire.CreateJob(
        name="train-1", command="python train.py --epochs 3", image="python:3.13", gpu="L4", region="eu-west-1"
    ).model_dump(exclude_none=True)
    return content


_EVENTS: Final[_Schema] = {wire.EVENT_STREAM_TYPE: {}}
"""No schema: OpenAPI 3.1 has none for the events of a stream."""
_NAME: Final[_Schema] = {"pattern": wire.NAME_PATTERN, "maxLength": LONGEST_NAME}


def _of_path(name: str, rules: _Schema) -> _Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"} | rules}


def _of_query(name: wire.Query, schema: _Schema, meaning: str) -> _Schema:
    return {"name": name.value, "in": "query", "schema": schema, "description": meaning}


def _whole(least: int, most: int, default: int | None = None) -> _Schema:
    return {"type": "integer", "minimum": least, "maximum": most} | ({} if default is None else {"default": default})


def _words(*words: str, default: str | None = None) -> _Schema:
    return {"type": "string", "enum": list(words)} | ({} if default is None else {"default": default})


_LIST_QUERY: Final = (
    _of_query(wire.Query.STATUS, _words(*_KNOWN_WORDS["JobStatus"]), "only jobs of this status"),
    _of_query(wire.Query.PAGE, _whole(1, LARGEST_PAGE, 1), "counts from 1"),
    _of_query(wire.Query.PER_PAGE, _whole(1, wire.MAX_PER_PAGE, wire.DEFAULT_PER_PAGE), "jobs on a page"),
    _of_query(wire.Query.SORT, _words(*wire.JobSort, default=wire.JobSort.CREATED_AT), "what decides the order"),
    _of_query(wire.Query.ORDER, _words(*wire.SortOrder, default=wire.SortOrder.DESC), "its direction"),
)
_LOGS_QUERY: Final = (
    _of_query(wire.Query.TAIL, _whole(1, wire.MAX_TAIL), "only the most recent lines"),
    _of_query(wire.Query.SINCE, {"type": "string", "format": "date-time"}, "only lines after this time"),
    _of_query(wire.Query.STREAM, _words("true", "false", default="false"), "true: in real time; running jobs only"),
    {
        "name": wire.Header.LAST_EVENT_ID,
        "in": "header",
        "schema": {"type": "string", "pattern": EVENT_ID},
        "description": "with stream: go on after the event of this id; without stream it is only checked",
    },
)
_DELETE_QUERY: Final = (
    _of_query(wire.Query.DELETE_ARTIFACTS, _words("true", "false", default="false"), "the artifacts too, for good"),
)


def _headers() -> _Schema:
    meanings = {
        wire.Header.RATE_LIMIT: "requests a minute; plans without a limit have none of these headers",
        wire.Header.RATE_LIMIT_REMAINING: "requests left in the minute that ends now",
        wire.Header.RATE_LIMIT_RESET: "when the whole limit is free again, in seconds since 1970",
    }
    return {
        name.value: {"schema": {"type": "integer", "minimum": 0}, "description": meaning}
        for name, meaning in meanings.items()
    }


def _limits() -> _Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _headers()}


# --- schemas ---


def _schemas() -> _Schema:
    _, made = models_json_schema([(model, "serialization") for model in _ANSWERS], ref_template=_TEMPLATE)
    schemas: _Schema = made["$defs"]
    for name, words in _KNOWN_WORDS.items():
        schemas[name]["enum"] = words
    for name, schema in schemas.items():
        if "properties" in schema:
            _tighten(getattr(wire, name), schema)
    schemas["ListedJob"] = _listed(schemas[wire.Job.__name__])
    schemas[wire.JobPage.__name__]["properties"]["data"]["items"] = {"$ref": _TEMPLATE.format(model="ListedJob")}
    schemas[NewJob.__name__] = _new_job()
    return schemas


def _tighten(model: type[BaseModel], schema: _Schema) -> None:
    """Every field is there, and null only where it can be; numbers are not negative."""
    properties = schema["properties"]
    for name, rules in properties.items():
        rules.pop("default", None)
        for choice in rules.get("anyOf", [rules]):
            if choice.get("type") in ("integer", "number"):
                choice.pop("maximum", None)
                choice["minimum"] = 0
        if name not in NULLABLE.get(model, ()) and "anyOf" in rules:
            properties[name] = next(choice for choice in rules["anyOf"] if choice.get("type") != "null")
    schema["required"] = [name for name in properties if name not in LEFT_OUT.get(model, ())]


def _listed(job: _Schema) -> _Schema:
    properties = {name: job["properties"][name] for name in wire.LISTED_FIELDS}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _new_job() -> _Schema:
    """Add what pydantic's schema doesn't say: what fields demand of each other, and what a repository's name can't be."""
    schema = NewJob.model_json_schema(ref_template=_TEMPLATE)
    properties = schema["properties"]
    for rules in properties.values():
        rules.pop("default", None)  # null is the same as absent
    environment = properties["env"]["anyOf"][0]
    ((names, values),) = environment.pop("patternProperties").items()
    environment |= {"propertyNames": {"pattern": names}, "additionalProperties": values}
    properties["repo"]["anyOf"][0]["not"] = {"pattern": r"^\.\.?/|/\.\.?$"}
    schema["anyOf"] = [
        {"type": "object", "required": ["repo"], "properties": {"repo": {"type": "string"}}},
        {
            "type": "object",
            "required": ["image"],
            "properties": {"image": {"type": "string"}, "branch": {"type": "null"}},
        },
    ]
    return schema

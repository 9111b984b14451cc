"""What schemathesis loads: generated jobs are as valid or invalid as before, but run no generated commands."""

import re
from typing import Any

import schemathesis
from schemathesis.hooks import HookContext

from seedjob_operator.seedserver.requests import NewJob

_VALID = re.compile(NewJob.model_json_schema()["properties"]["command"]["pattern"])


@schemathesis.hook
def map_body(_context: HookContext, body: Any) -> Any:
    """Put a harmless command in the place of any other that the server would accept."""
    command = body.get("command") if isinstance(body, dict) else None
    if isinstance(command, str) and _VALID.search(command):
        body["command"] = "true"
    return body

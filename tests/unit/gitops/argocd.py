"""Argo CD's side: its scripts in Lua 5.1, with what its virtual machine opens and nothing else.

Source: argoproj/argo-cd, util/lua/lua.go: the base, package and table libraries and `os` with time and date, which the
scripts here do without; a deletion timestamp is answered before any script is asked (gitops-engine, pkg/health).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lupa.lua51

SCRIPTS = Path(__file__).parents[3] / "deploy" / "gitops" / "argocd" / "seed.dev"
ACTIONS = ("cancel", "rerun", "resume", "suspend")
# `("").upper` reaches the string library past its global name, so the metatable of strings goes too.
_CLOSE = """
debug.setmetatable("", nil)
for _, name in ipairs({"string", "math", "io", "os", "debug", "coroutine", "python"}) do
  _G[name] = nil
  package.loaded[name] = nil
  package.preload[name] = nil
end
package.path, package.cpath = "", ""
"""


def virtual_machine() -> Any:
    """A Lua state as Argo CD gives it to a script."""
    runtime = lupa.lua51.LuaRuntime(unpack_returned_tuples=False)
    runtime.execute(_CLOSE)
    return runtime


def run(script: str, manifest: Mapping[str, Any]) -> Any:
    """Run a script on an object and give what it returns, as Argo CD reads it."""
    runtime = virtual_machine()
    runtime.globals()["obj"] = runtime.table_from(manifest, recursive=True)
    return _as_json(runtime.execute(script), manifest)


def health(manifest: Mapping[str, Any]) -> dict[str, str]:
    if "deletionTimestamp" in manifest["metadata"]:
        return {"status": "Progressing", "message": "Pending deletion"}
    return scripted_health(manifest)


def scripted_health(manifest: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = run((SCRIPTS / manifest["kind"] / "health.lua").read_text(), manifest)
    return found


def enabled(manifest: Mapping[str, Any]) -> set[str]:
    """Name the actions that are offered."""
    found = run((SCRIPTS / "SeedJob" / "actions" / "discovery.lua").read_text(), manifest)
    assert set(found) == set(ACTIONS)
    return {name for name, action in found.items() if not action["disabled"]}


def act(name: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Give the object that an action answers with."""
    changed: dict[str, Any] = run((SCRIPTS / "SeedJob" / "actions" / name / "action.lua").read_text(), manifest)
    return changed


def _as_json(value: Any, original: Any) -> Any:
    """Read a Lua value; an empty table is what the original was there, as Argo CD restores it."""
    if lupa.lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if not keys:
        return [] if isinstance(original, list) else {}
    if all(isinstance(key, int) for key in keys):
        before = original if isinstance(original, list) else []
        return [_as_json(value[key], before[key - 1] if key <= len(before) else None) for key in sorted(keys)]
    known = original if isinstance(original, Mapping) else {}
    return {key: _as_json(value[key], known.get(key)) for key in keys}

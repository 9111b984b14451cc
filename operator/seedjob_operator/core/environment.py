"""The environment that a job gets: Kubernetes' own rules for env and envFrom, on data that was read before.

Source: Kubernetes API, Container `env` and `envFrom`; `$(VAR)` as in "Define dependent environment variables".
"""

import dataclasses
import re
from collections.abc import Mapping

from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import EnvFromSource, EnvVar, JobSpec

_EXPANSION = re.compile(r"\$(\$|\(([^)]*)\))")
_NAME = re.compile(r"(?!\.$|\.\.)[-._a-zA-Z][-._a-zA-Z0-9]*")
"""What Kubernetes takes as a variable's name from `envFrom`; keys that give another one are skipped."""

Data = Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """The Secrets and ConfigMaps that a job refers to, by name; None where there is none. Never shown: secrets.

    `versions` tells one state of a Secret that is there from another, `written` one state of its data, where Kubernetes
    noted who wrote them and when. Neither says anything of what is in it.
    """

    secrets: Mapping[str, Data | None] = dataclasses.field(default_factory=dict, repr=False)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    written: Mapping[str, str] = dataclasses.field(default_factory=dict)
    config_maps: Mapping[str, Data | None] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """The values to send. Never shown."""

    values: Mapping[str, str] = dataclasses.field(repr=False)


class _MissingError(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.hold = Hold(reason=reason, message=message)


def references(job: JobSpec) -> tuple[frozenset[str], frozenset[str]]:
    """Name the Secrets and the ConfigMaps that a job refers to."""
    secrets, config_maps = set(), set()
    for variable in job.env or ():
        source = variable.value_from
        if source is not None and source.secret_key_ref is not None:
            secrets.add(source.secret_key_ref.name)
        if source is not None and source.config_map_key_ref is not None:
            config_maps.add(source.config_map_key_ref.name)
    for whole in job.env_from or ():
        if whole.secret_ref is not None:
            secrets.add(whole.secret_ref.name)
        if whole.config_map_ref is not None:
            config_maps.add(whole.config_map_ref.name)
    return frozenset(secrets), frozenset(config_maps)


def build(job: JobSpec, sources: Sources, *, attempt: int, previous_artifacts: str | None = None) -> Environment | Hold:
    """Build a job's environment, or say what it lacks.

    `envFrom` first, later entries over earlier ones, then `env`, whose values may use what stands before them. Every job
    gets `SEED_ATTEMPT` and, where an earlier attempt left artifacts, `SEED_PREVIOUS_ARTIFACTS`; the user's own variable of
    such a name wins.
    """
    try:
        return _build(job, sources, _of_attempt(attempt, previous_artifacts))
    except _MissingError as missing:
        return missing.hold


def _of_attempt(attempt: int, previous_artifacts: str | None) -> Data:
    previous = {} if previous_artifacts is None else {"SEED_PREVIOUS_ARTIFACTS": previous_artifacts}
    return {"SEED_ATTEMPT": str(attempt), **previous}


def _build(job: JobSpec, sources: Sources, given: Data) -> Environment:
    values: dict[str, str] = dict(given)
    for whole in job.env_from or ():
        values |= _whole(whole, sources)
    for variable in job.env or ():
        value = _value(variable, sources)
        if value is not None:
            values[variable.name] = value if variable.value_from else expand(value, values)
    return Environment(values=values)


def expand(value: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by a known value; `$$` is `$`, and what isn't known stays as it is.

    As in Kubernetes a reference ends at the first `)`, whatever stands before it, and what it gives isn't looked at again.
    """

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return known.get(match[2], match[0])

    return _EXPANSION.sub(replace, value)


def _whole(source: EnvFromSource, sources: Sources) -> dict[str, str]:
    reference = source.secret_ref or source.config_map_ref
    if reference is None:
        return {}
    found = sources.secrets if source.secret_ref is not None else sources.config_maps
    data = found.get(reference.name)
    if data is None and not reference.optional:
        raise _absent(is_secret=source.secret_ref is not None, name=reference.name)
    return given_names(source, data or {})


def given_names(source: EnvFromSource, data: Data) -> dict[str, str]:
    """Give the variables that all of an object's data make; keys that give no name of a variable are skipped."""
    named = {f"{source.prefix or ''}{key}": value for key, value in data.items()}
    return {name: value for name, value in named.items() if _NAME.fullmatch(name)}


def _value(variable: EnvVar, sources: Sources) -> str | None:
    """Give a variable's value, None for an optional one that isn't there."""
    if variable.value_from is None:
        return variable.value or ""
    secret, config_map = variable.value_from.secret_key_ref, variable.value_from.config_map_key_ref
    reference = secret or config_map
    if reference is None:
        return ""
    data = (sources.secrets if secret is not None else sources.config_maps).get(reference.name)
    if data is not None and reference.key in data:
        return data[reference.key]
    if reference.optional:
        return None
    if data is None:
        raise _absent(is_secret=secret is not None, name=reference.name)
    raise _keyless(is_secret=secret is not None, name=reference.name, key=reference.key)


def _absent(*, is_secret: bool, name: str) -> _MissingError:
    kind, reason = _kind(is_secret)
    return _MissingError(reason, f"The {kind} {name} that spec.job's environment refers to doesn't exist: create it.")


def _keyless(*, is_secret: bool, name: str, key: str) -> _MissingError:
    kind, _ = _kind(is_secret)
    reason = Reason.SECRET_KEY_MISSING if is_secret else Reason.CONFIG_MAP_KEY_MISSING
    return _MissingError(reason, f"The {kind} {name} has no key {key}, which spec.job.env refers to: add the key.")


def _kind(is_secret: bool) -> tuple[str, Reason]:
    return ("Secret", Reason.SECRET_NOT_FOUND) if is_secret else ("ConfigMap", Reason.CONFIG_MAP_NOT_FOUND)

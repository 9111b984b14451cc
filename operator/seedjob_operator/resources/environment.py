"""The shapes of a job's environment: Kubernetes' own `env` and `envFrom`, and the objects that they refer to."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from seedjob_operator.resources.model import Model
from seedjob_operator.resources.rules import Refusal, Rule, ruled_by

ObjectName = Annotated[
    str,
    Field(max_length=253),
    Rule(
        cel="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        message="write the metadata.name of an object in this namespace: lower-case letters, digits, '-' and '.'",
    ),
]
"""The name of another object of the same Kubernetes namespace."""

DataKey = Annotated[
    str,
    Field(max_length=253),
    Rule(
        cel="self.matches('^[-._a-zA-Z0-9]+$')",
        message="write a key of the object's data: letters, digits, '-', '_' and '.'",
    ),
]
"""A key in the data of a Secret or ConfigMap."""

EnvName = Annotated[
    str,
    Field(max_length=253),
    Rule(
        cel="self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
        message="name the variable with letters, digits, '_', '-' and '.', and don't begin with a digit, for"
        " example BATCH_SIZE",
    ),
]
"""The name of an environment variable, as every version of Kubernetes accepts it."""


class SecretKeySelector(Model):
    """Selects one key of a Secret in the SeedJob's namespace."""

    name: ObjectName
    """Name of the Secret, in the SeedJob's namespace."""

    key: DataKey
    """Key in the Secret's data whose value is used."""

    optional: bool | None = None
    """If true, the variable is left out where the Secret or its key doesn't exist. Left out: the job waits in
    phase Pending until both exist."""


class ConfigMapKeySelector(Model):
    """Selects one key of a ConfigMap in the SeedJob's namespace."""

    name: ObjectName
    """Name of the ConfigMap, in the SeedJob's namespace."""

    key: DataKey
    """Key in the ConfigMap's data whose value is used."""

    optional: bool | None = None
    """If true, the variable is left out where the ConfigMap or its key doesn't exist. Left out: the job waits
    in phase Pending until both exist."""


class EnvVarSource(Model):
    """Where the value of a variable comes from: exactly one of its fields."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
                message="valueFrom takes exactly one of secretKeyRef and configMapKeyRef; fieldRef and other"
                " sources of a pod don't exist here, because the job runs outside this cluster",
            )
        )
    )

    secret_key_ref: SecretKeySelector | None = None
    """Takes the value from a key of a Secret."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    """Takes the value from a key of a ConfigMap."""


class EnvVar(Model):
    """One environment variable, in the shape that a container's has. Values are secrets: never log one."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="!(has(self.value) && has(self.valueFrom))",
                message="a variable has either value or valueFrom: take one of them out",
                reason=Refusal.FORBIDDEN,
                field_path=".valueFrom",
            )
        )
    )

    name: EnvName
    """Name of the variable. Each name may appear once."""

    value: Annotated[str | None, Field(max_length=32768, repr=False)] = None
    """Value of the variable, a string (write "3", not 3). $(NAME) is replaced by the value of a variable that
    is defined before this one, and $$(NAME) gives a literal $(NAME). Left out together with valueFrom: the
    empty string."""

    value_from: EnvVarSource | None = None
    """Takes the value from a Secret or ConfigMap of the SeedJob's namespace. It is read when an attempt is
    submitted; a later change starts nothing."""


class SecretEnvSource(Model):
    """All keys of a Secret as variables."""

    name: ObjectName
    """Name of the Secret, in the SeedJob's namespace."""

    optional: bool | None = None
    """If true, a Secret that doesn't exist gives no variables. Left out: the job waits in phase Pending until
    it exists."""


class ConfigMapEnvSource(Model):
    """All keys of a ConfigMap as variables."""

    name: ObjectName
    """Name of the ConfigMap, in the SeedJob's namespace."""

    optional: bool | None = None
    """If true, a ConfigMap that doesn't exist gives no variables. Left out: the job waits in phase Pending
    until it exists."""


class EnvFromSource(Model):
    """A Secret or ConfigMap all of whose keys become variables: exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="has(self.configMapRef) != has(self.secretRef)",
                message="each entry of envFrom takes exactly one of configMapRef and secretRef; write two"
                " entries for two objects",
            )
        )
    )

    prefix: (
        Annotated[
            str,
            Field(max_length=253),
            Rule(
                cel="self == '' || self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
                message="begin the prefix with a letter, '_', '-' or '.', and go on with these or digits,"
                " for example TRAIN_",
            ),
        ]
        | None
    ) = None
    """Put before each key to make the name of its variable. Left out: nothing."""

    config_map_ref: ConfigMapEnvSource | None = None
    """The ConfigMap whose keys become variables."""

    secret_ref: SecretEnvSource | None = None
    """The Secret whose keys become variables."""

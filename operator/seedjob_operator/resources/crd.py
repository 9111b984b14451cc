"""The CustomResourceDefinitions, generated from the models; `make crds` writes them to `crds/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from seedjob_operator.resources.identity import (
    GROUP,
    SEEDCONNECTION_KIND,
    SEEDCONNECTION_PLURAL,
    SEEDJOB_KIND,
    SEEDJOB_PLURAL,
    VERSION,
)
from seedjob_operator.resources.model import Model
from seedjob_operator.resources.schema import Schema, structural_schema
from seedjob_operator.resources.seedconnection import SeedConnection
from seedjob_operator.resources.seedjob import SeedJob

_HEADER: Final = (
    "# Generated from the models in seedjob_operator/resources by `make crds`: change those, not this file.\n"
)

# What every Kubernetes object has. Kubernetes describes metadata itself and refuses to have it described.
_EVERY_OBJECT: Final[Schema] = {
    "apiVersion": {"description": f"The version of this schema: {GROUP}/{VERSION}.", "type": "string"},
    "kind": {"description": "The kind of this object.", "type": "string"},
    "metadata": {"type": "object"},
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of `kubectl get`; with `wide`, of `kubectl get -o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False

    def definition(self) -> dict[str, Any]:
        """Give the column as an item of `additionalPrinterColumns`."""
        return {
            "name": self.name,
            "description": self.description,
            "type": self.type,
            "jsonPath": self.path,
            "priority": int(self.wide),
        }


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind as users meet it: its names, its columns, and the model that says what it contains."""

    kind: str
    plural: str
    short_names: tuple[str, ...]
    model: type[Model]
    columns: tuple[Column, ...]
    categories: tuple[str, ...] = ()


_AGE: Final = Column(name="Age", path=".metadata.creationTimestamp", description="Time since creation.", type="date")

RESOURCES: Final = (
    Resource(
        kind=SEEDJOB_KIND,
        plural=SEEDJOB_PLURAL,
        short_names=("sj",),
        model=SeedJob,
        categories=("all",),
        columns=(
            Column(name="Phase", path=".status.phase", description="Where the job stands."),
            Column(name="GPU", path=".status.gpu", description="GPUs of each node."),
            Column(name="Progress", path=".status.progressText", description="How far the attempt is."),
            Column(name="Cost", path=".status.costText", description="Cost of the attempt so far."),
            Column(
                name="Reason",
                path='.status.conditions[?(@.type=="Ready")].reason',
                description="The most telling reason: that of the Ready condition.",
            ),
            Column(name="Job", path=".status.jobName", description="Name of the remote job.", wide=True),
            Column(name="Region", path=".spec.job.region", description="Region that was asked for.", wide=True),
            Column(
                name="Runtime",
                path=".status.runtimeSeconds",
                description="Seconds that the attempt has run.",
                type="integer",
                wide=True,
            ),
            Column(
                name="Attempt",
                path=".status.attempt",
                description="Number of the attempt.",
                type="integer",
                wide=True,
            ),
            _AGE,
        ),
    ),
    Resource(
        kind=SEEDCONNECTION_KIND,
        plural=SEEDCONNECTION_PLURAL,
        # kubectl takes `sc` for Kubernetes' own StorageClass, so there is one that works beside it.
        short_names=("seedconn",),
        model=SeedConnection,
        columns=(
            Column(
                name="Ready",
                path='.status.conditions[?(@.type=="Ready")].status',
                description="Whether the platform answers with this credential.",
            ),
            Column(
                name="Reason",
                path='.status.conditions[?(@.type=="Ready")].reason',
                description="The reason of the Ready condition.",
            ),
            Column(name="Namespace", path=".spec.namespace", description="Seed user or organization."),
            Column(
                name="Active",
                path=".status.activeJobs",
                description="Jobs that haven't ended.",
                type="integer",
            ),
            Column(name="Endpoint", path=".spec.endpoint", description="Base URL of the Seed API.", wide=True),
            Column(
                name="Left",
                path=".status.rateLimit.remaining",
                description="Requests that the rate limit had left.",
                type="integer",
                wide=True,
            ),
            Column(
                name="Last-Success",
                path=".status.lastSuccessTime",
                description="Time since the platform last answered.",
                type="date",
                wide=True,
            ),
            _AGE,
        ),
    ),
)


def custom_resource_definition(resource: Resource) -> dict[str, Any]:
    """Give the CRD (apiextensions.k8s.io/v1) of a resource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": _names(resource),
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [column.definition() for column in resource.columns],
                    "schema": {"openAPIV3Schema": _object_schema(resource.model)},
                }
            ],
        },
    }


def _names(resource: Resource) -> dict[str, Any]:
    names: dict[str, Any] = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.kind.lower(),
        "shortNames": list(resource.short_names),
    }
    return {**names, "categories": list(resource.categories)} if resource.categories else names


def _object_schema(model: type[Model]) -> Schema:
    schema = structural_schema(model)
    return {**schema, "properties": {**_EVERY_OBJECT, **schema["properties"]}}


class _ReadableDumper(yaml.SafeDumper):
    """Block style with indented lists, and no anchors: equal parts are written out."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 -- PyYAML's signature
        super().increase_indent(flow, indentless=False)


def crd_yaml(resource: Resource) -> str:
    """Give the text of the resource's file in `crds/`."""
    definition = custom_resource_definition(resource)
    return _HEADER + yaml.dump(definition, Dumper=_ReadableDumper, sort_keys=False, width=110, allow_unicode=True)

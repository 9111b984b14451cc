"""SeedConnection: where a namespace's jobs go, and with which credential."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from seedjob_operator.resources.connectionstatus import SeedConnectionStatus
from seedjob_operator.resources.environment import DataKey, ObjectName
from seedjob_operator.resources.model import Model
from seedjob_operator.resources.rules import Refusal, Rule
from seedjob_operator.resources.vocabulary import AuthScheme

# These refusals don't quote what was written: an address can carry a credential.
Endpoint = Annotated[
    str,
    Field(max_length=1024),
    Rule(
        cel="!self.matches('[?#@]')",
        message="endpoint is an address alone, without user, query or fragment: put the credential into the Secret that"
        " secretRef names",
        reason=Refusal.FORBIDDEN,
    ),
    Rule(
        cel="self.matches('[?#@]') || (isURL(self) && self.matches('^https?://[^/[:space:]]+(/[^[:space:]]*)?$'))",
        message="write the base address of the Seed API with its scheme, for example https://seed.example.com",
        reason=Refusal.FORBIDDEN,
    ),
    Rule(
        cel="!self.startsWith('http://') || self.matches("
        "'^http://(localhost|127([.][0-9]{1,3}){3}|[[]::1[]])(:[0-9]+)?(/|$)')",
        message="write https://: plain http would show the credential to the network, and is accepted for this machine only"
        " (localhost, 127.0.0.1, [::1])",
        reason=Refusal.FORBIDDEN,
    ),
    Rule(
        cel="self == oldSelf",
        message="endpoint can't be changed, because jobs are bound to it: make a new SeedConnection, and"
        " name it in the connectionRef of new runs",
        reason=Refusal.FORBIDDEN,
    ),
]
"""The base URL of a Seed API."""

SeedNamespace = Annotated[
    str,
    Field(max_length=128),
    Rule(
        cel="self.matches('^[A-Za-z0-9._-]+$') && !self.matches('^[.]+$')",
        message="write the name of the Seed user or organization: letters, digits, '.', '-' and '_', for example acme",
    ),
    Rule(
        cel="self == oldSelf",
        message="namespace can't be changed, because jobs are bound to it: make a new SeedConnection, and"
        " name it in the connectionRef of new runs",
        reason=Refusal.FORBIDDEN,
    ),
]
"""A user or an organization on the Seed platform."""


class CredentialRef(Model):
    """Selects the credential.

    There is no namespace field, so that nobody can use another namespace's Secret.
    """

    name: ObjectName
    """Name of the Secret, in the SeedConnection's own namespace."""

    key: DataKey
    """Key in the Secret's data that holds the credential."""


class SeedConnectionSpec(Model):
    """Where jobs go, and with which credential."""

    endpoint: Endpoint
    """Base URL of the Seed API, for example https://seed.example.com. The operator's list of allowed
    endpoints must have it, else it is never contacted. Can't be changed."""

    namespace: SeedNamespace
    """User or organization on the Seed platform in which the jobs run; not a Kubernetes namespace. Can't be
    changed."""

    secret_ref: CredentialRef
    """The Secret with the credential. It must be in the SeedConnection's own namespace."""

    scheme: AuthScheme = AuthScheme.BEARER
    """How the credential is sent: Bearer for a token, API-Key for a key written as name$secret. Left out:
    Bearer."""

    requests_per_minute: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Requests per minute that the credential's plan allows; the operator stays below. Left out: 60."""

    burst: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Requests per second that the plan allows. Left out: what belongs to requestsPerMinute, 10 for 60, 30
    for 300, 100 for 1000, and a sixth of it between them."""


class SeedConnection(Model):
    """SeedConnection is a way to the Seed platform: endpoint, Seed namespace and credential."""

    spec: SeedConnectionSpec
    """Where jobs go, and with which credential."""

    status: SeedConnectionStatus = SeedConnectionStatus()
    """What the operator last knew about the connection. Only the operator writes it."""

"""The operator's settings: the only reader of the environment.

Each setting is an environment variable and a flag of the same name (`SEED_API_URL`, `--seed-api-url`); a flag wins.
"""

import argparse
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from seedjob_operator.core.shard import Shard
from seedjob_operator.resources import AuthScheme
from seedjob_operator.seedapi.account import check_endpoint
from seedjob_operator.seedapi.errors import InvalidRequestError

Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """A setting can't be used. The message is one line that names it and says what to write."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _endpoint(value: str) -> str:
    try:
        check_endpoint(value)
    except InvalidRequestError as error:
        raise ValueError(error.message) from None
    return value.rstrip("/")


def _shard(value: object) -> object:
    return Shard.parse(value) if isinstance(value, str) else value


def _labels(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError("write key=value pairs with commas between them, such as team=research,tier=gpu")
    return {name.strip(): value.strip() for name, _, value in pairs}


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Labels = Annotated[dict[str, str], NoDecode, BeforeValidator(_labels)]
Endpoints = Annotated[tuple[Endpoint, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What an operator is told from outside. Descriptions are shown by `seedjob-operator run --help`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    seed_api_url: Endpoint | None = Field(
        None, description="address of the Seed API for SeedJobs without a connectionRef; left out: they have none"
    )
    seed_api_token: SecretStr | None = Field(None, description="credential for it (better: SEED_API_TOKEN_FILE)")
    seed_api_token_file: Path | None = Field(None, description="file with the credential, read again when it changes")
    seed_auth_scheme: AuthScheme = Field(AuthScheme.BEARER, description="how the credential is sent: Bearer or API-Key")
    seed_namespace: str = Field(
        "", description="user or organization on the Seed platform that the default connection's jobs belong to"
    )
    seed_requests_per_minute: Annotated[int, Field(ge=1)] = Field(60, description="the credential's plan")
    seed_burst: Annotated[int, Field(ge=1)] | None = Field(
        None, description="most requests in one second; left out: the plan's"
    )
    seed_currency: str = Field("USD", min_length=3, max_length=3, description="currency of the platform's prices")
    seed_allowed_endpoints: Endpoints = Field(
        (), description="comma-separated addresses that SeedConnections may name; SEED_API_URL is one by itself"
    )
    seed_default_namespaces: Names = Field(
        (), description="comma-separated Kubernetes namespaces that may use the default connection; left out: all"
    )
    watch_namespaces: Names = Field(
        (), description="comma-separated Kubernetes namespaces to watch; left out: the whole cluster"
    )
    watch_label_selector: Labels = Field(
        {}, description="comma-separated key=value labels; only SeedJobs that carry all of them are this operator's"
    )
    shard: Annotated[Shard, NoDecode, BeforeValidator(_shard)] = Field(
        Shard(), description="INDEX/COUNT, such as 0/4: act on one of COUNT parts of all objects; left out: on all"
    )
    metrics_port: Port = Field(8080, description="port of /metrics, /healthz and /readyz; 0 takes a free one")
    metrics_address: str = Field("0.0.0.0", description="address to listen on for them")  # noqa: S104  # probes and Prometheus come from outside the pod
    lease_name: str = Field("seedjob-operator", min_length=1, description="name of the leader election's Lease")
    lease_namespace: str | None = Field(
        None, description="its namespace; left out: the pod's, else the kubeconfig context's"
    )
    kubeconfig: Path | None = Field(None, description="access to Kubernetes; left out: the pod's service account")
    log_format: Literal["text", "json"] = Field("text", description="text or json")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.seed_api_url is None:
            return self
        if self.seed_api_token is None and self.seed_api_token_file is None:
            raise ValueError("SEED_API_URL needs a credential: set SEED_API_TOKEN_FILE or SEED_API_TOKEN")
        if self.seed_api_token_file is not None and not self.seed_api_token_file.is_file():
            raise ValueError("SEED_API_TOKEN_FILE names a file that isn't there: create it, or name another")
        if not self.seed_namespace:
            raise ValueError("SEED_API_URL needs SEED_NAMESPACE: the user or organization to run jobs for")
        return self

    @property
    def told_requests_per_minute(self) -> int | None:
        """The default connection's plan where somebody wrote it down; else the platform's own word counts."""
        return self.seed_requests_per_minute if "seed_requests_per_minute" in self.model_fields_set else None

    @property
    def allowed_endpoints(self) -> tuple[str, ...]:
        """The addresses that may be contacted: the listed ones and the default connection's."""
        own = () if self.seed_api_url is None else (self.seed_api_url,)
        return (*own, *self.seed_allowed_endpoints)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting."""
    for name, field in Settings.model_fields.items():
        flag, variable = f"--{name.replace('_', '-')}", name.upper()
        parser.add_argument(flag, metavar="VALUE", dest=name, help=f"{field.description} ({variable})")


def load(arguments: argparse.Namespace | None = None) -> Settings:
    """Read the environment, and over it the flags that were given.

    Raises:
        SettingsError: with one line that names the setting that can't be used.
    """
    given: dict[str, Any] = {
        name: value for name in Settings.model_fields if (value := getattr(arguments, name, None)) is not None
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {reason}" if name else reason) from None

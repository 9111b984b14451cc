"""Finds the way to the platform that a SeedJob may use: its SeedConnection, or the operator's default connection."""

import dataclasses
from collections.abc import Callable, Set
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr, ValidationError

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import KubernetesError
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.store import Store
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Connection, Hold
from seedjob_operator.resources import SeedConnectionSpec
from seedjob_operator.seedapi.client import Account
from seedjob_operator.seedapi.errors import SeedError
from seedjob_operator.seedapi.plan import Plan, plan_burst
from seedjob_operator.settings import Settings

_TOKEN_FILE_KEPT = 2.0
_DEFAULT = Key("", "")
_ASSUMED = 60
"""Requests per minute where nobody said how many there are: the smallest plan, until the platform tells its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """A usable connection and the account behind it; the operator's default connection has the empty key."""

    key: Key
    account: Account
    plan: Plan


class Connections:
    """Resolves connections. `open_link` gives the one link of an account, made when it is first asked for."""

    def __init__(
        self,
        settings: Settings,
        *,
        seedconnections: Store,
        sources: SourceReader,
        clock: Clock,
        open_link: Callable[[Way], Link],
    ) -> None:
        self._settings = settings
        self._seedconnections = seedconnections
        self._sources = sources
        self._clock = clock
        self._open_link = open_link
        self._token_read: tuple[float, str] | None = None
        self._last_good: dict[Key, Way] = {}
        self._accounts: dict[Key, Account] = {}
        self._following: dict[Key, Link] = {}
        self._using: dict[Key, Link] = {}

    def forget(self, key: Key) -> None:
        """Drop the credential of a SeedConnection that is gone and that nobody needs for cleaning up."""
        self._accounts.pop(key, None)
        self._last_good.pop(key, None)

    def accounts(self) -> frozenset[Account]:
        """Give the accounts that connections have now, or had when their credential last could be read."""
        return frozenset(self._accounts.values()) | {way.account for way in self._last_good.values()}

    def open(self, way: Way) -> Link:
        """Give the link of an account."""
        return self._open_link(way)

    def follow(self, key: Key, name: str, link: Link) -> None:
        """Have the poll of one link, and of no other, watch a SeedJob's remote job."""
        previous = self._following.get(key)
        if previous is not None and previous is not link:
            previous.unfollow(key)
        self._following[key] = link
        link.follow(key, name)

    def unfollow(self, key: Key) -> None:
        """Have no poll watch it."""
        link = self._following.pop(key, None)
        if link is not None:
            link.unfollow(key)

    def _use(self, key: Key, link: Link) -> None:
        previous = self._using.get(key)
        if previous is not None and previous is not link:
            previous.users.discard(key)
        self._using[key] = link
        link.users.add(key)

    def forget_job(self, key: Key) -> None:
        """Drop what is known of a SeedJob that is gone."""
        self.unfollow(key)
        link = self._using.pop(key, None)
        if link is not None:
            link.users.discard(key)

    def keep_for_cleaning_up(self, used: Set[Key]) -> None:
        """Drop the credentials that once worked of all connections but those that an unfinished SeedJob uses."""
        for key in self._last_good.keys() - used:
            del self._last_good[key]

    def default_link(self) -> Link | Hold:
        """Give the default connection's link."""
        way = self._default()
        return way if isinstance(way, Hold) else self.open(way)

    async def for_job(
        self, key: Key, connection_ref: str | None, *, cleaning_up: bool
    ) -> tuple[Connection | Hold, Link | None]:
        """Give the connection that a SeedJob may use now, and its link.

        A job that has to be cleaned up may use the last credential that worked, where its Secret is gone.
        """
        way = await self._way(key, connection_ref, cleaning_up=cleaning_up)
        if isinstance(way, Hold):
            return way, None
        link = self.open(way)
        self._use(key, link)
        if link.healthy and connection_ref is not None:
            self._last_good[Key(key.namespace, connection_ref)] = way
        connection = Connection(
            name=way.key.name,
            endpoint=way.account.endpoint,
            seed_namespace=way.account.namespace,
            proven=link.proven,
            fault=link.fault,
        )
        return connection, link

    async def _way(self, key: Key, connection_ref: str | None, *, cleaning_up: bool) -> Way | Hold:
        if connection_ref is None:
            return self._default_for(key.namespace)
        name = Key(key.namespace, connection_ref)
        way = await self.named(name)
        if isinstance(way, Hold) and cleaning_up:
            return self._last_good.get(name, way)
        return way

    def _default_for(self, namespace: str) -> Way | Hold:
        allowed = self._settings.seed_default_namespaces
        if allowed and namespace not in allowed:
            message = (
                f"The namespace {namespace} may not use the operator's default connection: set spec.connectionRef, together "
                "with a new runId."
            )
            return Hold(reason=Reason.DEFAULT_CONNECTION_NOT_ALLOWED, message=message)
        return self._default()

    def _default(self) -> Way | Hold:
        settings = self._settings
        if settings.seed_api_url is None:
            message = "The operator has no default connection: set spec.connectionRef, together with a new runId."
            return Hold(reason=Reason.CONNECTION_NOT_FOUND, message=message)
        token = self._default_token()
        if token is None:
            message = "The operator's credential can't be read: its SEED_API_TOKEN_FILE is gone. Ask its administrators to put it back."
            return Hold(reason=Reason.CONNECTION_NOT_READY, message=message)
        return self._way_to(
            _DEFAULT,
            endpoint=settings.seed_api_url,
            namespace=settings.seed_namespace,
            scheme=settings.seed_auth_scheme.value,
            token=token,
            plan=_plan(settings.told_requests_per_minute, settings.seed_burst),
        )

    def _default_token(self) -> str | None:
        """Read the credential, from its file at most every two seconds: a rotated one takes effect by itself."""
        path, now = self._settings.seed_api_token_file, self._clock.monotonic()
        if path is None:
            token = self._settings.seed_api_token
            return None if token is None else token.get_secret_value()
        if self._token_read is None or now - self._token_read[0] >= _TOKEN_FILE_KEPT:
            text = _text_of(path)
            if text is None:
                return None
            self._token_read = (now, text)
        return self._token_read[1]

    async def named(self, key: Key) -> Way | Hold:
        """Give the account of a SeedConnection, or why it can't be used."""
        body = self._seedconnections.get(key)
        if body is None:
            message = (
                f"There is no SeedConnection {key.name} in the namespace {key.namespace}: create it, or name another, together "
                "with a new runId."
            )
            return Hold(reason=Reason.CONNECTION_NOT_FOUND, message=message)
        try:
            spec = SeedConnectionSpec.model_validate(body["spec"])
        except ValidationError:
            message = f"The SeedConnection {key.name} can't be read: apply it again with the installed CRD."
            return Hold(reason=Reason.CONNECTION_NOT_READY, message=message)
        if not is_allowed(spec.endpoint, self._settings.allowed_endpoints):
            message = (
                f"The endpoint {spec.endpoint} isn't on this operator's list: ask its administrators to add it to "
                "SEED_ALLOWED_ENDPOINTS, or name a connection to a listed one, together with a new runId."
            )
            return Hold(reason=Reason.ENDPOINT_NOT_ALLOWED, message=message)
        return await self._with_secret(key, spec)

    async def _with_secret(self, key: Key, spec: SeedConnectionSpec) -> Way | Hold:
        reference = spec.secret_ref
        try:
            data = await self._sources.kept_secret(key.namespace, reference.name)
        except KubernetesError as error:
            message = f"The Secret {reference.name} of the SeedConnection {key.name} can't be read: {error}"
            return Hold(reason=Reason.CONNECTION_NOT_READY, message=message)
        if data is None:
            message = f"The Secret {reference.name} of the SeedConnection {key.name} doesn't exist: create it."
            return Hold(reason=Reason.SECRET_NOT_FOUND, message=message)
        if reference.key not in data:
            message = (
                f"The Secret {reference.name} of the SeedConnection {key.name} has no key {reference.key}: add it."
            )
            return Hold(reason=Reason.SECRET_KEY_MISSING, message=message)
        return self._way_to(
            key,
            endpoint=spec.endpoint.rstrip("/"),
            namespace=spec.namespace,
            scheme=spec.scheme.value,
            token=data[reference.key],
            plan=_plan(spec.requests_per_minute, spec.burst),
        )

    def _way_to(self, key: Key, *, endpoint: str, namespace: str, scheme: str, token: str, plan: Plan) -> Way | Hold:
        account = self._accounts.get(key)
        if account is None or not account.is_of(endpoint=endpoint, namespace=namespace, scheme=scheme, token=token):
            try:
                account = Account(endpoint=endpoint, namespace=namespace, scheme=scheme, token=SecretStr(token))
            except SeedError as error:
                whose = f"The SeedConnection {key.name}" if key.name else "The operator's default connection"
                return Hold(reason=Reason.CONNECTION_NOT_READY, message=f"{whose} can't be used yet. {error.message}")
            self._accounts[key] = account
        return Way(key=key, account=account, plan=plan)


def _plan(requests_per_minute: int | None, burst: int | None) -> Plan:
    per_minute = requests_per_minute or _ASSUMED
    return Plan(per_minute=per_minute, burst=burst or plan_burst(per_minute), assumed=requests_per_minute is None)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return None


def is_allowed(endpoint: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether an address is on the list: scheme, host and port are equal, and a listed path is a prefix at a `/`."""
    try:
        return any(_covers(urlsplit(entry), urlsplit(endpoint)) for entry in allowed)
    except ValueError:  # no address at all, such as a host that changes under Unicode normalization
        return False


def _covers(entry: SplitResult, endpoint: SplitResult) -> bool:
    if _origin(entry) != _origin(endpoint) or "@" in endpoint.netloc or ".." in endpoint.path.split("/"):
        return False
    prefix = entry.path.rstrip("/")
    return endpoint.path.rstrip("/") == prefix or endpoint.path.startswith(f"{prefix}/")


def _origin(address: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        port = address.port
    except ValueError:
        return ("", None, None)
    return (address.scheme, address.hostname, port or {"https": 443, "http": 80}.get(address.scheme))

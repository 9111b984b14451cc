"""Who we are on the platform."""

import dataclasses
import functools
import hashlib
import ipaddress
import secrets
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from seedjob_operator.seedapi.errors import InvalidRequestError
from seedjob_operator.seedapi.wire import AuthScheme

# Made anew in each process, so that a credential's key tells nothing about the credential.
_SALT = secrets.token_bytes(16)
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """A credential, and the Seed namespace that it is used in.

    The token is stripped of white space around it: Secrets made from files end with a newline.

    Raises:
        InvalidRequestError: one of the four can't be used; the message says what to write, and shows no credential.
    """

    endpoint: str
    namespace: str
    scheme: str
    token: SecretStr

    def __post_init__(self) -> None:
        """Refuse what could never be sent, or not safely."""
        endpoint, token = _stripped_endpoint(self.endpoint), self.token.get_secret_value().strip()
        check_endpoint(endpoint)
        _check_token(token)
        if self.scheme not in tuple(AuthScheme):
            raise InvalidRequestError(f"The scheme {self.scheme!r} isn't known: write {' or '.join(AuthScheme)}.")
        if not self.namespace.strip("."):
            raise InvalidRequestError("The Seed namespace is missing: write the name of a Seed user or organization.")
        object.__setattr__(self, "token", SecretStr(token))
        object.__setattr__(self, "endpoint", endpoint)

    def is_of(self, *, endpoint: str, namespace: str, scheme: str, token: str) -> bool:
        """Tell whether this is the account that these four make, without making another one."""
        told = (_stripped_endpoint(endpoint), namespace, scheme, token.strip())
        return told == (self.endpoint, self.namespace, self.scheme, self.token.get_secret_value())

    @property
    def authorization(self) -> str:
        """The header's value. A secret."""
        return f"{self.scheme} {self.token.get_secret_value()}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the token, and of an API key also its secret part alone."""
        token = self.token.get_secret_value()
        return tuple(part for part in (token, token.partition("$")[2]) if part)

    @functools.cached_property
    def credential(self) -> str:
        """A key that two accounts share where they share the rate limit. Tells nothing about the token."""
        address = urlsplit(self.endpoint)
        token = self.token.get_secret_value().encode()
        digest = hashlib.blake2b(token, key=_SALT, digest_size=16).hexdigest()
        return f"{address.scheme}://{address.hostname}:{_port(address)} {digest}"


def _stripped_endpoint(endpoint: str) -> str:
    return endpoint.strip().rstrip("/")


def check_endpoint(endpoint: str) -> None:
    """Refuse an address that isn't one. No message quotes it: it may carry a password."""
    try:
        address = urlsplit(endpoint)
        _port(address)
    except ValueError:
        raise InvalidRequestError("The endpoint can't be read: write it like https://api.seed.example.") from None
    if address.scheme not in _DEFAULT_PORTS or not address.hostname:
        raise InvalidRequestError("The endpoint isn't an http address: write it like https://api.seed.example.")
    if "@" in address.netloc or "?" in endpoint or "#" in endpoint or any(c.isspace() for c in endpoint):
        raise InvalidRequestError(
            "The endpoint is an address alone, without user, query, fragment or spaces: "
            "put the credential into its Secret."
        )
    if address.scheme == "http" and not _is_loopback(address.hostname):
        raise InvalidRequestError(
            "The endpoint would get the credential over an open network: write https://; "
            "http:// is for this machine alone (localhost, 127.0.0.1, [::1])."
        )


def _port(address: SplitResult) -> int | None:
    return address.port or _DEFAULT_PORTS.get(address.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_token(token: str) -> None:
    if not token:
        raise InvalidRequestError("The credential is empty: put the platform's token into it.")
    if not token.isascii() or any(not character.isprintable() or character == " " for character in token):
        raise InvalidRequestError(
            "The credential has characters that no token has (line breaks, spaces, or beyond ASCII): "
            "put nothing but the token into it."
        )

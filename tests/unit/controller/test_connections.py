"""Which addresses may be contacted: the credential is shown to whoever is at the other end."""

import pytest

from seedjob_operator.controller.connections import is_allowed

LIST = ("https://api.seed.example", "http://127.0.0.1:8900", "https://gate.example/seed/")


@pytest.mark.parametrize(
    ("endpoint", "allowed", "why"),
    [
        ("https://api.seed.example", True, "equal"),
        ("https://api.seed.example/", True, "a slash at the end says nothing"),
        ("https://api.seed.example:443", True, "the scheme's own port"),
        ("https://API.seed.example", True, "host names have no case"),
        ("https://api.seed.example/v2", True, "no path listed: all of the host"),
        ("http://api.seed.example", False, "another scheme: the credential would be readable"),
        ("https://api.seed.example:8443", False, "another port is another server"),
        ("https://api.seed.example.evil.example", False, "a prefix of text is no host"),
        ("https://evil.example/https://api.seed.example", False, "nor is a path"),
        ("https://api.seed.example@evil.example", False, "nor a user name"),
        ("https://user@api.seed.example", False, "credentials don't belong into an address"),
        ("http://127.0.0.1:8900", True, "loopback as listed"),
        ("http://127.0.0.1:8901", False, "another port"),
        ("https://gate.example/seed", True, "the listed path"),
        ("https://gate.example/seed/eu", True, "below it, at a slash"),
        ("https://gate.example/seedling", False, "not at a slash"),
        ("https://gate.example/seed/../admin", False, "out of it again"),
        ("https://gate.example", False, "above it"),
        ("https://gate.example:port/seed", False, "no port at all"),
    ],
)
def test_the_list_of_allowed_endpoints(endpoint: str, allowed: bool, why: str) -> None:
    assert is_allowed(endpoint, LIST) is allowed, why


def test_an_empty_list_allows_nothing() -> None:
    """An operator that was told of no endpoint contacts none."""
    assert not is_allowed("https://api.seed.example", ())

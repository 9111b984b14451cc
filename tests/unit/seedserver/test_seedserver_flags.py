"""The flags of the local Seed server: what can't be meant is refused with a sentence."""

import argparse

import pytest

from seedjob_operator.seedserver.flags import add_arguments


def public_url(text: str) -> str:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return str(parser.parse_args(["--public-url", text]).public_url)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://seed.example", "https://seed.example"),
        ("https://seed.example:8443/jobs/", "https://seed.example:8443/jobs"),
        ("http://[::1]:8900", "http://[::1]:8900"),
    ],
)
def test_links_may_begin_with_an_address(text: str, url: str) -> None:
    """Paths are put behind it: no slash stands twice."""
    assert public_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "seed.example", "ftp://a", "http://:80", "https://a:", "https://a:b", "https://a:99999", "http://[::1"),
        *("https://a\\b", 'https://a/"<>', "https://user@a", "https://a/?q", "https://a/#f", "https://a\n/b"),
    ],
)
def test_links_may_begin_with_nothing_else(text: str) -> None:
    """Each of them would make links that lead nowhere, or elsewhere."""
    with pytest.raises(argparse.ArgumentError, match=r"is no address: write one such as https://seed\.example"):
        public_url(text)

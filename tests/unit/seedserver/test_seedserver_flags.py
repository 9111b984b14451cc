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
        ("HTTPS://Seed.Example", "https://seed.example"),
        ("https://seed.example/a%20b", "https://seed.example/a%20b"),
        ("https://jülich.example", "https://xn--jlich-kva.example"),
        ('https://seed.example/"<>\n', "https://seed.example/%22%3C%3E"),
    ],
)
def test_links_may_begin_with_an_address(text: str, url: str) -> None:
    """Paths are put behind it: no slash stands twice, and what a browser would write in another way is written so."""
    assert public_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "seed.example", "ftp://a", "http://:80", "https://a:0", "https://a:b", "https://a:99999", "http://[::1"),
        *("https://a..b", f"https://{'a' * 64}.b", "https://a b", "https://1.2.3.400", "https://user:s3cr3t@a"),
        *("https://a/?q", "https://a/#f", "https://a/?", "https://a/#"),
    ],
)
def test_links_may_begin_with_nothing_else(text: str) -> None:
    """Each of them would make links that lead nowhere, or elsewhere."""
    with pytest.raises(argparse.ArgumentError, match=r"write one such as https://seed\.example") as refused:
        public_url(text)
    assert "s3cr3t" not in str(refused.value)

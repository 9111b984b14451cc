"""Links are good for one place until one time, also after a restart; and for nothing else."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from seedjob_operator.seedserver.links import PREFIX, Links


def test_a_link_is_good_until_its_time(tmp_path: Path) -> None:
    link = urlsplit(Links(tmp_path / "key").signed("acme", "job_1", "a b", expires=100))
    place, signature = unquote(link.path).removeprefix(PREFIX), parse_qs(link.query)["signature"][0]
    again = Links(tmp_path / "key")
    assert again.is_good(place, expires=100, signature=signature, now=100)
    assert not again.is_good(place, expires=100, signature=signature, now=101), "its time is over"
    assert not again.is_good(place, expires=200, signature=signature, now=101), "the time is signed too"
    assert not again.is_good("acme/job_1", expires=100, signature=signature, now=1), "another place"
    assert not again.is_good(place, expires=100, signature="é", now=1)
    assert not Links(tmp_path / "other").is_good(place, expires=100, signature=signature, now=1), "another key"
    assert oct((tmp_path / "key").stat().st_mode & 0o777) == "0o600"


def test_an_empty_key_that_a_crash_left_is_made_anew(tmp_path: Path) -> None:
    """Anybody could sign with it."""
    key = tmp_path / "key"
    key.touch()
    Links(key)
    made = key.read_text()
    assert len(made.strip()) == 64
    key.chmod(0o644)  # as a copy of the folder may be
    Links(key)
    assert key.read_text() == made
    assert oct(key.stat().st_mode & 0o777) == "0o600"

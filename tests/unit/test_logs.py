"""Log lines: which SeedJob and attempt they are about, as text and as JSON."""

import json
import logging

import pytest

from seedjob_operator import logs


@pytest.fixture(autouse=True)
def _restore() -> object:
    """Other tests log as they did."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_lines_name_the_object_and_its_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    """What a log system filters by are fields, not parts of a sentence."""
    logs.configure(log_format="json", level="info")
    with logs.about("ns/a"):
        logs.note_attempt(2)
        logging.getLogger("x").info("submitted")
    logging.getLogger("x").info("elsewhere")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["seedjob"], first["attempt"], first["message"], first["level"]) == ("ns/a", 2, "submitted", "INFO")
    assert "seedjob" not in second


def test_text_lines_say_it_in_front(capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads along sees at a glance which job it is."""
    logs.configure(log_format="text", level="warning")
    with logs.about("ns/a", attempt=1):
        logging.getLogger("x").warning("held")
        logging.getLogger("x").info("not asked for")
    line = capsys.readouterr().err
    assert "[ns/a #1] held" in line
    assert "not asked for" not in line

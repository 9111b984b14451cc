"""The pages that users read: they know every reason and every phase."""

import re
from pathlib import Path

from seedjob_operator.core.reasons import Reason
from seedjob_operator.resources import ConditionType, Phase

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_reasons_has_each_once_and_no_other() -> None:
    """A user who meets a reason looks for it there; one that no longer exists is a false trail."""
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "reasons.md").read_text(), flags=re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == set(Reason)


def test_the_page_of_the_lifecycle_has_every_phase_and_condition() -> None:
    page = (DOCS / "lifecycle.md").read_text()
    assert [word for word in (*Phase, *ConditionType) if f"`{word}`" not in page] == []


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        prose = re.sub(
            r"`[^`]*`|<!--.*?-->", "", page.read_text(), flags=re.DOTALL
        )  # a rule's expression can look like a link
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (DOCS / target).exists(), f"{page.name} links to {target}"

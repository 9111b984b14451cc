"""The file of tokens: what it gives, and what is wrong with a bad one, told without showing a secret."""

from pathlib import Path

import pytest

from seedjob_operator.seedserver.ratelimit import PLANS
from seedjob_operator.seedserver.tokens import TokensError, read_tokens

SECRET = "s3cr3t-token"
GOOD = """
users:
  - {name: ada, tokens: [ada-laptop-1, ada-ci-2], namespaces: [acme, ada], plan: 300}
  - {name: ben, tokens: [ben-laptop-3], namespaces: [acme], access: read}
  - {name: bot, tokens: ["ci$secret-4"], namespaces: [acme], plan: unlimited}
"""


def test_each_token_has_its_users_rights(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(GOOD)
    found = dict(read_tokens(tmp_path / "tokens", default_plan="60"))
    assert list(found) == ["ada-laptop-1", "ada-ci-2", "ben-laptop-3", "ci$secret-4"]
    assert found["ada-ci-2"].namespaces == {"acme", "ada"}
    plans = [found[token].plan for token in ("ada-ci-2", "ben-laptop-3", "ci$secret-4")]
    assert plans == [PLANS["300"], PLANS["60"], None], "left out: the server's own --plan"
    assert [credential.may_write for credential in found.values()] == [True, True, False, True]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"users: [{SECRET}: [", "is not valid YAML at line 1: write, for example, users:"),
        ("", "write, for example, users:"),
        ("users: []", "write, for example, users:"),
        (f"{SECRET}: 1", "write, for example, users:"),
        (f"users: [{{name: a, tokens: [{SECRET}]}}]", "user 1: namespaces: is required"),
        (f"users: [{{name: a, tokens: {SECRET}, namespaces: [a]}}]", "user 1: tokens: write tokens of 8 or more"),
        ("users: [{name: a, tokens: [short], namespaces: [a]}]", "user 1: tokens: write tokens of 8 or more"),
        (f"users: [{{name: a, tokens: [{SECRET}], namespaces: [a/b]}}]", "user 1: namespaces: write names of"),
        (f"users: [{{name: a, tokens: [{SECRET}], namespaces: [..]}}]", "user 1: namespaces: write names of"),
        (f"users: [{{name: a, tokens: [{SECRET}], namespaces: [a], plan: 61}}]", "user 1: plan: write 60, 300"),
        (f"users: [{{name: a, tokens: [{SECRET}], namespaces: [a], acces: read}}]", "user 1: acces: is not known"),
        (f"users: [{{name: a, tokens: [{SECRET}, {SECRET}], namespaces: [a]}}]", "a token of a stands there twice"),
    ],
)
def test_a_bad_file_is_told_where_and_what(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "tokens").write_text(content)
    with pytest.raises(TokensError) as refused:
        read_tokens(tmp_path / "tokens", default_plan="60")
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)

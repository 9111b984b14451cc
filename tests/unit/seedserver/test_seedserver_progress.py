"""Which lines of a job's output tell how far it is."""

import pytest

from seedjob_operator.seedserver.progress import last_progress, progress_in


@pytest.mark.parametrize(
    ("line", "expected", "why"),
    [
        ("Epoch 2/3 - Step 4200/6300", "Epoch 2/3 - Step 4200/6300", "the contract's own example"),
        ("Epoch 2/3 loss=0.31 accuracy=97.5%", "Epoch 2/3", "an accuracy is no progress, and must not look like it"),
        ("INFO 2026-01-31 epoch 1/10, batch 3/7 ok", "epoch 1/10, batch 3/7", "a log's head is left out"),
        ("Epoch [3/10]", "Epoch [3/10]", "brackets, as many trainers print"),
        ("step: 5 of 20", "step: 5 of 20", "in words"),
        (" 43%|████      | 43/100 [00:01<00:02]", "43%", "a progress bar"),
        ("Training:  7%|█  | 7/100", "7%", "a progress bar with a name"),
        ("42 %", "42 %", "a plain percentage"),
        ("[ 99.5%] linking", "99.5%", "as a build prints it"),
        ("progress: 12%", "12%", "called so"),
        ("\x1b[32mEpoch 1/2\x1b[0m", "Epoch 1/2", "colours are no part of it"),
        ("accuracy 97.5%", None, "not progress"),
        ("test accuracy: 97.5 % on 360 images", None, "not progress"),
        ("150% of the budget", None, "more than all can't be"),
        ("read 2026/01/31", None, "a date"),
        ("loss 1/3", None, "a fraction of nothing that is counted"),
        ("", None, "nothing"),
    ],
)
def test_progress_in_a_line(line: str, expected: str | None, why: str) -> None:
    assert progress_in(line) == expected, why


def test_the_last_line_that_tells_progress_counts() -> None:
    assert last_progress(["Epoch 1/3", "Epoch 2/3", "saving the model", ""]) == "Epoch 2/3"
    assert last_progress(["hello", "world"]) is None


def test_a_hostile_line_takes_no_time() -> None:
    """A pattern that backtracks would stop all jobs' progress; this takes seconds if it does."""
    assert progress_in("epoch 1/" * 200_000) is None

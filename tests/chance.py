"""The seed of randomised tests: the same in each run, so that no landing hangs on luck; `make fuzz` draws new ones."""

import os
import random


def draw_seed() -> int:
    """Give a seed, and print how to run the same again."""
    given = os.environ.get("TEST_SEED", "20260101")
    seed = random.randrange(2**32) if given == "random" else int(given)
    print(f"seed {seed}: run it again with TEST_SEED={seed}")
    return seed

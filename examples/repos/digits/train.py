"""Train a classifier on the handwritten digits that ship with scikit-learn; leave the model as an artifact.

Prints its progress as `Epoch a/b - Step c/d`, which is what the platform reads.
"""

import argparse
import os
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

BATCH = 64


def main() -> None:
    """Train for some epochs and write `outputs/digits.joblib`."""
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=int(os.environ.get("EPOCHS", "5")))
    options.add_argument("--pause", type=float, default=0.0, help="seconds to rest after each epoch")
    arguments = options.parse_args()

    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(digits.data / 16.0, digits.target, random_state=0)
    model = SGDClassifier(loss="log_loss", random_state=0)
    steps = -(-len(train_x) // BATCH)
    for epoch in range(1, arguments.epochs + 1):
        order = np.random.default_rng(epoch).permutation(len(train_x))
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            model.partial_fit(train_x[batch], train_y[batch], classes=np.unique(digits.target))
        done = epoch * steps
        print(f"Epoch {epoch}/{arguments.epochs} - Step {done}/{arguments.epochs * steps}", flush=True)
        print(f"accuracy on held-out digits: {model.score(test_x, test_y):.4f}", flush=True)
        time.sleep(arguments.pause)

    outputs = Path("outputs")
    outputs.mkdir(exist_ok=True)
    joblib.dump(model, outputs / "digits.joblib")
    print(f"wrote {outputs / 'digits.joblib'}", flush=True)


if __name__ == "__main__":
    main()

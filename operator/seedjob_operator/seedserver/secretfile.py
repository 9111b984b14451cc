"""A secret that is made once, in a file for its owner only, and stays the same over restarts."""

from collections.abc import Callable
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """Give a file's secret; it is made where there is none, or an empty one that a crash has left.

    A copy or a backup that came back may be readable for others; as the file is ours, it no longer is.
    """
    secret = path.read_text().strip() if path.exists() else ""
    if secret:
        path.chmod(0o600)
        return secret
    secret, partial = make(), path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(secret + "\n")
    partial.rename(path)  # whole, or not at all
    return secret

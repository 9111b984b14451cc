"""How many files may be open: many followers need many sockets, and the usual soft limit is 1024."""

import contextlib
import resource


def raise_soft_limit() -> int | None:
    """Raise this process's soft limit to the hard one; give what it was, which jobs shall have; None if it is the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return None
    with contextlib.suppress(ValueError, OSError):  # a system without a hard limit may have one all the same
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft

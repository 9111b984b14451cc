"""The server's open files: how many it may have, and which its jobs don't get."""

import contextlib
import os
import resource
from pathlib import Path

_STANDARD_ERROR = 2


def raise_soft_limit() -> int | None:
    """Raise this process's soft limit to the hard one; give what it was, which jobs shall have; None if it is the same.

    Many followers need many sockets, and the usual soft limit is 1024.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return None
    with contextlib.suppress(ValueError, OSError):  # a system without a hard limit may have one all the same
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


def keep_inherited() -> None:
    """Pass nothing on that this process was started with, but for its standard streams, which jobs have their own of.

    A pipe of whoever started the server would else stay open for as long as a job runs, and he would wait for its end.
    """
    listed = Path("/dev/fd")
    for descriptor in [int(path.name) for path in listed.iterdir()] if listed.is_dir() else ():
        if descriptor > _STANDARD_ERROR:
            with contextlib.suppress(OSError):  # the listing's own is closed by now
                os.set_inheritable(descriptor, False)

"""Which of the system's refusals pass by themselves: what meets one is worth another try."""

import errno

_SHORTAGES = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.EAGAIN,
        errno.ENOMEM,
    )  # disk, files, processes, memory
)


def is_shortage(error: OSError) -> bool:
    """Whether the machine is out of something that may be there again soon."""
    return error.errno in _SHORTAGES

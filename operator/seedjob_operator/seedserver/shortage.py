"""Which of the system's refusals pass by themselves: what meets one is worth another try."""

import errno

_DISK = frozenset((errno.ENOSPC, errno.EDQUOT))
_PROCESSES = frozenset((errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM))


def is_shortage(error: OSError) -> bool:
    """Whether the machine is out of something that may be there again soon."""
    return error.errno in _DISK or is_crowded(error)


def is_crowded(error: OSError) -> bool:
    """Whether there is no room now for another process, open file or memory; the disk is another matter."""
    return error.errno in _PROCESSES

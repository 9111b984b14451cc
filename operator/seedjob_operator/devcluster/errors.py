"""What can go wrong with the local control plane: each error is one sentence that says what to do."""


class DevClusterError(Exception):
    """The base of this room's errors; its text is written for the user's terminal."""


class ToolMissingError(DevClusterError):
    """Something that only the user can install is not there."""


class DiskTooSmallError(DevClusterError):
    """A build would not fit."""


class ChecksumError(DevClusterError):
    """A downloaded file is not the pinned one."""


class BuildError(DevClusterError):
    """The Go compiler or its module download ended with an error."""


class PartDiedError(DevClusterError):
    """A program of the control plane ended by itself; the text ends with its log's last lines."""


class NotReadyError(DevClusterError):
    """The control plane did not become ready in time."""

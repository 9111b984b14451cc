"""How objects are named inside the controller."""

from typing import NamedTuple


class Key(NamedTuple):
    """An object of one kind, in its Kubernetes namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Give the form that `kubectl` users write."""
        return f"{self.namespace}/{self.name}"

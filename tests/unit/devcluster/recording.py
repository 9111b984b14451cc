"""A progress that remembers."""

from __future__ import annotations


class Recording:
    """What was said and updated, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.updates: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def update(self, text: str) -> None:
        self.updates.append(text)

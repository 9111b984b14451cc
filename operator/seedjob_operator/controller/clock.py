"""The controller's clock, in one place: the rules are given its time, and tests give another."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time for what users read, monotonic seconds for what waits."""

    def now(self) -> datetime:
        """Give the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds that never jump."""
        return time.monotonic()

"""How many requests may be under way, by what becomes of them: halved on a 429 or a failure, growing back by one a round.

This is TCP's additive increase, multiplicative decrease, as AWS' and Netflix' clients use it: a platform that is slow or
failing gets less to do at a time, however much of the plan is left.
"""

MOST = 48
"""Requests under way at once; the client has no more connections."""


class Congestion:
    """One credential's window of requests under way."""

    def __init__(self) -> None:
        self._window = float(MOST)
        self._shrunk_at = -1.0

    @property
    def window(self) -> int:
        """How many may be under way now."""
        return int(self._window)

    def got_through(self) -> None:
        """One answer: as many as the window holds make it larger by one."""
        self._window = min(self._window + 1.0 / self._window, float(MOST))

    def pushed_back(self, *, sent_at: float, now: float) -> None:
        """A 429, a 5xx or no answer. Those that were sent together count once."""
        if sent_at >= self._shrunk_at:
            self._window = max(self._window / 2, 1.0)
            self._shrunk_at = now

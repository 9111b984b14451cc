"""The circuit: while the platform is down one request at a time asks whether it is back, and no create does.

closed ── FAILURES in a row ──► open ── the pause is over ──► one request goes ──► it got through: closed
                                 ▲                                             └─► it failed: a longer pause
                                 └───────────────────────────────────────────────────────┘
"""

from seedjob_operator.seedapi.errors import UnavailableError

FAILURES = 5
"""Failures in a row, with no success between them, that mean that it isn't one job's trouble."""
SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 16.0


class Circuit:
    """One credential's circuit. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.error: UnavailableError | None = None
        self._failures = 0
        self._pause = SHORTEST_PAUSE
        self._until = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether the platform counts as down."""
        return self.error is not None

    def admits(self, now: float, *, creates: bool) -> bool:
        """Tell whether a request may go: any while closed, else one that may serve as the probe when it is due."""
        return not self.open or (not creates and not self._probing and now >= self._until)

    def began(self) -> None:
        """A request goes; while the circuit is open it is the probe."""
        self._probing = self.open

    def withdrawn(self) -> None:
        """A request that was let go was never answered, nor failed."""
        self._probing = False

    def succeeded(self) -> None:
        """The platform answered."""
        self.error, self._failures, self._pause, self._probing = None, 0, SHORTEST_PAUSE, False

    def failed(self, now: float, error: UnavailableError) -> None:
        """The platform didn't do its work."""
        self._failures += 1
        if self.open and not self._probing:
            return  # sent before it opened
        if self._failures < FAILURES:
            return
        self._pause = min(2 * self._pause, LONGEST_PAUSE) if self._probing else SHORTEST_PAUSE
        self.error, self._until, self._probing = error, now + self._pause, False

    def refusal(self, now: float) -> UnavailableError:
        """Give the error of a request that isn't sent: in the words of the failure, which say why."""
        error = self.error
        if error is None:
            raise RuntimeError("a closed circuit refuses nobody")
        return type(error)(error.message, status=error.status, retry_after=max(self._until - now, SHORTEST_PAUSE))

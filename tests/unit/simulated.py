"""An event loop whose time passes at once: what waits for a minute in production takes no time in a test."""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Selector(selectors.SelectSelector):
    """Waits for nobody: the time that the loop would wait has passed already."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everything waits, and nothing is due: this test would never end")
            self.passed += timeout
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, which begins at 1,000 s."""

    def __init__(self) -> None:
        self._simulated = _Selector()
        super().__init__(self._simulated)

    def time(self) -> float:
        return 1000.0 + self._simulated.passed


def simulate(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in simulated time."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        _end_all(loop)
        loop.close()


def _end_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs and see it end, also what it does at its end: a coroutine left unstarted is a warning."""
    while running := asyncio.all_tasks(loop):
        for task in running:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))


def seedjob(name: str = "a", *, version: int = 1, uid: str = "u1", **parts: Any) -> Mapping[str, Any]:
    """Give a SeedJob as Kubernetes gives it."""
    metadata = {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": str(version), "generation": 1}
    spec = {"job": {"image": "i", "command": "c", "gpu": {"type": "none"}}}
    return {"metadata": metadata | parts.pop("metadata", {}), "spec": spec | parts.pop("spec", {}), **parts}

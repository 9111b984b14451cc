"""What all tests share."""

import signal
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

# The same examples in each run, so that no landing hangs on luck; `make fuzz` draws new ones. A busy machine is no finding.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", _patient, derandomize=True)
settings.register_profile("fuzz", _patient, print_blob=True)
settings.load_profile("steady")

# A CI may start us in the background, where a shell ignores these; what the tests start must be stoppable as usual.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)

_LONG_SECONDS: Final = 400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules whose tests wait longest, so that at the end no worker waits for one of them alone."""
    long = {item.path for item in items if _limit(item) >= _LONG_SECONDS}
    items.sort(key=lambda item: item.path not in long)


def _limit(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return 0.0 if marker is None else float(marker.args[0])

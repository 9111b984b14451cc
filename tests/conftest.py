"""What all tests share."""

import signal

from hypothesis import settings

# The same examples in each run, so that no landing hangs on luck; `make fuzz` draws new ones.
settings.register_profile("steady", derandomize=True)
settings.register_profile("fuzz", print_blob=True)
settings.load_profile("steady")

# A CI may start us in the background, where a shell ignores these; what the tests start must be stoppable as usual.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)

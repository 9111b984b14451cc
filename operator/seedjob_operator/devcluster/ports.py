"""Free ports on 127.0.0.1 that no other program is given meanwhile."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def held_ports(count: int) -> Iterator[list[int]]:
    """Hold `count` free ports while the block runs: bound but not listened on, so that the system gives them to nobody.

    Linux lets servers that reuse addresses listen on them all the same, and come back to them: stay in the block for as
    long as they may. Elsewhere the ports are only free: start the programs that bind them at once.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(_reusing_addresses()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
        if not all(map(_admits_a_server, ports)):
            held.close()
        yield ports


def _reusing_addresses() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _admits_a_server(port: int) -> bool:
    with _reusing_addresses() as server:
        try:
            server.bind(("127.0.0.1", port))
            server.listen()
        except OSError:
            return False
    return True

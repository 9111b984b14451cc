"""Estimate pi on several nodes: each takes its share, the first collects them over a socket.

Uses what the platform tells each node: SEED_NODE_RANK, SEED_NUM_NODES, SEED_MASTER_ADDR and SEED_MASTER_PORT.
"""

import os
import socket
import struct
import time

import numpy as np

POINTS = 4_000_000
ROUNDS = 8
SHARE = struct.Struct("!qq")


def hits(rank: int) -> tuple[int, int]:
    """Count the random points that fall into the quarter circle."""
    random = np.random.default_rng(rank)
    inside = 0
    for done in range(1, ROUNDS + 1):
        x, y = random.random((2, POINTS // ROUNDS))
        inside += int(np.count_nonzero(x * x + y * y <= 1.0))
        if rank == 0:
            print(f"Round {done}/{ROUNDS}", flush=True)
        time.sleep(0.4)
    return inside, POINTS


def collect(port: int, others: int, own: tuple[int, int]) -> None:
    """Take the other nodes' shares and print the estimate."""
    inside, points = own
    with socket.create_server(("", port)) as server:
        server.settimeout(60)
        for _ in range(others):
            connection, _ = server.accept()
            with connection:
                share = SHARE.unpack(connection.recv(SHARE.size, socket.MSG_WAITALL))
            inside, points = inside + share[0], points + share[1]
    print(f"pi is about {4 * inside / points:.5f} ({points} points on {others + 1} nodes)", flush=True)


def send(address: str, port: int, own: tuple[int, int]) -> None:
    """Send this node's share to the first one, which may still be counting."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection((address, port), timeout=5) as connection:
                connection.sendall(SHARE.pack(*own))
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def main() -> None:
    """Count, then send or collect."""
    rank, nodes = int(os.environ["SEED_NODE_RANK"]), int(os.environ["SEED_NUM_NODES"])
    address, port = os.environ["SEED_MASTER_ADDR"], int(os.environ["SEED_MASTER_PORT"])
    own = hits(rank)
    if rank == 0:
        collect(port, nodes - 1, own)
    else:
        send(address, port, own)


if __name__ == "__main__":
    main()

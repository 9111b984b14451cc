"""Many clients at once with mixed operations. `make bench-seed-server` does the same with 1,000 of them for a minute."""

import random
from pathlib import Path

from benchmarks import seed_clients
from benchmarks.seed_stage import seed_server
from chance import draw_seed


async def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """All that clients were told is so then and there, and in the server's ledger, records and logs in the end."""
    async with seed_server(tmp_path / "data") as server:
        books = await seed_clients.run(server, clients=200, seconds=8, rng=random.Random(draw_seed()))
    assert books.wrong == []
    assert len(books.accepted) >= 200, "each client created a job"
    assert books.cancelled, "and some cancelled theirs"

"""The queue of keys: once in it, never two workers, back when added meanwhile."""

import asyncio

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.queue import KeyQueue
from unit.simulated import simulate

A, B = Key("ns", "a"), Key("ns", "b")


async def taken(queue: KeyQueue) -> list[Key]:
    """Take all that is ready now."""
    keys = []
    while len(queue):
        keys.append(await queue.get())
    return keys


def test_a_key_stands_in_it_once() -> None:
    """Ten events about an object are one pass."""

    async def play() -> None:
        queue = KeyQueue()
        for key in (A, B, A, A):
            queue.add(key)
        assert await taken(queue) == [A, B]

    simulate(play())


def test_a_key_is_never_worked_on_twice_at_a_time() -> None:
    """Added while a worker has it, it comes again when that one is done, and not before."""

    async def play() -> None:
        queue = KeyQueue()
        queue.add(A)
        key = await queue.get()
        queue.add(A)
        queue.add(A)
        assert len(queue) == 0
        queue.done(key)
        assert await taken(queue) == [A]

    simulate(play())


def test_delays_the_earliest_counts() -> None:
    """A look in a minute must not put off one that is due in five seconds, nor the reverse."""

    async def play() -> None:
        queue = KeyQueue()
        loop = asyncio.get_running_loop()
        began = loop.time()
        queue.add_after(A, 60)
        queue.add_after(A, 5)
        queue.add_after(A, 30)
        assert await queue.get() == A
        assert loop.time() - began == 5
        queue.done(A)
        await asyncio.sleep(100)
        assert len(queue) == 0, "the later times were replaced, not added"

    simulate(play())


def test_added_now_makes_a_delay_void() -> None:
    """What was looked at already need not be looked at again for the old reason."""

    async def play() -> None:
        queue = KeyQueue()
        queue.add_after(A, 5)
        queue.add(A)
        queue.done(await queue.get())
        await asyncio.sleep(60)
        assert len(queue) == 0

    simulate(play())


def test_no_delay_is_now() -> None:
    """Zero and less are due."""

    async def play() -> None:
        queue = KeyQueue()
        queue.add_after(A, 0)
        queue.add_after(B, -3)
        assert await taken(queue) == [A, B]

    simulate(play())


def test_a_forgotten_key_comes_no_more() -> None:
    """An object that is gone leaves no timers behind."""

    async def play() -> None:
        queue = KeyQueue()
        queue.add_after(A, 5)
        queue.add(B)
        key = await queue.get()
        queue.add(B)
        queue.forget(A)
        queue.forget(B)
        queue.done(key)
        await asyncio.sleep(60)
        assert len(queue) == 0

    simulate(play())


def test_workers_wait_for_keys() -> None:
    """A worker sleeps until there is something to do."""

    async def play() -> None:
        queue = KeyQueue()
        getting = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        assert not getting.done()
        queue.add(A)
        assert await getting == A

    simulate(play())


def test_namespaces_take_turns() -> None:
    """One team's thousands of new jobs must not hold up another team's cancel."""

    async def play() -> None:
        queue = KeyQueue()
        crowd = [Key("many", f"j{number}") for number in range(1000)]
        for key in crowd:
            queue.add(key)
        queue.add(Key("few", "cancel-me"))
        queue.add(Key("few", "me-too"))
        order = await taken(queue)
        assert order[:4] == [crowd[0], Key("few", "cancel-me"), crowd[1], Key("few", "me-too")]
        assert order[4:] == crowd[2:], "first come, first served within a namespace"

    simulate(play())

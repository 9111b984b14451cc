"""The budget: never above the plan, the important first, and nothing before Retry-After. On a clock of the test's own."""

import asyncio
import contextlib
import itertools
import math
import pickle
import random

import pytest

from chance import draw_seed
from seedjob_operator.seedapi.budget import Budget, Permit, Priority
from seedjob_operator.seedapi.errors import OrchestrationError, RateLimitedError, UnavailableError
from seedjob_operator.seedapi.plan import Plan, plan_burst
from seedjob_operator.seedapi.windows import Windows

ME = "credential"


class Time:
    """A clock that moves when told to, and wakes who sleeps on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, alarm))
        await alarm

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move on, stopping wherever somebody is to be woken."""
        end = self.now + seconds
        await self.settle()
        while due := sorted(at for at, alarm in self._sleepers if not alarm.done() and at <= end):
            self.now = max(self.now, due[0])
            for at, alarm in self._sleepers:
                if at <= self.now and not alarm.done():
                    alarm.set_result(None)
            await self.settle()
        self.now = end
        await self.settle()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def budget(time: Time) -> Budget:
    return Budget(clock=time.read, sleep=time.sleep)


class Sender:
    """Sends requests through a budget, and notes when each was let go."""

    def __init__(self, budget: Budget, time: Time) -> None:
        self.budget, self.time = budget, time
        self.sent: list[tuple[float, str]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, label: str, priority: Priority, *, takes: float = 0.0, credential: str = ME) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._send(label, priority, takes, credential))
        self.tasks.append(task)
        return task

    async def _send(self, label: str, priority: Priority, takes: float, credential: str) -> None:
        with await self.budget.acquire(credential, priority):
            self.sent.append((self.time.now - 1000.0, label))
            if takes:
                await self.time.sleep(takes)

    @property
    def labels(self) -> list[str]:
        return [label for _, label in self.sent]


@pytest.fixture
def sender(budget: Budget, time: Time) -> Sender:
    return Sender(budget, time)


def most_within(times: list[float], window: float) -> int:
    """Count the most requests in any window that is open at its end."""
    return max(sum(1 for other in times if at <= other < at + window) for at in times)


# --- The plan ---


async def test_never_more_than_the_plan(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=60, burst=10)
    for number in range(150):
        sender.send(str(number), Priority.CREATE)
    await time.advance(190.0)
    times = [at for at, _ in sender.sent]
    assert len(times) == 150, "two and a half plans in some three minutes"
    assert most_within(times, 60.0) == 54, "all of it, but for what is kept for cancels"
    assert most_within(times, 1.0) == 9
    assert sender.labels == [str(number) for number in range(150)], "in the order of their coming"


@pytest.mark.parametrize("round_trip", [0.0, 0.3, 4.0])
async def test_no_delay_on_the_way_brings_requests_together(
    budget: Budget, sender: Sender, time: Time, round_trip: float
) -> None:
    """The platform sees a request at any time between its sending and its answer: the limit holds for every such time."""
    seed = draw_seed()
    dice = random.Random(seed)  # no secret
    budget.configure(ME, requests_per_minute=30, burst=5)
    for number in range(90):
        sender.send(str(number), Priority.CREATE, takes=round_trip)
    await time.advance(600.0)
    assert len(sender.sent) == 90
    for _ in range(20):
        arrived = [at + dice.uniform(0, round_trip) for at, _ in sender.sent]
        assert most_within(arrived, 60.0) <= 30
        assert most_within(arrived, 1.0) <= 5


async def test_no_plan_is_no_limit(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=None, burst=None)
    for number in range(5000):
        sender.send(str(number), Priority.LIST)
    await time.settle()
    assert len(sender.sent) == 5000


async def test_credentials_do_not_share(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=1, burst=1)
    budget.configure("other", requests_per_minute=1, burst=1)
    sender.send("a", Priority.LIST)
    sender.send("b", Priority.LIST)
    sender.send("c", Priority.LIST, credential="other")
    await time.settle()
    assert sender.labels == ["a", "c"]
    for task in sender.tasks:
        task.cancel()


async def test_two_plans_for_one_credential(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=2, burst=50, owner="one connection")
    budget.configure(ME, requests_per_minute=300, burst=1, owner="another")
    for label in "abc":
        sender.send(label, Priority.CANCEL_DELETE)
    await time.advance(59.0)
    assert [at for at, _ in sender.sent] == [0.0, 1.0], "the smaller of each holds"
    await time.advance(10.0)
    assert sender.labels == ["a", "b", "c"]


async def test_a_plan_is_changed_by_who_said_it(budget: Budget, time: Time) -> None:
    """A connection whose requestsPerMinute is raised isn't stuck with what it said before."""
    budget.configure(ME, requests_per_minute=60, burst=10, owner="connection")
    budget.configure(ME, requests_per_minute=300, burst=30, owner="connection")
    assert budget.state(ME).per_minute == 300
    budget.configure(ME, requests_per_minute=1000, burst=100, owner="another")
    budget.forget(ME, owner="connection")
    assert budget.state(ME).per_minute == 1000


async def test_an_assumed_plan_gives_way_to_the_platforms_word(budget: Budget) -> None:
    """Nobody wrote 60 down: a larger plan is learned, and its burst with it."""
    budget.configure(ME, requests_per_minute=60, burst=10, assumed=True)
    budget.observe(ME, {"X-RateLimit-Limit": "1000"})
    assert (budget.state(ME).per_minute, budget.state(ME).burst) == (1000, 100)


async def test_shards_divide_the_plan(time: Time) -> None:
    budget = Budget(clock=time.read, sleep=time.sleep, shards=4)
    budget.configure(ME, requests_per_minute=60, burst=10)
    assert (budget.state(ME).per_minute, budget.state(ME).burst) == (15, 2)


async def test_what_others_have_used_counts(budget: Budget, sender: Sender, time: Time) -> None:
    """Another process has the same credential, or this one was restarted: the platform's word is the smaller one."""
    budget.configure(ME, requests_per_minute=60, burst=60)
    budget.observe(ME, {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "2"})
    for number in range(9):
        sender.send(str(number), Priority.CANCEL_DELETE)
    await time.settle()
    assert len(sender.sent) == 2
    await time.advance(3.0)
    assert len(sender.sent) == 5, "what others used fades at the plan's pace"
    for task in sender.tasks:
        task.cancel()


# --- Who goes first ---


async def test_the_important_go_first(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=600, burst=50)
    sender.send("first", Priority.LOGS)
    await time.settle()
    budget.hold(ME, 1.0)
    for round_, priority in itertools.product("12", reversed(Priority)):
        sender.send(f"{priority.name}{round_}", priority)
    await time.advance(30.0)
    expected = [f"{priority.name}{round_}" for priority in Priority for round_ in "12"]
    assert sender.labels == ["first", *expected], "by priority, and within one by coming"


async def test_nothing_starves_behind_creates(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=60, burst=10)
    for number in range(300):
        sender.send(f"create{number}", Priority.CREATE)
    await time.advance(30.0)
    for priority in (Priority.LIST, Priority.GET, Priority.ANALYTICS, Priority.LOGS):
        sender.send(priority.name, priority)
    await time.advance(20.0)
    assert {"LIST", "GET", "ANALYTICS", "LOGS"} <= set(sender.labels)
    for task in sender.tasks:
        task.cancel()


async def test_what_takes_leavings_waits_for_all_others_however_long(
    budget: Budget, sender: Sender, time: Time
) -> None:
    """It has no patience to run out of, and leaves three tenths of a minute to whoever comes next."""
    budget.configure(ME, requests_per_minute=60, burst=10)
    for number in range(300):
        sender.send(f"create{number}", Priority.CREATE)
    sender.send("waits", Priority.SPARE)
    await time.advance(200.0)
    assert "waits" not in sender.labels
    for task in sender.tasks:
        task.cancel()
    await time.advance(120.0)
    for number in range(50):
        sender.send(f"spare{number}", Priority.SPARE)
    await time.advance(59.0)
    assert sum(label.startswith("spare") for label in sender.labels) == 42
    for task in sender.tasks:
        task.cancel()


async def test_lists_are_served_before_creates_up_to_what_is_kept(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=60, burst=10)
    budget.keep_for_lists(ME, 2)
    budget.hold(ME, 1.0)
    for kind in ("create", "list"):
        for number in range(3):
            sender.send(f"{kind}{number}", Priority[kind.upper()])
    await time.advance(1.0)
    assert sender.labels == ["list0", "list1", "create0", "create1", "create2", "list2"]


async def test_a_cancel_yields_to_nothing(budget: Budget, sender: Sender, time: Time) -> None:
    """Creates and lists in crowds leave room for it, and neither pace nor congestion holds it up."""
    budget.configure(ME, requests_per_minute=60, burst=10)
    budget.keep_for_lists(ME, 20)
    for number in range(200):
        sender.send(f"create{number}", Priority.CREATE)
        sender.send(f"list{number}", Priority.LIST)
    for number in range(3):
        await time.advance(47.0)
        sender.send(f"cancel{number}", Priority.CANCEL_DELETE)
        await time.advance(1.0)
        assert f"cancel{number}" in sender.labels
    for task in sender.tasks:
        task.cancel()


# --- A platform that is down, or slow ---


async def _fail(budget: Budget, priority: Priority = Priority.GET) -> None:
    with pytest.raises(OrchestrationError), await budget.acquire(ME, priority):
        raise OrchestrationError("The platform failed.", status=500)


async def test_a_platform_that_is_down_is_asked_by_one(budget: Budget, sender: Sender, time: Time) -> None:
    for _ in range(5):
        await _fail(budget)
    assert budget.state(ME).platform_down
    with pytest.raises(UnavailableError, match="failed") as caught:
        await budget.acquire(ME, Priority.CREATE)
    assert not caught.value.outcome_unknown, "it was not sent"
    await time.advance(1.0)
    with pytest.raises(UnavailableError):
        await budget.acquire(ME, Priority.CREATE)
    probe = await budget.acquire(ME, Priority.GET)
    with pytest.raises(UnavailableError):
        await budget.acquire(ME, Priority.CANCEL_DELETE)
    with probe:
        pass
    with await budget.acquire(ME, Priority.CREATE):
        pass
    assert not budget.state(ME).platform_down


async def test_the_pause_between_probes_grows(budget: Budget, time: Time) -> None:
    for _ in range(5):
        await _fail(budget)
    probes = 0
    for _ in range(100):
        await time.advance(1.0)
        with contextlib.suppress(UnavailableError), await budget.acquire(ME, Priority.GET):
            probes += 1
            raise OrchestrationError("The platform failed.", status=500)
    assert 8 <= probes <= 12, "1, 2, 4, 8, then every 16 s"


async def test_concurrency_shrinks_and_grows_back(budget: Budget) -> None:
    most = budget.state(ME).concurrency
    await _fail(budget)
    assert budget.state(ME).concurrency == most // 2
    for _ in range(3000):
        with await budget.acquire(ME, Priority.GET):
            pass
    assert budget.state(ME).concurrency == most


# --- What makes no sense ---


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-RateLimit-Limit": "0"},
        {"X-RateLimit-Limit": "1000000000"},
        {"X-RateLimit-Limit": "60", "Retry-After": "-5"},
        {"X-RateLimit-Limit": "60", "Retry-After": "86400"},
        {"X-RateLimit-Limit": "60", "Retry-After": "soon"},
        {
            "X-RateLimit-Limit": "60",
            "Retry-After": "Sat, 01 Mar 2025 12:00:00 GMT",
            "Date": "Sat, 01 Mar 2025 13:00:00 GMT",
        },
    ],
)
async def test_odd_figures_are_told_once_and_seen(
    budget: Budget, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    budget.configure(ME, requests_per_minute=60, burst=10)
    for _ in range(3):
        budget.observe(ME, headers)
    assert len(caplog.records) == 1
    state = budget.state(ME)
    assert len(state.notes) == 1
    assert state.per_minute == 60


def test_the_order_of_priorities() -> None:
    assert [priority.name for priority in sorted(Priority)] == [
        "CANCEL_DELETE",
        "CREATE",
        "LIST",
        "GET",
        "ANALYTICS",
        "LOGS",
        "SPARE",
    ]


async def test_reads_leave_room_for_writes(budget: Budget, sender: Sender, time: Time) -> None:
    """A cancel never waits for a minute that reads have used up."""
    budget.configure(ME, requests_per_minute=60, burst=100)
    for number in range(80):
        sender.send(str(number), Priority.GET)
    await time.settle()
    assert len(sender.sent) == 54, "a tenth is left"
    sender.send("cancel", Priority.CANCEL_DELETE)
    await time.settle()
    assert sender.labels[-1] == "cancel"
    for task in sender.tasks:
        task.cancel()


async def test_the_smallest_plan_serves_reads_too(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=1, burst=1)
    sender.send("a", Priority.LOGS)
    await time.settle()
    assert sender.labels == ["a"]


# --- What the platform says ---


async def test_retry_after_holds_everything(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=None, burst=None)
    sender.send("before", Priority.GET)
    await time.settle()
    budget.hold(ME, 7.0)
    sender.send("get", Priority.GET)
    sender.send("cancel", Priority.CANCEL_DELETE)
    sender.send("other", Priority.GET, credential="other")
    await time.advance(6.9)
    assert sender.labels == ["before", "other"]
    await time.advance(0.1)
    assert sender.labels == ["before", "other", "cancel", "get"]


async def test_a_shorter_hold_does_not_end_a_longer_one(budget: Budget, sender: Sender, time: Time) -> None:
    budget.hold(ME, 30.0)
    budget.hold(ME, 1.0)
    sender.send("a", Priority.CANCEL_DELETE)
    await time.advance(29.0)
    assert sender.sent == []
    await time.advance(1.0)
    assert sender.labels == ["a"]


async def test_a_long_hold_is_told_at_once(budget: Budget, sender: Sender, time: Time) -> None:
    """Whoever waited for hours could tell nobody why."""
    budget.hold(ME, 30.0)
    waiting = sender.send("a", Priority.GET)
    await time.settle()
    budget.hold(ME, 7200.0)
    await time.settle()
    with pytest.raises(RateLimitedError) as caught:
        await waiting
    assert caught.value.retry_after == 7200.0
    await time.advance(7100.0)
    with pytest.raises(RateLimitedError) as caught:
        await budget.acquire(ME, Priority.CANCEL_DELETE)
    assert caught.value.retry_after == 100.0
    assert not caught.value.outcome_unknown
    await time.advance(100.0)
    sender.send("b", Priority.GET)
    await time.settle()
    assert sender.labels == ["b"]


async def test_no_hold_is_longer_than_a_day(budget: Budget, time: Time) -> None:
    budget.hold(ME, math.inf)
    with pytest.raises(RateLimitedError) as caught:
        await budget.acquire(ME, Priority.GET)
    assert caught.value.retry_after == 86400.0


async def test_a_smaller_limit_than_configured_is_kept_to(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=60, burst=60)
    budget.observe(ME, {"X-RateLimit-Limit": "3"})
    for label in "abcde":
        sender.send(label, Priority.CREATE)
    await time.advance(59.0)
    assert sender.labels == ["a", "b", "c"]
    budget.observe(ME, {"X-RateLimit-Limit": "300"})
    await time.settle()
    assert sender.labels == ["a", "b", "c", "d", "e"], "what the platform takes back counts at once"


@pytest.mark.parametrize(("told", "sent"), [("300", 5), ("0", 5), ("-3", 5), ("lots", 5), ("", 5), ("4", 4)])
async def test_no_other_limit_changes_the_plan(
    budget: Budget, sender: Sender, time: Time, told: str, sent: int
) -> None:
    budget.configure(ME, requests_per_minute=5, burst=60)
    budget.observe(ME, {"X-RateLimit-Limit": told})
    for number in range(9):
        sender.send(str(number), Priority.CREATE)
    await time.settle()
    assert len(sender.sent) == sent
    for task in sender.tasks:
        task.cancel()


async def test_a_limit_is_learned_where_none_was_configured(budget: Budget, sender: Sender, time: Time) -> None:
    budget.observe(ME, {"X-RateLimit-Limit": "2"})
    for label in "abc":
        sender.send(label, Priority.CREATE)
    await time.settle()
    assert sender.labels == ["a", "b"]
    for task in sender.tasks:
        task.cancel()


# --- Interrupted ---


async def test_who_gives_up_waiting_costs_nothing(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=2, burst=2)
    sender.send("a", Priority.CREATE)
    sender.send("b", Priority.CREATE)
    await time.settle()
    gone = sender.send("gone", Priority.CANCEL_DELETE)
    sender.send("c", Priority.CREATE)
    await time.settle()
    gone.cancel()
    await time.advance(60.0)
    assert sender.labels == ["a", "b", "c"]


async def test_who_is_interrupted_as_his_turn_comes_gives_it_back(budget: Budget, sender: Sender, time: Time) -> None:
    budget.configure(ME, requests_per_minute=1, burst=1)
    budget.hold(ME, 5.0)
    task = asyncio.get_running_loop().create_task(budget.acquire(ME, Priority.CREATE))
    await time.settle()
    sender.send("a", Priority.CREATE)
    await time.settle()
    time.now += 5.0
    budget.observe(ME, {"X-RateLimit-Limit": "1"})  # looks who may go: its turn has come, and it has not run on yet
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await time.settle()
    assert sender.labels == ["a"]


async def test_a_request_that_is_never_answered_ends_with_its_permit(
    budget: Budget, sender: Sender, time: Time
) -> None:
    budget.configure(ME, requests_per_minute=1, burst=1)
    sender.send("a", Priority.CREATE, takes=1000.0)
    sender.send("b", Priority.CREATE)
    await time.advance(100.0)
    assert sender.labels == ["a"], "it is still under way, and may arrive at any time"
    sender.tasks[0].cancel()
    await time.advance(59.0)
    assert sender.labels == ["a"]
    await time.advance(1.0)
    assert sender.labels == ["a", "b"]


def test_an_answer_counts_once() -> None:
    answers: list[int] = []
    with Permit(lambda: answers.append(1), lambda _: None) as permit:
        permit.answered()
        permit.answered()
    assert answers == [1]


# --- The arithmetic alone ---


@pytest.mark.parametrize(
    ("per_minute", "burst"), [(60, 10), (300, 30), (1000, 100), (120, 20), (600, 100), (6000, 1000), (5, 1)]
)
def test_the_burst_of_a_plan(per_minute: int, burst: int) -> None:
    """The contract's three plans; between them a sixth of the minute's, and never none."""
    assert plan_burst(per_minute) == burst


def test_windows_say_how_long_to_wait() -> None:
    cancel = Priority.CANCEL_DELETE
    windows = Windows(Plan(per_minute=3, burst=2))
    assert windows.wait(0.0, cancel) == 0.0
    windows.begin(cancel)
    windows.begin(cancel)
    assert windows.wait(0.0, cancel) == math.inf, "nobody knows when an answer will come"
    windows.answered(0.25, cancel)
    windows.answered(0.5, cancel)
    assert windows.wait(0.5, cancel) == 0.75
    windows.begin(cancel)
    windows.answered(1.5, cancel)
    assert windows.wait(2.0, cancel) == 58.25
    assert windows.wait(60.25, cancel) == 0.0


def test_windows_wait_for_all_that_is_too_much() -> None:
    windows = Windows(Plan(per_minute=5))
    for at in (1.0, 2.0, 3.0):
        windows.begin(Priority.CREATE)
        windows.answered(at, Priority.CREATE)
    windows.plan = Plan(per_minute=2)
    assert windows.wait(4.0, Priority.CREATE) == 58.0, "two of the three must have left"


@pytest.mark.parametrize("plan", [Plan(), Plan(per_minute=6000), Plan(per_minute=6000, burst=100)])
def test_what_windows_remember_does_not_grow(plan: Plan) -> None:
    """An operator runs for months: whatever limit is absent, a request is forgotten when it counts no more."""
    windows, sizes = Windows(plan), []
    for number in range(3000):
        now = number * 0.125
        windows.wait(now, Priority.GET)
        windows.begin(Priority.GET)
        windows.answered(now, Priority.GET)
        sizes.append(len(pickle.dumps(windows)))
    assert max(sizes[-500:]) <= max(sizes[1000:1500])

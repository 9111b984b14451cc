"""What this process has seen of each SeedJob's remote job. Lost with the process, and nothing relies on it."""

from datetime import datetime

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.core import learning, sampling
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, Hold, Observed
from seedjob_operator.seedapi.wire import Analytics, Job

_NO_CONNECTION = Hold(reason=Reason.CONNECTION_NOT_READY, message="The connection was not looked at yet.")


class Observations:
    """One `Observed` for each object that lives: a namesake made later starts anew."""

    def __init__(self, *, currency: str, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._blank = Observed(connection=_NO_CONNECTION, currency=currency)
        self._known: dict[Key, tuple[str, Observed]] = {}

    def get(self, key: Key, *, uid: str) -> Observed:
        """Give what is known of an object."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] == uid else self._blank

    def put(self, key: Key, observed: Observed, *, uid: str) -> None:
        """Keep what was seen."""
        self._known[key] = (uid, observed)

    def forget(self, key: Key) -> None:
        """Drop what was known of an object that is gone."""
        self._known.pop(key, None)

    def forget_all(self) -> None:
        """Drop everything: another replica may have acted meanwhile."""
        self._known.clear()

    def remote(self, key: Key) -> object:
        """Give the remote job as it was last seen, or what stands for none."""
        known = self._known.get(key)
        return None if known is None else known[1].remote

    def listed(self, key: Key, job: Job) -> bool:
        """Take in a job that a list showed; True where that is news."""
        if key not in self._known:
            return False
        uid, before = self._known[key]
        if isinstance(before.remote, Job) and before.remote.status.terminal and before.remote.id == job.id:
            return False  # a page that was read before its end says nothing new
        if before.about not in {None, job.name}:
            return False  # an earlier attempt's, told by a round that began before the present one's
        after = learning.job_seen(before, job, now=None, listed_at=self._clock.now())
        self._known[key] = (uid, after)
        return _news(before.remote) != _news(after.remote)

    def read(self, key: Key, job: Job | None, *, now: datetime) -> bool:
        """Take in a job that was read by name, or the answer that there is none; True where that is news."""
        if key not in self._known:
            return False
        uid, before = self._known[key]
        after = learning.job_absent(before, now=now) if job is None else learning.job_seen(before, job, now=now)
        self._known[key] = (uid, after)
        return _news(before.remote) != _news(after.remote)

    def sample_due_since(self, key: Key, *, now: datetime) -> datetime | None:
        """Tell since when a job's analytics are due; None where they aren't."""
        known = self._known.get(key)
        return None if known is None else sampling.due_since(known[1], now)

    def sampled(self, key: Key, name: str, analytics: Analytics | None, *, now: datetime) -> bool:
        """Take in what a running job's analytics say, or that they weren't to be had; True where that is news."""
        uid, before = self._known.get(key, ("", self._blank))
        if not isinstance(before.remote, Job) or before.remote.name != name or before.remote.status.terminal:
            return False  # it ended meanwhile, or another attempt has begun
        after = learning.sampled(before, analytics, now=now)
        self._known[key] = (uid, after)
        return before.sample != after.sample

    def unlisted(self, key: Key) -> bool:
        """Take in that a whole round of lists didn't show a job; True where that is news."""
        if key not in self._known:
            return False
        uid, before = self._known[key]
        self._known[key] = (uid, learning.job_unlisted(before))
        return before.remote is not MISSING


def _news(remote: object) -> object:
    """What of a job is worth a look: its status and how far it is."""
    return (remote.id, remote.status, remote.progress) if isinstance(remote, Job) else remote

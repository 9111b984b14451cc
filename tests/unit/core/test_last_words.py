"""The sentence of a recorded end gets the job's own words where they come later, and none of its Secrets with them."""

from datetime import timedelta

from seedjob_operator.core import learning, naming
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import Decision, MaskTexts, ReadJob
from seedjob_operator.core.snapshot import Observed
from seedjob_operator.resources import Phase, SeedJobStatus
from seedjob_operator.seedapi.wire import Analytics, JobStatus
from unit.core import given
from unit.core.given import NOW, job, recorded
from unit.core.test_foreign_texts import SECRET, STAMP, WITH_SECRETS, all_of

SENT = given.intent(spec_hash=naming.spec_hash(WITH_SECRETS.job), secrets=STAMP)
LISTED = job(JobStatus.FAILED)
READ = job(JobStatus.FAILED, error=f"401 for {SECRET}")
TOLD = {str(READ.error): "401 for ***"}


def looked(status: SeedJobStatus, observed: Observed) -> Decision:
    return decide(given.desired(intent=SENT, status=status, spec=WITH_SECRETS), observed, NOW + timedelta(seconds=20))


def recorded_from_a_list() -> tuple[SeedJobStatus, Observed]:
    """Give the status of a failed job whose end only a list has shown, which leaves its error out."""
    seen = given.observed(remote=LISTED, end_listed=True, result_reads=1, result_read_at=NOW)
    before = recorded(Phase.RUNNING, of=SENT)
    ended = decide(given.desired(intent=SENT, status=before, spec=WITH_SECRETS), seen, NOW).status
    assert ended is not None
    assert ended.phase is Phase.FAILED
    return ended, seen


def read_by_name(seen: Observed) -> Observed:
    now = NOW + timedelta(seconds=20)
    read = learning.job_seen(seen, READ, now=now)
    return learning.result_read(read, analytics=Analytics(), log_tail=("1",), now=now)


def test_words_that_a_list_left_out_are_masked_and_told_once_the_job_is_read() -> None:
    """Where hundreds end at once they are listed; each is read by name after that."""
    ended, seen = recorded_from_a_list()
    assert isinstance(looked(ended, seen).step, ReadJob)
    found = read_by_name(seen)
    step = looked(ended, found).step
    assert isinstance(step, MaskTexts)
    assert step.texts == (READ.error,)
    told = all_of(looked(ended, learning.texts_masked(found, TOLD)))
    assert "401 for ***" in told
    assert SECRET not in told


def test_words_that_nobody_can_mask_are_asked_for_once() -> None:
    """A Secret that was changed since hides them for good: there is nothing to wait for."""
    ended, seen = recorded_from_a_list()
    found = learning.texts_masked(read_by_name(seen), dict.fromkeys(TOLD))
    decision = looked(ended, found)
    assert not isinstance(decision.step, MaskTexts)
    assert SECRET not in f"{decision}".replace(f"{READ}", "")


def test_words_that_were_just_not_to_be_masked_use_up_no_look() -> None:
    """Each look for late results has its time; a Secret that can't be read mustn't have all of them taken at once."""
    ended, seen = recorded_from_a_list()
    after = NOW + timedelta(seconds=2)
    found = learning.texts_unmasked(learning.job_seen(seen, READ, now=after), ("1/2",), now=NOW)
    decision = decide(given.desired(intent=SENT, status=ended, spec=WITH_SECRETS), found, after)
    assert decision.step is None
    assert decision.requeue_after is not None


def test_a_look_long_after_the_end_records_what_it_finds_but_for_the_words() -> None:
    """As after `seed.dev/reconcile-at` and a restart; words of then are nobody's to wait for any more."""
    ended, seen = recorded_from_a_list()
    whole = looked(ended, learning.texts_masked(read_by_name(seen), TOLD)).status
    assert whole is not None
    later = NOW + timedelta(minutes=30)
    kept = job(JobStatus.FAILED, error=READ.error, artifacts={"path": "/o", "size_bytes": 5, "file_count": 1})
    found = learning.job_seen(given.observed(), kept, now=later)
    decision = decide(given.desired(intent=SENT, status=whole, spec=WITH_SECRETS), found, later)
    assert decision.step is None
    assert decision.status is not None
    assert decision.status.artifacts is not None
    assert SECRET not in decision.status.model_dump_json()


def test_an_end_is_recorded_without_waiting_for_its_words() -> None:
    ended, _ = recorded_from_a_list()
    assert "exit code" in ended.model_dump_json()

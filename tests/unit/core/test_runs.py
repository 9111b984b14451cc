"""Runs and their attempts: what is kept of each, what the next one is told, and what ends or follows a run."""

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from seedjob_operator.core import binding, earlier, learning, naming
from seedjob_operator.core.case import Case
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import (
    BeginAttempt,
    CancelJob,
    CreateJob,
    DeleteJob,
    DeleteObject,
    NoteGone,
    ReadEnvironment,
    ReadJob,
    ReleaseFinalizer,
    WriteIntent,
)
from seedjob_operator.core.environment import Environment, Sources, build
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, UNREAD, Connection, Desired, Hold, Sent
from seedjob_operator.resources import Artifacts, ConditionType, Cost, Phase, SeedJobStatus
from seedjob_operator.seedapi.wire import JobStatus
from unit.core import given
from unit.core.given import CHANGED, CHOSEN, GENERATED, NOW, OWN, SECOND, job, observed, recorded, spec

SECOND_INTENT = given.intent(attempt=2, run_id="2", job_name=SECOND)
ENDED = recorded(
    Phase.FAILED,
    start_time=NOW - timedelta(hours=1),
    completion_time=NOW - timedelta(minutes=20),
    runtime_seconds=2400,
    cost=Cost(per_hour=Decimal("3.60"), total=Decimal("2.40"), currency="USD"),
    exit_code=3,
    artifacts=Artifacts(path="/outputs"),
    log_tail=("no",),
)
READ = {"environment_read": True, "fresh": True}


def rerun(status: SeedJobStatus = ENDED, **fields: Any) -> Desired:
    return given.desired(intent=OWN, status=status, generation=2, spec=spec(**({"runId": "2"} | fields)))


def prepared(**fields: Any) -> SeedJobStatus:
    """Give the status once the first attempt made room for the second."""
    made = decide(rerun(**fields), observed(), NOW)
    assert isinstance(made.step, BeginAttempt)
    assert made.status is not None
    return made.status


def attention(status: SeedJobStatus | None) -> str | None:
    found = given.condition(status, ConditionType.ATTENTION) if status is not None else None
    return found.reason if found is not None and found.status == "True" else None


class TestMakingRoom:
    def test_the_old_attempt_stands_in_the_records_with_all_that_it_ended_with(self) -> None:
        (record,) = prepared().attempts
        assert (record.attempt, record.run_id, record.job_name, record.job_id) == (1, "1", GENERATED, given.JOB_ID)
        assert (record.phase, record.reason, record.exit_code) == (Phase.FAILED, "Failed", 3)
        assert (record.start_time, record.completion_time) == (ENDED.start_time, ENDED.completion_time)
        assert (record.runtime_seconds, record.cost) == (2400, ENDED.cost)

    def test_what_belongs_to_one_attempt_is_cleared(self) -> None:
        status = prepared()
        cleared = (
            "job_id",
            "job_name",
            "run_id",
            "cost",
            "cost_text",
            "exit_code",
            "log_tail",
            "artifacts",
            "start_time",
        )
        assert [getattr(status, name) for name in cleared] == [None] * len(cleared)
        assert status.phase is Phase.PENDING
        for kind in (ConditionType.COMPLETE, ConditionType.FAILED, ConditionType.SUBMITTED):
            found = given.condition(status, kind)
            assert found is not None
            assert found.status == "False"

    def test_an_attempt_without_artifacts_hides_no_earlier_ones(self) -> None:
        """A rerun goes on from the last checkpoint that there is."""
        second = prepared().model_copy(update={"job_name": SECOND, "attempt": 2, "run_id": "2", "phase": Phase.FAILED})
        assert prepared(status=second, runId="3").previous_artifacts == "/outputs"

    def test_an_attempt_that_was_held_was_cancelled(self) -> None:
        held = recorded(Phase.SUSPENDED)
        decision = decide(given.desired(intent=OWN, status=held), observed(), NOW)
        assert decision.status is not None
        (record,) = decision.status.attempts
        assert (record.phase, record.reason) == (Phase.CANCELLED, "Suspended")

    def test_ten_records_are_kept_newest_first(self) -> None:
        status = ENDED
        for attempt in range(1, 14):
            status = prepared(status=status).model_copy(
                update={"job_name": f"j-{attempt}", "run_id": "1", "attempt": attempt, "phase": Phase.FAILED}
            )
        assert [record.attempt for record in status.attempts] == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]

    def test_older_jobs_under_a_chosen_name_are_remembered_until_they_are_told_of(self) -> None:
        """A generated name proves whose job it is, a chosen one doesn't: the id is what finds it again."""
        status, told = recorded(Phase.FAILED, of=given.CHOSEN_INTENT), list[str]()
        for attempt in range(1, 33):
            decision = decide(rerun(status, jobName=CHOSEN), observed(about=""), NOW)
            assert decision.status is not None
            told += [event.message for event in decision.events if event.reason is Reason.RECORD_KEPT]
            status = decision.status.model_copy(
                update={
                    "job_name": naming.chosen_name(CHOSEN, attempt=attempt + 1),
                    "job_id": f"job_{attempt + 1}",
                    "run_id": "1",
                    "attempt": attempt + 1,
                    "phase": Phase.FAILED,
                }
            )
        assert [old.attempt for old in status.older_jobs] == list(range(22, 2, -1))
        assert [CHOSEN, f"{CHOSEN}-2"] == [name for message in told for name in message.split() if CHOSEN in name]
        wanted = dataclasses.replace(rerun(status, jobName=CHOSEN), deleting=True, finalizer=True)
        names = [target.name for target in earlier.targets(Case(wanted, observed(), NOW))]
        assert names == [f"{CHOSEN}-{attempt}" for attempt in range(32, 2, -1)]

    def test_the_next_attempt_has_its_own_number_and_name(self) -> None:
        decision = decide(rerun(prepared()), observed(environment_read=True, about=""), NOW)
        assert isinstance(decision.step, WriteIntent)
        intent = decision.step.intent
        assert (intent.attempt, intent.run_id, intent.job_name) == (2, "2", SECOND)

    def test_it_is_told_its_number_and_where_the_last_artifacts_are(self) -> None:
        decision = decide(rerun(prepared()), observed(about=""), NOW)
        assert decision.step == ReadEnvironment(attempt=2, previous_artifacts="/outputs")
        built = build(given.SPEC.job, Sources(), attempt=2, previous_artifacts="/outputs")
        assert isinstance(built, Environment)
        assert built.values == {"SEED_ATTEMPT": "2", "SEED_PREVIOUS_ARTIFACTS": "/outputs"}

    def test_what_was_seen_of_the_last_attempt_is_forgotten_also_after_a_lost_answer(self) -> None:
        """The write that made room may have been carried out though its answer got lost."""
        seen = observed(about=GENERATED, sent=Sent.CREATED, remote=job(JobStatus.FAILED), cancels=1)
        decision = decide(rerun(prepared()), seen, NOW)
        assert decision.step == BeginAttempt()
        anew = learning.attempt_begun(seen)
        assert (anew.sent, anew.remote, anew.cancels, anew.about) == (Sent.UNKNOWN, UNREAD, 0, "")

    def test_a_chosen_name_is_numbered_and_must_be_free_again(self) -> None:
        status = recorded(Phase.SUCCEEDED, of=given.CHOSEN_INTENT)
        wanted = dataclasses.replace(rerun(status, jobName=CHOSEN), intent=given.CHOSEN_INTENT)
        made = decide(wanted, observed(), NOW)
        assert made.status is not None
        wanted = dataclasses.replace(wanted, status=made.status)
        assert decide(wanted, observed(environment_read=True), NOW).step == ReadJob(name=f"{CHOSEN}-2")

    def test_an_attempt_that_is_cancelled_for_the_next_makes_room_in_the_write_of_its_end(self) -> None:
        """No tool may see a settled state between the two."""
        stored = dataclasses.replace(OWN, cancel_reason="RunIdChanged")
        status = recorded(Phase.CANCELLING, reason=Reason.RUN_ID_CHANGED)
        wanted = dataclasses.replace(rerun(status), intent=stored)
        decision = decide(wanted, observed(remote=job(JobStatus.CANCELLED), result_reads=1, result_read_at=NOW), NOW)
        assert isinstance(decision.step, BeginAttempt)
        assert decision.status is not None
        assert (decision.status.attempts[0].phase, decision.status.attempts[0].reason) == ("Cancelled", "RunIdChanged")

    def test_where_the_platform_ended_it_first_its_result_stands(self) -> None:
        stored = dataclasses.replace(OWN, cancel_reason="CancelledByUser")
        wanted = given.desired(intent=stored, status=recorded(Phase.RUNNING), spec=spec(cancel=True))
        decision = decide(wanted, observed(remote=job(JobStatus.SUCCEEDED), result_reads=1, result_read_at=NOW), NOW)
        assert decision.status is not None
        assert decision.status.phase is Phase.SUCCEEDED


class TestRuns:
    def test_a_run_that_is_over_is_not_run_again(self) -> None:
        """A git revert brings an old runId back: it starts nothing, it ends nothing, and is told of."""
        past = (naming.run_hash("0"),)
        for status, seen in (
            (ENDED.model_copy(update={"past_runs": past}), {}),
            (recorded(Phase.RUNNING, past_runs=past), {"remote": job()}),
        ):
            decision = decide(rerun(status, runId="0", job=CHANGED["job"]), observed(**seen), NOW)
            assert decision.step is None
            assert attention(decision.status) == "RunIdAlreadyRan"
            assert decision.status is not None
            assert decision.status.phase is status.phase

    def test_a_run_that_goes_on_after_it_was_held_is_no_past_one(self) -> None:
        resumed = decide(given.desired(intent=OWN, status=recorded(Phase.SUSPENDED)), observed(), NOW).status
        assert resumed is not None
        assert naming.run_hash("1") in resumed.past_runs
        step = decide(given.desired(intent=OWN, status=resumed), observed(about="", environment_read=True), NOW).step
        assert isinstance(step, WriteIntent)
        assert (step.intent.attempt, step.intent.run_id) == (2, "1")

    def test_the_last_two_hundred_are_remembered(self) -> None:
        past = tuple(naming.run_hash(str(run)) for run in range(300, 100, -1))
        kept = prepared(status=ENDED.model_copy(update={"run_id": "301", "past_runs": past}), runId="302").past_runs
        assert kept == (naming.run_hash("301"), *past[:199])

    def test_also_where_nothing_is_in_force(self) -> None:
        wanted = dataclasses.replace(rerun(prepared()), spec=spec())
        decision = decide(wanted, observed(environment_read=True, about=""), NOW)
        assert decision.step is None
        assert attention(decision.status) == "RunIdAlreadyRan"

    def test_cancel_ends_the_run_that_the_spec_names_for_good(self) -> None:
        wanted = rerun(prepared(), cancel=True)
        decision = decide(wanted, observed(about=""), NOW)
        assert decision.status is not None
        assert (decision.status.phase, decision.status.run_id) == (Phase.CANCELLED, "2")
        revived = dataclasses.replace(wanted, status=decision.status, spec=spec(runId="2"))
        assert decide(revived, observed(about=""), NOW).step is None
        third = decide(dataclasses.replace(revived, spec=spec(runId="3")), observed(about=""), NOW)
        assert third.status is not None
        assert [record.attempt for record in third.status.attempts] == [1], "what never had a job is no attempt"

    def test_a_replacement_that_was_taken_back_runs_what_is_asked_for(self) -> None:
        status = recorded(Phase.CANCELLED, reason=Reason.REPLACED)
        decision = decide(given.desired(intent=OWN, status=status, spec=spec(updatePolicy="Replace")), observed(), NOW)
        assert isinstance(decision.step, BeginAttempt)

    def test_the_reason_is_stored_before_the_cancel_is_sent(self) -> None:
        wanted = given.desired(intent=OWN, status=recorded(Phase.RUNNING), spec=spec(suspend=True))
        first = decide(wanted, observed(remote=job()), NOW)
        assert isinstance(first.step, WriteIntent)
        assert first.step.intent == dataclasses.replace(OWN, cancel_reason="Suspended")
        second = decide(dataclasses.replace(wanted, intent=first.step.intent), observed(remote=job()), NOW)
        assert isinstance(second.step, CancelJob)
        assert second.status is not None
        assert (second.status.phase, second.status.cancel_reason) == (Phase.CANCELLING, "Suspended")

    def test_a_stored_cancel_is_carried_out_whatever_is_asked_since(self) -> None:
        stored = dataclasses.replace(OWN, cancel_reason="Suspended")
        wanted = given.desired(intent=stored, status=recorded(Phase.CANCELLING, reason=Reason.SUSPENDED))
        assert isinstance(decide(wanted, observed(remote=job()), NOW).step, CancelJob)

    @pytest.mark.parametrize("verb", ["cancel", "suspend"])
    def test_an_open_create_is_settled_before_the_run_is_said_to_be_over(self, verb: str) -> None:
        wanted = given.desired(intent=OWN, spec=spec(**{verb: True}))
        (posted_at,) = given.absences(600)
        seen = {"remote": MISSING, "fresh": True, "sent": Sent.UNANSWERED, "posted_at": posted_at}
        early = decide(wanted, observed(**seen, absences=given.absences(0)), NOW)
        assert early.step is None
        assert early.status is not None
        assert early.status.phase is Phase.PENDING
        late = decide(wanted, observed(**seen, absences=given.absences(180, 90, 0)), NOW)
        assert late.status is not None
        assert late.status.phase in {Phase.CANCELLED, Phase.SUSPENDED}
        another = decide(wanted, observed(**seen | {"posted_at": None}, absences=given.absences(180, 90, 0)), NOW)
        assert another.status is not None
        assert another.status.phase is Phase.PENDING, (
            "a process that is gone may have sent it just before the first look"
        )


class TestMoney:
    def limited(self, amount: str, *, status: SeedJobStatus | None = None, **seen: Any) -> Any:
        wanted = given.desired(intent=OWN, status=status or recorded(Phase.RUNNING), spec=spec(costLimit=amount))
        return decide(wanted, observed(**seen), NOW)

    def test_a_running_job_is_looked_at_when_it_may_reach_the_limit(self) -> None:
        """100 s at 3.60 an hour cost 0.10, and 0.50 after 400 s more."""
        assert self.limited("0.50", remote=job(), seen_at=NOW).requeue_after == 401

    def test_what_passes_without_an_answer_costs_too(self) -> None:
        decision = self.limited("0.50", remote=job(), seen_at=NOW - timedelta(seconds=401))
        assert decision.step.intent.cancel_reason == "CostLimitExceeded"

    def test_also_after_a_restart_that_saw_nothing_yet(self) -> None:
        cost = Cost(per_hour=Decimal("3.60"), total=Decimal("0.10"), currency="USD")
        status = recorded(Phase.RUNNING, cost=cost, last_sync_time=NOW - timedelta(seconds=401))
        assert self.limited("0.50", status=status).step == ReadJob(name=GENERATED, urgent=True)

    def test_what_waits_in_the_queue_costs_nothing_meanwhile(self) -> None:
        queued = job(JobStatus.QUEUED, total_cost="0.10")
        assert self.limited("0.50", remote=queued, seen_at=NOW - timedelta(hours=9)).step is None

    def test_nothing_is_said_before_the_platform_names_a_price(self) -> None:
        decision = self.limited("0.01", remote=job(cost_per_hour=None), seen_at=NOW - timedelta(hours=9))
        assert decision.step is None

    def test_what_costs_just_the_limit_runs_on(self) -> None:
        assert self.limited("0.10", remote=job()).step is None
        assert self.limited("0.09", remote=job()).step.intent.cancel_reason == "CostLimitExceeded"

    def test_earlier_attempts_of_the_run_count(self) -> None:
        status = recorded(Phase.RUNNING, earlier_cost=Decimal("0.45"))
        assert self.limited("0.50", status=status, remote=job()).step.intent.cancel_reason == "CostLimitExceeded"

    def test_what_a_run_cost_goes_along_while_it_goes_on(self) -> None:
        held = ENDED.model_copy(update={"phase": Phase.SUSPENDED, "earlier_cost": Decimal("1.00")})
        same = decide(given.desired(intent=OWN, status=held), observed(), NOW).status
        other = decide(rerun(held), observed(), NOW).status
        assert same is not None
        assert other is not None
        assert (same.earlier_cost, same.run_id) == (Decimal("3.40"), "1")
        assert other.earlier_cost is None

    def test_a_new_run_before_the_next_attempt_begins_with_nothing_spent(self) -> None:
        held = ENDED.model_copy(update={"phase": Phase.SUSPENDED, "earlier_cost": Decimal(9)})
        resumed = decide(given.desired(intent=OWN, status=held), observed(), NOW).status
        assert resumed is not None
        wanted = given.desired(intent=OWN, status=resumed, spec=spec(runId="2", costLimit="5"))
        assert isinstance(decide(wanted, observed(about=""), NOW).step, ReadEnvironment)

    def test_a_run_that_is_spent_is_not_resumed(self) -> None:
        held = recorded(Phase.SUSPENDED, earlier_cost=Decimal(9))
        decision = decide(given.desired(intent=OWN, status=held, spec=spec(costLimit="5")), observed(), NOW)
        assert decision.status is not None
        found = given.condition(decision.status, ConditionType.FAILED)
        assert found is not None
        assert found.reason == "CostLimitExceeded"


class TestExpiry:
    def ended(self, *, tracked: bool = False, deleting: bool = False, **fields: Any) -> Desired:
        return given.desired(
            intent=OWN, status=recorded(Phase.SUCCEEDED), spec=spec(**fields), tracked=tracked, deleting=deleting
        )

    def test_an_object_goes_when_its_time_is_over(self) -> None:
        """It ended 20 minutes ago."""
        assert decide(self.ended(ttlSecondsAfterFinished=1200), observed(), NOW).step == DeleteObject()
        assert decide(self.ended(ttlSecondsAfterFinished=1260), observed(), NOW).requeue_after == 60

    def test_its_time_runs_from_when_we_recorded_the_end(self) -> None:
        """By our clock: what the platform says of when the job ended may be hours away."""
        wanted = self.ended(ttlSecondsAfterFinished=1260, remoteTTLSecondsAfterFinished=1300)
        told = wanted.status.model_copy(update={"completion_time": NOW - timedelta(hours=9)})
        assert decide(dataclasses.replace(wanted, status=told), observed(), NOW).requeue_after == 60

    def test_what_a_gitops_tool_tracks_stays_and_says_why(self) -> None:
        decision = decide(self.ended(ttlSecondsAfterFinished=0, tracked=True), observed(), NOW)
        assert decision.step is None
        assert attention(decision.status) == "TTLNotCarriedOut"

    def test_a_record_is_looked_at_before_it_is_removed(self) -> None:
        """Its name may be another job's by now."""
        wanted = self.ended(remoteTTLSecondsAfterFinished=0)
        assert decide(wanted, observed(), NOW).step == ReadJob(name=GENERATED)
        ours = observed(remote=job(JobStatus.SUCCEEDED), fresh=True)
        assert decide(wanted, ours, NOW).step == DeleteJob(name=GENERATED, delete_artifacts=False)
        other = decide(wanted, observed(remote=job(id=given.OTHER_ID), fresh=True), NOW)
        assert other.step is None

    def test_a_record_is_removed_once_the_platform_is_back(self) -> None:
        """Nothing polls for a job that has ended."""
        away = decide(self.ended(remoteTTLSecondsAfterFinished=0), observed(connection=given.DOWN), NOW)
        assert (away.step, away.requeue_after) == (None, 60)

    def test_a_removed_record_is_told_of_and_the_result_stays(self) -> None:
        wanted = self.ended(remoteTTLSecondsAfterFinished=0)
        decision = decide(wanted, observed(remote=MISSING, delete_answered=True), NOW)
        assert decision.status is not None
        found = given.condition(decision.status, ConditionType.REMOTE_DELETED)
        assert found is not None
        assert (found.reason, decision.status.phase) == ("RecordExpired", Phase.SUCCEEDED)
        again = decide(dataclasses.replace(wanted, status=decision.status), observed(), NOW)
        assert (again.step, again.status) == (None, None)

    def test_a_record_that_the_platform_keeps_is_told_of_once(self) -> None:
        decision = decide(self.ended(remoteTTLSecondsAfterFinished=0), observed(delete_refused=True), NOW)
        assert decision.step is None
        assert attention(decision.status) == "TTLNotCarriedOut"


class TestAdoption:
    WANTED = given.desired(spec=spec(jobName=CHOSEN, adoptionPolicy="IfMatching"))

    def test_a_matching_job_is_taken_over_and_recorded_as_adopted(self) -> None:
        there = job(JobStatus.SUCCEEDED, name=CHOSEN, id=given.OTHER_ID)
        step = decide(self.WANTED, observed(**READ, remote=there), NOW).step
        assert isinstance(step, WriteIntent)
        assert step.intent.adopted_id == given.OTHER_ID
        adopted = dataclasses.replace(self.WANTED, intent=step.intent, finalizer=True)
        seen = observed(fresh=True, remote=there, sent=Sent.NOTHING, result_reads=1, result_read_at=NOW)
        decision = decide(adopted, seen, NOW)
        assert decision.status is not None
        assert (decision.status.phase, decision.status.job_id) == (Phase.SUCCEEDED, given.OTHER_ID)
        assert decision.events[0].reason == "Adopted"

    @pytest.mark.parametrize(
        ("fields", "seen", "why"),
        [
            ({"gpu": "T4"}, {}, "it differs in what the user set"),
            ({}, {"rivals": frozenset({given.OTHER_ID})}, "another SeedJob here has recorded it"),
            ({}, {"claimed": frozenset({CHOSEN})}, "another SeedJob here is about to record it"),
            ({"command": None}, {}, "it was seen in a list only, which shows nothing to compare"),
        ],
    )
    def test_a_job_is_not_taken_over_where(self, fields: dict[str, Any], seen: dict[str, Any], why: str) -> None:
        there = job(name=CHOSEN, **({"id": given.OTHER_ID} | fields))
        decision = decide(self.WANTED, observed(**READ, remote=there, **seen), NOW)
        assert decision.step is None, why
        assert decision.status is not None
        ready = given.condition(decision.status, ConditionType.READY)
        assert ready is not None
        assert ready.reason == "NameTaken"

    def test_a_restored_backup_makes_the_intent_its_own(self) -> None:
        """With its own UID, and with the one that proves whose name the job has."""
        decision = decide(given.desired(intent=given.RESTORED), observed(remote=job(name=given.INHERITED)), NOW)
        own = dataclasses.replace(given.RESTORED, uid=given.UID, origin_uid=given.FOREIGN_UID)
        assert decision.step == WriteIntent(intent=own)

    def test_a_restored_backup_under_a_chosen_name_is_never_submitted_again(self) -> None:
        restored = given.intent(uid=given.FOREIGN_UID, job_name=CHOSEN)
        wanted = given.desired(intent=restored, spec=spec(jobName=CHOSEN))
        foreign = decide(wanted, observed(fresh=True, remote=job(name=CHOSEN)), NOW)
        assert foreign.step is None
        gone = observed(**READ, remote=MISSING, absences=given.absences(180, 90, 0))
        assert not isinstance(decide(wanted, gone, NOW).step, CreateJob)


class TestDeletion:
    def deleted(self, **fields: Any) -> Desired:
        status = prepared(**fields)
        return dataclasses.replace(rerun(status, **fields), deleting=True, intent=OWN)

    def test_every_attempt_that_left_a_record_is_removed(self) -> None:
        wanted = self.deleted(deleteArtifacts=True)
        seen = observed(about="")
        steps = []
        for _ in range(9):
            step = decide(wanted, seen, NOW).step
            steps.append(type(step))
            match step:
                case ReadJob():
                    there = DeleteJob not in steps
                    seen = (
                        learning.job_seen(seen, job(JobStatus.FAILED), now=NOW)
                        if there
                        else learning.job_absent(seen, now=NOW)
                    )
                case DeleteJob():
                    assert step == DeleteJob(name=GENERATED, delete_artifacts=True)
                    seen = learning.record_deleted(seen)
                case _:
                    break
        assert steps == [ReadJob, DeleteJob, ReadJob, ReleaseFinalizer]

    def test_the_attempt_in_force_goes_first_and_then_the_earlier_ones(self) -> None:
        both = prepared().model_copy(update={"job_id": "job_2", "job_name": SECOND, "attempt": 2, "run_id": "2"})
        wanted = dataclasses.replace(rerun(both), intent=SECOND_INTENT, deleting=True, finalizer=True)
        gone = observed(remote=MISSING, delete_answered=True, fresh=True, about=SECOND)
        assert decide(wanted, gone, NOW).step == NoteGone(name=SECOND)
        assert decide(wanted, learning.noted_gone(gone, SECOND), NOW).step == ReadJob(name=GENERATED, urgent=True)
        all_gone = learning.noted_gone(learning.noted_gone(gone, SECOND), GENERATED)
        assert decide(wanted, all_gone, NOW).step == ReleaseFinalizer()

    def test_what_was_seen_of_the_attempt_in_force_says_nothing_of_an_earlier_one(self) -> None:
        seen = observed(remote=MISSING, fresh=True, about=SECOND, sent=Sent.REJECTED)
        wanted = dataclasses.replace(self.deleted(), intent=SECOND_INTENT)
        assert decide(wanted, seen, NOW).step == BeginAttempt()

    def test_attempts_too_old_for_the_records_are_found_by_their_numbers(self) -> None:
        third = given.intent(attempt=3, job_name=GENERATED[:-1] + "3")
        wanted = given.desired(intent=third, deleting=True)
        left = learning.noted_gone(observed(), third.job_name)
        assert decide(wanted, left, NOW).step == ReadJob(name=SECOND, urgent=True)

    def test_those_of_a_predecessor_have_its_names(self) -> None:
        """A restored backup took its job over, and the earlier ones with it."""
        second, first = (
            naming.generated_name(namespace=given.NAMESPACE, name=given.NAME, uid=given.FOREIGN_UID, attempt=attempt)
            for attempt in (2, 1)
        )
        wanted = given.desired(
            intent=given.intent(attempt=2, job_name=second, origin_uid=given.FOREIGN_UID), deleting=True
        )
        left = learning.noted_gone(observed(), second)
        assert decide(wanted, left, NOW).step == ReadJob(name=first, urgent=True)

    def test_letting_go_names_them_all(self) -> None:
        wanted = dataclasses.replace(self.deleted(deletionPolicy="Orphan"), finalizer=True)
        decision = decide(wanted, observed(about=""), NOW)
        assert [GENERATED in event.message for event in decision.events] == [True]

    def test_each_attempt_is_cleaned_up_over_its_own_connection(self) -> None:
        status = prepared()
        record = status.attempts[0].model_copy(update={"connection": "old"})
        wanted = dataclasses.replace(self.deleted(), status=status.model_copy(update={"attempts": (record,)}))
        assert binding.connection_name(Case(wanted, observed(about=""), NOW)) == "old"
        assert decide(wanted, observed(about=""), NOW).requeue_after == 1


def test_a_wish_to_look_now_is_one_read_by_name() -> None:
    wanted = given.desired(intent=OWN, status=recorded(Phase.RUNNING))
    first = learning.pass_begun(observed(remote=job()), given.CONNECTION, reconcile_at="a")
    asked = learning.pass_begun(first, given.CONNECTION, reconcile_at="b")
    assert (first.look_now, decide(wanted, asked, NOW).step) == (False, ReadJob(name=GENERATED))
    assert learning.job_seen(asked, job(), now=NOW).look_now is False


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.SUCCEEDED])
@pytest.mark.parametrize("connection", [given.DOWN, given.REFUSED, given.NO_SECRET, given.ELSEWHERE])
def test_a_wish_waits_while_the_platform_cannot_be_asked(phase: Phase, connection: Connection | Hold) -> None:
    """A read that fails leaves the wish as it was: it would be asked again in each pass, without an end."""
    wanted = given.desired(intent=OWN, status=recorded(phase))
    asked = observed(remote=job(), look_now=True, connection=connection)
    assert decide(wanted, asked, NOW).step is None

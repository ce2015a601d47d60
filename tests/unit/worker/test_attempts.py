"""Attempts that started: counted in a record, since SQS's receive count goes up without a start as well."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from tests.promises.hostile.modules import Modules
from tests.support import body_of
from tests.unit.worker.conftest import ATTEMPTS, Bench, note

from shared.lease import KEPT_SECONDS
from worker.host import SoftDeadline
from worker.outcome import LOADS, wait_seconds
from worker.result import Report
from worker.starts import MAX_STARTS
from zigzag import BadPayloadError, task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import Crash


def worked_until_it_is_gone(bench: Bench, *, every: float = 3600) -> list[str]:
    """Works until the queue is empty, with so many seconds between. Returns the outcomes."""
    outcomes = []
    while len(bench.queue):
        outcomes += bench.outcomes(bench.receive())
        bench.pass_time(every)
    return outcomes


def crashed(bench: Bench, body: str, *, times: int) -> None:
    """Lets a message kill its process so often, and be visible again."""
    bench.send(body)
    for _ in range(times):
        bench.crash(*bench.receive())
        bench.pass_time(120)


def test_a_first_delivery_that_succeeds_needs_no_record(bench: Bench) -> None:
    bench.work(bench.delivered(body_of("plain")))

    assert bench.records.calls == []


@pytest.mark.parametrize(
    "body", [body_of("plain", {"rejects": True}), "no JSON"], ids=["rejected", "no JSON"]
)
def test_a_message_that_is_given_up_at_once_needs_no_record(bench: Bench, body: str) -> None:
    assert bench.outcomes([bench.delivered(body)]) == ["dead-letter"]
    assert bench.records.calls == []


@pytest.mark.parametrize("name", ["plain", "plane"], ids=["it fails", "nobody knows it"])
def test_a_receive_that_started_nothing_uses_no_attempt(bench: Bench, name: str) -> None:
    # Given a message that was received nine times, and never came to a worker
    delivery = bench.delivered_often(10, body_of(name, {"raises": True}))

    (report,) = bench.work(delivery)

    assert (report.outcome, report.attempt) == ("retry later", 1)


def test_a_task_that_kills_its_process_is_given_up_before_it_starts_again(bench: Bench) -> None:
    crashed(bench, body_of("plain", {"crashes": True}), times=1 + ATTEMPTS)  # the first is not counted

    assert bench.outcomes(bench.receive()) == ["dead-letter"]
    assert len(bench.began) == ATTEMPTS + 1
    says = f"started {ATTEMPTS} times, and the end of the last is not recorded"
    assert (note(bench)["reason"].startswith(says), note(bench)["attempts"]) == (True, ATTEMPTS)


def test_the_last_attempt_is_the_last_that_started(bench: Bench) -> None:
    bench.send(body_of("plain", {"raises": True}))
    outcomes = []
    while len(bench.queue):
        outcomes += bench.outcomes(bench.receive())
        bench.pass_time(3600)
        if len(bench.queue):
            bench.receive()  # one that starts nothing
            bench.pass_time(120)

    assert outcomes == ["retry later"] * (ATTEMPTS - 1) + ["dead-letter"]
    assert len(bench.began) == ATTEMPTS


@pytest.mark.parametrize("name", ["plain", "once"])
@pytest.mark.parametrize("last", ["it fails", "its payload does not fit any more"])
def test_a_dead_letter_that_is_redriven_has_all_its_attempts_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, last: str
) -> None:
    # Given a dead letter after its attempts
    bench.send(body_of(name, {"raises": True}))
    for attempt in range(ATTEMPTS):
        with monkeypatch.context() as deploy:
            if attempt == ATTEMPTS - 1 and last != "it fails":
                deploy.setattr(bench.table[name], "parse", refuse)
            bench.work(*bench.receive())
        bench.pass_time(3600)
    (letter,) = bench.dead_letters.messages
    bench.began.clear()

    # When it is redriven, and fails again
    bench.run(bench.queue.send(letter))
    worked_until_it_is_gone(bench)

    assert len(bench.began) == ATTEMPTS


def refuse(payload: object) -> None:
    raise BadPayloadError("a deploy brought another model")


def test_a_letter_whose_message_could_not_be_deleted_is_not_run_or_moved_again(bench: Bench) -> None:
    # Given a message that became a dead letter after its last attempt, and is still on the queue
    bench.send(body_of("plain", {"raises": True}))
    bench.queue.refusing = {"delete"}
    for _ in range(ATTEMPTS):
        bench.work(*bench.receive())
        bench.pass_time(3600)
    bench.queue.refusing = set()

    # When it comes again
    bench.work(*bench.receive())

    assert len(bench.began) == ATTEMPTS
    assert (len(bench.queue), len(bench.dead_letters)) == (0, 1)


def test_two_messages_with_one_id_are_counted_apart(bench: Bench) -> None:
    for _ in range(2):
        bench.work(bench.delivered(body_of("plain", {"raises": True}, id="the same")))

    assert [record.starts for record in bench.records.records.values()] == [1, 1]


@pytest.mark.parametrize(
    ("broken", "outcome", "starts"),
    [
        pytest.param(set(), "already done", 1, id="it is recorded"),
        pytest.param({"conclude"}, "succeeded", 2, id="it could not be recorded"),
    ],
)
def test_a_success_that_could_not_be_deleted_is_not_run_again_if_that_is_recorded(
    bench: Bench, broken: set[str], outcome: str, starts: int
) -> None:
    bench.send(body_of("plain"))
    bench.queue.refusing, bench.records.broken = {"delete"}, broken
    bench.work(*bench.receive())
    bench.queue.refusing, bench.records.broken = set(), set()
    bench.pass_time(120)

    assert (bench.outcomes(bench.receive()), len(bench.began)) == ([outcome], starts)
    assert len(bench.queue) == 0


class TestALetterThatCantBeStored:
    """Its message comes again until it can be, and nothing is made of that but the same letter."""

    @pytest.mark.parametrize(
        ("does", "says", "error", "starts"),
        [
            pytest.param({"rejects": True}, "rejected: no", "Reject: no", 1, id="rejected"),
            pytest.param(
                {"raises": True},
                f"failed after {ATTEMPTS} attempts: ValueError: broken",
                "ValueError: broken",
                ATTEMPTS,
                id="failed",
            ),
        ],
    )
    def test_its_reason_stays_and_its_task_does_not_start_again(
        self, bench: Bench, does: dict[str, object], says: str, error: str, starts: int
    ) -> None:
        self.comes_again(bench, body_of("plain", does, id="i" * 100_000))

        told = note(bench)
        assert (told["reason"], told["error"], told["attempts"]) == (says, error, starts)
        assert (told["task"], len(bench.queue), len(bench.began)) == ("plain", 0, starts)

    def test_without_records_its_reason_is_no_false_one(self, bench: Bench) -> None:
        bench.records.broken = {"conclude"}
        self.comes_again(bench, body_of("plain", {"raises": True}))

        assert "and the end of the last is not recorded" in note(bench)["reason"]

    def comes_again(self, bench: Bench, body: str) -> None:
        bench.send(body)
        bench.dead_letters.broken = {"send"}
        for _ in range(ATTEMPTS + 5):
            bench.work(*bench.receive())
            bench.pass_time(120)
        bench.dead_letters.broken = set()
        bench.work(*bench.receive())


class TestWithoutRecords:
    """While records can't be reached, only first deliveries start."""

    def test_a_first_delivery_runs(self, bench: Bench) -> None:
        bench.records.broken = {"count"}

        (report,) = bench.work(bench.delivered(body_of("plain", {"raises": True})))

        assert (report.outcome, report.attempt, len(bench.began)) == ("retry later", 1, 1)

    @pytest.mark.parametrize("name", ["plain", "once"])
    def test_a_later_one_is_postponed_and_uses_up_no_attempt(self, bench: Bench, name: str) -> None:
        in_vain = self.comes_in_vain(bench, body_of(name, {"raises": True}))

        (report,) = bench.work(*bench.receive())

        told = "not started: its starts can't be counted: count is broken"
        assert {(one.outcome, one.reason) for one in in_vain} == {("retry later", told)}
        assert (report.outcome, report.attempt, len(bench.began)) == ("retry later", 1, 1)

    def test_it_waits_longer_with_each_receive(self, bench: Bench) -> None:
        waits = [report.retry_seconds or 0 for report in self.comes_in_vain(bench, body_of("plain"))]

        assert 15 <= waits[0] <= 30
        assert 60 <= waits[2] <= 120
        assert all(1800 <= wait <= 3600 for wait in waits[7:])

    def comes_in_vain(self, bench: Bench, body: str) -> list[Report]:
        """Delivers a message again while no record can be reached. Then they can."""
        bench.records.broken = {"count"}
        bench.send(body)
        bench.receive()
        reports = []
        for _ in range(12):
            bench.pass_time(3600)
            reports += bench.work(*bench.receive())
        bench.records.broken = set()
        bench.pass_time(3600)
        return reports

    def test_such_waits_are_so_long_that_its_age_ends_it_and_not_sqs_last_receive(self, bench: Bench) -> None:
        longest = [wait_seconds(receives, bench.random) for receives in range(2, 990)]

        assert sum(longest) > KEPT_SECONDS

    @pytest.mark.parametrize(("slow", "seconds"), [("count", 56), ("own", 56), ("own", 300)])
    def test_nothing_was_attempted_if_a_record_takes_all_the_time(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, slow: str, seconds: float
    ) -> None:
        bench.send(body_of("once"))
        bench.receive()
        bench.pass_time(120)
        call = getattr(bench.records, slow)

        async def slowly(*arguments: Any) -> Any:
            await asyncio.sleep(seconds)
            return await call(*arguments)

        monkeypatch.setattr(bench.records, slow, slowly)
        with contextlib.suppress(Crash, asyncio.CancelledError):
            bench.work(*bench.receive(), seconds_left=60)
        monkeypatch.undo()
        bench.pass_time(120)

        (report,) = bench.work(*bench.receive())

        assert (report.outcome, report.attempt, len(bench.began)) == ("succeeded", 1, 1)


class TestCodeThatKills:
    """An import, a check or a key function that kills the process does so a bounded number of times."""

    @pytest.mark.parametrize("where", ["import", "check", "key"])
    def test_such_a_message_is_given_up_after_20_recorded_starts(self, bench: Bench, where: str) -> None:
        bench.kills_in(where)
        crashed(bench, body_of("by_key"), times=1 + MAX_STARTS)

        assert bench.outcomes(bench.receive()) == ["dead-letter"]
        assert "and the end of the last is not recorded" in note(bench)["reason"]

    def test_a_task_of_more_attempts_has_them(self, bench: Bench) -> None:
        bench.send(body_of("stubborn", {"raises": True}))

        outcomes = worked_until_it_is_gone(bench, every=60)

        assert outcomes == ["retry later"] * (MAX_STARTS + 9) + ["dead-letter"]
        assert bench.records.calls.count("allow") == 1

    def test_it_has_them_if_it_kills_its_process_as_well(self, bench: Bench) -> None:
        attempts = bench.table["stubborn"].policy.attempts
        crashed(bench, body_of("stubborn", {"crashes": True}), times=1 + attempts)

        assert bench.outcomes(bench.receive()) == ["dead-letter"]
        assert len(bench.began) == 1 + attempts


def test_a_key_function_that_takes_all_the_time_and_catches_its_interrupt_uses_up_the_attempts() -> None:
    """No time is left then for the task: that looks as if slow calls of ours had taken it."""
    asked: list[str] = []

    def hang(payload: dict[str, Any]) -> str:
        asked.append("its key")
        with contextlib.suppress(SoftDeadline):
            block(1e6)
        return "a key"

    @task(attempts=2, idempotent=hang)
    def late(payload: dict[str, Any]) -> None: ...

    with Sandbox({"late": late}, blocking=True) as sandbox:
        sandbox.send_message(body_of("late"))
        sandbox.run()

    (letter,) = sandbox.dead_letters
    assert len(asked) == 2
    assert letter.reason.startswith("failed after 2 attempts: interrupted shortly before the function's time")


class TestATaskThatIsNotLoaded:
    """Its name or its module may come with a deploy: that is waited for, and costs no attempt."""

    def is_given_up(self, bench: Bench) -> float:
        """Works a message whose task is missing until it is given up. Returns the time that took."""
        bench.send(body_of("plane", {"raises": True}))
        while len(bench.queue):
            visible_at = bench.queue.next_visible_at()
            assert visible_at is not None
            bench.pass_time(max(0.0, visible_at - bench.clock.now()))
            bench.work(*bench.receive())
        return bench.seconds()

    def test_its_message_waits_for_an_hour_and_more_before_it_is_given_up(self, bench: Bench) -> None:
        assert self.is_given_up(bench) > 3600

        known = "no task is called 'plane'; there are: by_key, once, plain, stubborn"
        assert note(bench)["reason"] == f"not started in {LOADS} tries: {known}"
        assert note(bench)["task"] == "plane"

    def test_it_does_so_as_well_while_no_message_can_be_postponed(self, bench: Bench) -> None:
        bench.queue.refusing = {"change_visibility"}

        assert self.is_given_up(bench) > 3600

    @pytest.mark.parametrize("hears", [True, False], ids=["is interrupted", "can't be interrupted"])
    def test_one_whose_import_hangs_is_not_loaded(self, hears: bool) -> None:
        @task(attempts=2)
        def heavy(payload: dict[str, Any]) -> None: ...

        imports: list[str] = []

        def hang(name: str) -> None:
            imports.append(name)
            block(1e6, interruptible=hears)

        with Sandbox(Modules({}, {"heavy": heavy}, hang), blocking=True) as sandbox:
            sandbox.send_message(body_of("heavy"))
            sandbox.run()

        (letter,) = sandbox.dead_letters
        assert len(imports) == LOADS
        assert letter.reason.startswith(f"not started in {LOADS} tries: heavy can't be imported: ")
        assert "interrupted shortly before the function's time was over" in letter.reason

    def test_once_it_is_there_it_has_all_its_attempts(self, bench: Bench) -> None:
        plain = bench.table.pop("plain")
        bench.send(body_of("plain", {"raises": True}))
        for _ in range(10):
            bench.work(*bench.receive())
            bench.pass_time(600)
        bench.table["plain"] = plain

        outcomes = worked_until_it_is_gone(bench, every=600)

        assert outcomes == ["retry later"] * (ATTEMPTS - 1) + ["dead-letter"]
        assert len(bench.began) == ATTEMPTS

"""Attempts that started: counted in a record, since SQS's receive count goes up without a start as well."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from tests.hostile.modules import Modules
from tests.support import World, body_of
from tests.unit.worker.conftest import ATTEMPTS, Bench

from shared.lease import KEPT_SECONDS
from worker.outcome import LOADS, longer
from worker.starts import MAX_STARTS
from zigzag import BadPayloadError, task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import Crash


def reason(world: World) -> str:
    (letter,) = world.dead_letters.messages
    return str(json.loads(letter.attributes["zigzag"]["StringValue"])["reason"])


def test_a_first_delivery_that_succeeds_needs_no_record(world: World, bench: Bench) -> None:
    bench.work(world.delivered(body_of("plain")))

    assert world.records.calls == []


def test_a_first_delivery_that_fails_is_counted(world: World, bench: Bench) -> None:
    bench.work(world.delivered(body_of("plain", {"raises": True})))

    assert [record.starts for record in world.records.records.values()] == [1]


@pytest.mark.parametrize("does", [{"rejects": True}, {"wrong": "…"}])
def test_what_is_given_up_at_once_needs_no_record(
    world: World, bench: Bench, does: dict[str, object]
) -> None:
    body = body_of("plain", does) if "rejects" in does else "no JSON"

    bench.work(world.delivered(body))

    assert len(world.dead_letters) == 1
    assert world.records.calls == []


def test_a_receive_that_started_nothing_uses_no_attempt(world: World, bench: Bench) -> None:
    # Given a message that was received nine times, and never came to a worker
    delivery = world.delivered_often(10, body_of("plain", {"raises": True}))

    (report,) = bench.work(delivery)

    assert (report.outcome, report.attempt) == ("retry later", 1)


def test_a_task_that_kills_its_process_is_given_up_before_it_starts_again(world: World, bench: Bench) -> None:
    world.send(body_of("plain", {"crashes": True}))
    for _ in range(ATTEMPTS + 1):  # the first delivery is not counted: it made no call
        bench.crash(*world.receive())
        world.pass_time(120)

    (report,) = bench.work(*world.receive())

    assert report.outcome == "dead-letter"
    assert len(bench.began) == ATTEMPTS + 1
    assert reason(world).startswith(f"started {ATTEMPTS} times, and the end of the last is not recorded")


def test_the_last_attempt_is_the_last_that_started(world: World, bench: Bench) -> None:
    world.send(body_of("plain", {"raises": True}))
    outcomes = []
    while len(world.queue):
        outcomes += bench.outcomes(world.receive())
        world.pass_time(3600)
        if len(world.queue):
            world.receive()  # one that starts nothing
            world.pass_time(120)

    assert outcomes == ["retry later"] * (ATTEMPTS - 1) + ["dead-letter"]
    assert len(bench.began) == ATTEMPTS


@pytest.mark.parametrize("name", ["plain", "once"])
@pytest.mark.parametrize("last", ["it fails", "its payload does not fit any more"])
def test_a_dead_letter_that_is_redriven_has_all_its_attempts_again(
    world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, last: str
) -> None:
    # Given a dead letter after its attempts
    world.send(body_of(name, {"raises": True}))
    for attempt in range(ATTEMPTS):
        with monkeypatch.context() as deploy:
            if attempt == ATTEMPTS - 1 and last != "it fails":
                deploy.setattr(bench.table[name], "parse", refuse)
            bench.work(*world.receive())
        world.pass_time(3600)
    (letter,) = world.dead_letters.messages
    bench.began.clear()

    # When it is redriven, and fails again
    world.run(world.queue.send(letter))
    while len(world.queue):
        bench.work(*world.receive())
        world.pass_time(3600)

    assert len(bench.began) == ATTEMPTS


def refuse(payload: object) -> None:
    raise BadPayloadError("a deploy brought another model")


def test_a_letter_whose_message_could_not_be_deleted_is_not_run_or_moved_again(
    world: World, bench: Bench
) -> None:
    # Given a message that became a dead letter after its last attempt, and is still on the queue
    world.send(body_of("plain", {"raises": True}))
    for _ in range(ATTEMPTS):
        world.queue.refusing = {"delete"}
        bench.work(*world.receive())
        world.pass_time(3600)
    world.queue.refusing = set()

    # When it comes again
    bench.work(*world.receive())

    assert len(bench.began) == ATTEMPTS
    assert (len(world.queue), len(world.dead_letters)) == (0, 1)


def test_two_messages_with_one_id_are_counted_apart(world: World, bench: Bench) -> None:
    for _ in range(2):
        bench.work(world.delivered(body_of("plain", {"raises": True}, id="the same")))

    assert [record.starts for record in world.records.records.values()] == [1, 1]


def test_a_task_that_nobody_knows_is_counted_too(world: World, bench: Bench) -> None:
    (report,) = bench.work(world.delivered_often(9, body_of("plane")))

    assert (report.outcome, report.attempt) == ("retry later", 1)


@pytest.mark.parametrize("records", ["reached", "away"])
def test_a_success_that_could_not_be_deleted_is_not_run_again_if_that_is_recorded(
    world: World, bench: Bench, records: str
) -> None:
    world.send(body_of("plain"))
    world.queue.refusing = {"delete"}
    world.records.broken = {"conclude"} if records == "away" else set()
    bench.work(*world.receive())
    world.queue.refusing, world.records.broken = set(), set()
    world.pass_time(120)

    (report,) = bench.work(*world.receive())

    assert (report.outcome, len(bench.began)) == (
        ("already done", 1) if records == "reached" else ("succeeded", 2)
    )
    assert len(world.queue) == 0


class TestALetterThatCantBeStored:
    """Its message comes again until it can be, and nothing is made of that but the same letter."""

    @pytest.mark.parametrize(
        ("does", "says", "starts"),
        [
            pytest.param({"rejects": True}, "rejected: no", 1, id="rejected"),
            pytest.param(
                {"raises": True},
                f"failed after {ATTEMPTS} attempts: ValueError: broken",
                ATTEMPTS,
                id="failed",
            ),
        ],
    )
    def test_its_reason_stays_and_its_task_does_not_start_again(
        self, world: World, bench: Bench, does: dict[str, object], says: str, starts: int
    ) -> None:
        world.dead_letters.broken = {"send"}
        self.comes_again(world, bench, body_of("plain", does), times=ATTEMPTS + 5)
        world.dead_letters.broken = set()
        bench.work(*world.receive())

        assert (len(world.queue), reason(world), len(bench.began)) == (0, says, starts)

    def test_its_note_says_the_same(self, world: World, bench: Bench) -> None:
        world.dead_letters.broken = {"send"}
        long = "i" * 100_000
        self.comes_again(world, bench, body_of("plain", {"raises": True}, id=long), times=ATTEMPTS + 5)
        world.dead_letters.broken = set()
        bench.work(*world.receive())

        (letter,) = world.dead_letters.messages
        note = json.loads(letter.attributes["zigzag"]["StringValue"])
        assert (note["task"], note["attempts"], note["error"]) == ("plain", ATTEMPTS, "ValueError: broken")

    def test_without_records_its_reason_is_no_false_one(self, world: World, bench: Bench) -> None:
        world.dead_letters.broken = {"send"}
        world.records.broken = {"conclude"}
        self.comes_again(world, bench, body_of("plain", {"raises": True}), times=ATTEMPTS + 5)
        world.dead_letters.broken = set()
        bench.work(*world.receive())

        assert "and the end of the last is not recorded" in reason(world)

    def comes_again(self, world: World, bench: Bench, body: str, *, times: int) -> None:
        world.send(body)
        for _ in range(times):
            bench.work(*world.receive())
            world.pass_time(120)


class TestWithoutRecords:
    """Where they can't be reached, only first deliveries start."""

    def test_a_first_delivery_runs(self, world: World, bench: Bench) -> None:
        world.records.broken = {"count"}

        (report,) = bench.work(world.delivered(body_of("plain", {"raises": True})))

        assert (report.outcome, report.attempt, len(bench.began)) == ("retry later", 1, 1)

    @pytest.mark.parametrize("name", ["plain", "once"])
    def test_a_later_one_is_postponed_and_uses_up_no_attempt(
        self, world: World, bench: Bench, name: str
    ) -> None:
        world.records.broken = {"count"}
        world.send(body_of(name, {"raises": True}))
        world.receive()
        for _ in range(12):
            world.pass_time(3600)
            (report,) = bench.work(*world.receive())
            assert report.outcome == "retry later"
            assert (report.reason or "").startswith("not started: its starts can't be counted")
        world.records.broken = set()
        world.pass_time(3600)

        (report,) = bench.work(*world.receive())

        assert (report.outcome, report.attempt, len(bench.began)) == ("retry later", 1, 1)

    def test_it_waits_longer_with_each_receive(self, world: World, bench: Bench) -> None:
        world.records.broken = {"count"}
        world.send(body_of("plain"))
        world.receive()
        waits = []
        for _ in range(12):
            world.pass_time(3600)
            (report,) = bench.work(*world.receive())
            waits.append(report.retry_seconds or 0)

        assert 15 <= waits[0] <= 30
        assert 60 <= waits[2] <= 120
        assert all(1800 <= wait <= 3600 for wait in waits[7:])

    def test_such_waits_are_so_long_that_its_age_ends_it_and_not_sqs_last_receive(self, world: World) -> None:
        longest = [longer(receives, world.random) for receives in range(2, 990)]

        assert sum(longest) > KEPT_SECONDS

    @pytest.mark.parametrize(("slow", "seconds"), [("count", 56), ("begin", 56), ("begin", 300)])
    def test_where_it_takes_all_the_time_nothing_was_attempted(
        self, world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch, slow: str, seconds: float
    ) -> None:
        world.send(body_of("once"))
        world.receive()
        world.pass_time(120)
        call = getattr(world.records, slow)

        async def slowly(*arguments: Any) -> Any:
            await asyncio.sleep(seconds)
            return await call(*arguments)

        monkeypatch.setattr(world.records, slow, slowly)
        with contextlib.suppress(Crash, asyncio.CancelledError):
            bench.work(*world.receive(), seconds_left=60)
        monkeypatch.undo()
        world.pass_time(120)

        (report,) = bench.work(*world.receive())

        assert (report.outcome, report.attempt, len(bench.began)) == ("succeeded", 1, 1)


class TestCodeThatKills:
    """An import, a check or a key function that kills the process does so a bounded number of times."""

    @pytest.mark.parametrize("where", ["import", "check", "key"])
    def test_such_a_message_is_given_up_after_20_recorded_starts(
        self, world: World, bench: Bench, where: str
    ) -> None:
        world.send(body_of("by_key"))
        bench.kills_in(where)
        for _ in range(1 + MAX_STARTS):
            bench.crash(*world.receive())
            world.pass_time(120)

        (report,) = bench.work(*world.receive())

        assert report.outcome == "dead-letter"
        assert "and the end of the last is not recorded" in reason(world)

    def test_a_task_of_more_attempts_has_them(self, world: World, bench: Bench) -> None:
        world.send(body_of("stubborn", {"raises": True}))
        outcomes = []
        while len(world.queue):
            outcomes += bench.outcomes(world.receive())
            world.pass_time(60)

        assert outcomes == ["retry later"] * (MAX_STARTS + 9) + ["dead-letter"]
        assert world.records.calls.count("allow") == 1

    def test_it_has_them_if_it_kills_its_process_as_well(self, world: World, bench: Bench) -> None:
        attempts = bench.table["stubborn"].policy.attempts
        world.send(body_of("stubborn", {"crashes": True}))
        for _ in range(1 + attempts):
            bench.crash(*world.receive())
            world.pass_time(120)

        (report,) = bench.work(*world.receive())

        assert (report.outcome, len(bench.began)) == ("dead-letter", 1 + attempts)
        assert reason(world).startswith(f"started {attempts} times")


class TestATaskThatIsNotLoaded:
    """Its name or its module may come with a deploy: that is waited for, and costs no attempt."""

    def test_its_message_waits_for_an_hour_and_more_before_it_is_given_up(
        self, world: World, bench: Bench
    ) -> None:
        world.send(body_of("plane", {"raises": True}))
        while len(world.queue):
            visible_at = world.queue.next_visible_at()
            assert visible_at is not None
            world.pass_time(max(0.0, visible_at - world.clock.now()))
            bench.work(*world.receive())

        assert world.seconds() > 3600
        assert reason(world).startswith(f"not started in {LOADS} tries: no task is called 'plane'")

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

    def test_once_it_is_there_it_has_all_its_attempts(self, world: World, bench: Bench) -> None:
        plain = bench.table.pop("plain")
        world.send(body_of("plain", {"raises": True}))
        for _ in range(10):
            bench.work(*world.receive())
            world.pass_time(600)
        bench.table["plain"] = plain
        outcomes = []
        while len(world.queue):
            outcomes += bench.outcomes(world.receive())
            world.pass_time(600)

        assert outcomes == ["retry later"] * (ATTEMPTS - 1) + ["dead-letter"]
        assert len(bench.began) == ATTEMPTS

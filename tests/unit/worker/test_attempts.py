"""Attempts that started: counted in a record, since SQS's receive count goes up without a start as well."""

from __future__ import annotations

import json

import pytest
from tests.support import World, body_of
from tests.unit.worker.conftest import ATTEMPTS, Bench

from zigzag import BadPayloadError


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
    assert reason(world).startswith(f"started {ATTEMPTS} times, and the last did not end")


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


def test_one_that_could_not_be_deleted_is_not_run_again(world: World, bench: Bench) -> None:
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
    assert (len(world.queue), len(world.dead_letters)) == (0, 2)


def test_two_messages_with_one_id_are_counted_apart(world: World, bench: Bench) -> None:
    for _ in range(2):
        bench.work(world.delivered(body_of("plain", {"raises": True}, id="the same")))

    assert [record.starts for record in world.records.records.values()] == [1, 1]


def test_a_task_that_nobody_knows_is_counted_too(world: World, bench: Bench) -> None:
    (report,) = bench.work(world.delivered_often(9, body_of("plane")))

    assert (report.outcome, report.attempt) == ("retry later", 1)


class TestWithoutRecords:
    """Where they can't be reached, SQS's receive count decides."""

    def test_the_task_runs(self, world: World, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        world.records.broken = {"begin", "count", "disown"}

        (report,) = bench.work(world.delivered_often(2, body_of("plain", {"raises": True})))

        assert (report.outcome, report.attempt) == ("retry later", 2)
        assert bench.contexts[-1].attempt == 2
        assert "SQS's receive count decides" in caplog.text

    def test_the_attempt_that_is_the_last_by_receives_is_the_last(self, world: World, bench: Bench) -> None:
        world.records.broken = {"begin", "count"}

        (report,) = bench.work(world.delivered_often(7, body_of("plain", {"raises": True})))

        assert report.outcome == "dead-letter"
        assert len(bench.began) == 1, "it must have started before it is given up"

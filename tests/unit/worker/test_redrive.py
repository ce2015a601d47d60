"""A message that a redrive has sent: its token lets its task run to success once, wherever it is killed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.support import WatchedQueue, body_of, text
from tests.unit.worker.conftest import Bench, kill_at

from shared.dead_letter import Cause, compose
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS

TOKEN = "0f" * 32
KEY = f"redrive#{TOKEN}"
SENT = {"zigzag": text(json.dumps({"id": "order-7", "message_id": "m-0", "token": TOKEN}))}
REJECTED = body_of("plain", {"rejects": True})


def notes(queue: WatchedQueue) -> list[dict[str, Any]]:
    return [json.loads(letter.attributes["zigzag"]["StringValue"]) for letter in queue.messages]


def work_off(bench: Bench) -> None:
    """Works what is on the queue, one message after the other, until nothing is left."""
    while len(bench.queue):
        for delivery in bench.receive():
            bench.work(delivery)
        bench.pass_time(130)


@pytest.mark.parametrize("task", ["plain", "once"])
def test_of_two_messages_with_one_token_one_runs(bench: Bench, task: str) -> None:
    bench.send(body_of(task), body_of(task), attributes=SENT)

    outcomes = [bench.outcomes([one]) for one in bench.receive()]

    assert (outcomes, len(bench.began)) == ([["succeeded"], ["already done"]], 1)
    assert (len(bench.queue), bench.contexts[0].id) == (0, "order-7")


def test_while_one_runs_the_other_waits(bench: Bench) -> None:
    bench.send(*[body_of("plain", {"seconds": 300})] * 2, attributes=SENT)
    one, other = bench.receive()

    async def both() -> list[str]:
        running = asyncio.create_task(bench.working(one))
        await bench.clock.sleep(50)
        (waits,) = await bench.working(other)
        return [waits.outcome, (await running)[0].outcome]

    assert bench.run(both()) == ["retry later", "succeeded"]
    assert len(bench.began) == 1


def test_an_attempt_that_failed_is_free_for_the_next(bench: Bench) -> None:
    bench.send(body_of("plain", {"retries in": 1}), attributes=SENT)
    bench.work(*bench.receive())
    bench.pass_time(2)

    (report,) = bench.work(*bench.receive())

    assert (report.outcome, report.attempt) == ("retry later", 2)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("records", "own"),
        ("records", "count"),
        ("records", "conclude"),
        ("dead_letters", "send"),
        ("records", "finish"),
        ("queue", "delete"),
    ],
)
@pytest.mark.parametrize(
    "body", [REJECTED, "no JSON", body_of("plain", [])], ids=["rejected", "bad", "unfit"]
)
def test_killed_anywhere_its_letters_have_one_next_token_and_nothing_starts_after_them(
    bench: Bench, port: str, method: str, after: bool, body: str
) -> None:
    # Given two messages of one token, and a worker that is killed at a call for the first one
    bench.send(body, body, attributes=SENT)
    first, second = bench.receive()
    kill_at(getattr(bench, port), method, after=after)
    bench.crash(first)

    # When all comes again
    began = len(bench.began) if bench.dead_letters.messages else None
    bench.work(second)
    bench.pass_time(130)
    work_off(bench)

    # Then each letter goes on from this token, and a message that has one never starts again
    assert {note.get("from") for note in notes(bench.dead_letters)} == {TOKEN}
    assert len(bench.began) == began or began is None
    assert bench.records.records[KEY].done


def test_without_records_it_does_not_start(bench: Bench) -> None:
    bench.records.broken = {"own"}
    bench.send("no JSON", attributes=SENT)

    (report,) = bench.work(*bench.receive())

    assert (report.outcome, bench.began) == ("retry later", [])
    assert "whether it is done can't be known" in (report.reason or "")


@pytest.mark.parametrize(("broken", "kept"), [("conclude", "token"), ("finish", "from")])
def test_a_letter_keeps_the_token_unless_its_end_is_recorded(bench: Bench, broken: str, kept: str) -> None:
    bench.records.broken = {broken}
    bench.send(REJECTED, attributes=SENT)

    (report,) = bench.work(*bench.receive())

    (note,) = notes(bench.dead_letters)
    assert note[kept] == TOKEN
    assert not {"token", "from"} - {kept} & note.keys()
    assert report.settled == (broken == "conclude"), "with the next token it comes again"


def test_a_letter_keeps_the_token_if_another_message_of_it_runs_by_now(bench: Bench) -> None:
    # Given a message whose record was not extended while its lease was, and another worker that has it since
    bench.records.broken = {"extend"}
    bench.send(body_of("plain", {"seconds": 200, "rejects": True}), attributes=SENT)
    (first,) = bench.receive()

    async def both() -> list[str]:
        running = asyncio.create_task(bench.working(first))
        await bench.clock.sleep(115)
        bench.records.broken = set()
        owned = await bench.records.own(KEY, "other", bench.clock.now(), bench.clock.now() + 300)
        return [type(owned).__name__, (await running)[0].outcome]

    assert bench.run(both()) == ["Owned", "dead-letter"]
    (note,) = notes(bench.dead_letters)
    assert (note.get("token"), note.get("from")) == (TOKEN, None)
    assert not bench.records.records[KEY].concluded


def test_a_letter_that_never_started_keeps_the_token(bench: Bench) -> None:
    bench.send(REJECTED, attributes=SENT)
    (delivery,) = bench.receive()
    bench.run(bench.records.own(KEY, "another", bench.clock.now(), bench.clock.now() + 2 * KEPT_SECONDS))
    by_consumer = compose(delivery, Cause("too large"), bench.clock.now())
    bench.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)
    (delivery,) = bench.receive()

    (report,) = bench.work(delivery)

    assert report.outcome == "dead-letter"
    assert notes(bench.dead_letters)[0]["token"] == TOKEN
    assert json.loads(by_consumer.attributes["zigzag"]["StringValue"])["token"] == TOKEN


def test_a_message_without_a_token_costs_no_call(bench: Bench) -> None:
    bench.work(bench.delivered(body_of("plain"), attributes={"zigzag": text('{"id": "x", "from": "m-0"}')}))
    bench.work(bench.delivered(REJECTED))

    assert bench.records.calls == []
    assert notes(bench.dead_letters)[0]["from"] == "message-2"

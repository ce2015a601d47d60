"""Hostile inputs by the ten thousand: nothing crashes, nothing loops, nothing is lost."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from pydantic import BaseModel
from tests.promises.security.hostile import TASKS, Hostile
from tests.support import NOW, World, a_delivery, slow

from shared.dead_letter import NOTE, Cause, compose, original_attributes
from shared.delivery import BadEventError, Batch, Delivery, from_event, to_event
from worker.decode import Message, NothingToDoError, decode
from worker.result import Report
from zigzag import Backoff, BadPayloadError, Context, Reject, Retry, Task, task
from zigzag.body import MAX_LEVELS, MAX_NAME_CHARACTERS, BadMessageError
from zigzag_testing import Sandbox
from zigzag_testing.refusals import refuse_message

STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
QUICK = Backoff(first=1, longest=60)
ATTEMPTS = 3
INPUTS = 2_500
BATCHES = 2


class Strict(BaseModel, extra="forbid"):
    number: int
    name: str = ""
    weight: float | None = None
    inner: Strict | None = None


@task(attempts=ATTEMPTS, backoff=QUICK)
def plain(payload: dict[str, Any], context: Context) -> None:
    context.log.info("takes %s", payload)


@task(attempts=ATTEMPTS, backoff=QUICK)
def strict(payload: Strict) -> None:
    str(payload)


@task(attempts=ATTEMPTS, backoff=QUICK, idempotent=True)
async def once(payload: dict[str, Any]) -> None:
    json.dumps(payload, allow_nan=False)


@task(attempts=ATTEMPTS, backoff=QUICK)
def fails(payload: dict[str, Any], context: Context) -> None:
    raise ValueError(payload, context)


@task(attempts=ATTEMPTS, backoff=QUICK)
def retries(payload: dict[str, Any]) -> None:
    raise Retry(f"{payload.get('name')} is busy", after=30)


@task(attempts=ATTEMPTS, backoff=QUICK)
def rejects(payload: dict[str, Any]) -> None:
    raise Reject(f"{payload.get('name')} is unknown")


TABLE: dict[str, Task[Any, Any, Any]] = {
    one.name: one for one in (plain, strict, once, fails, retries, rejects)
}


EVENTS = {
    "s3": "plain",
    "sns": "plain",
    "eventbridge": "once",
    "alarm": "fails",
    "celery:shop.add": "strict(name)",
}


@pytest.fixture(autouse=True)
def _foreign_senders_have_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.EVENTS", EVENTS, raising=False)


with_seeds = pytest.mark.parametrize("seed", [0, *slow(*range(1, 10))])
"""Five thousand inputs at every commit, and ten times as many with the slow ones."""


@contextmanager
def blamed(found: Any) -> Iterator[None]:
    """Adds the input to an error within the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the input: {found!a:.5000}")
        raise


class TestWhatAMessageHolds:
    """From the consumer's dispatch to the dead letter and back, without the queues in between."""

    @with_seeds
    def test_a_message_is_decoded_or_refused_in_words_and_sqs_takes_its_dead_letter(self, seed: int) -> None:
        hostile, seen = Hostile(seed), Counter[str]()

        for _ in range(INPUTS):
            body, attributes = hostile.message()
            with blamed((body, attributes)):
                delivery = self.carried(a_delivery(body, attributes=attributes))
                found = self.decoded(delivery)
                seen["decoded" if isinstance(found, Message) else "refused"] += 1
                self.parse(found)
                self.dies_and_comes_back(delivery, found)

        assert seen["decoded"] > INPUTS / 4, seen
        assert seen["refused"] > INPUTS / 4, seen

    def carried(self, delivery: Delivery) -> Delivery:
        """Carries it through the worker's event, unchanged."""
        (carried,) = from_event(json.loads(to_event(Batch((delivery,))))).deliveries
        assert (carried.body, carried.attributes) == (delivery.body, delivery.attributes)
        return carried

    def decoded(self, delivery: Delivery) -> Message | str:
        try:
            message = decode(delivery)
        except (BadMessageError, NothingToDoError) as error:
            return str(error)
        assert 0 < len(message.task) <= MAX_NAME_CHARACTERS
        assert message.id
        (message.task + message.id).encode()
        written = json.dumps(message.payload, allow_nan=False)
        assert levels_of(written) <= MAX_LEVELS
        return message

    def parse(self, found: Message | str) -> None:
        if isinstance(found, Message) and found.task in TABLE:
            with suppress(BadPayloadError):
                TABLE[found.task].parse(found.payload)

    def dies_and_comes_back(self, delivery: Delivery, found: Message | str) -> None:
        if isinstance(found, Message):
            cause = Cause("failed", found.task, found.id, error=found.id, traceback=str(found.payload))
        else:
            cause = Cause(found)

        letter = compose(delivery, cause, NOW)
        redriven = a_delivery(letter.body, attributes=letter.attributes, MessageId="m-2")

        refuse_message(letter, fifo=False)
        assert json.loads(letter.attributes[NOTE]["StringValue"])["reason"] == cause.reason[:1000]
        assert original_attributes(redriven) == original_attributes(delivery)
        if isinstance(found, Message):
            assert decode(redriven) == found


class TestWhatAnEventHolds:
    """A caller that may invoke the worker may send it anything."""

    @with_seeds
    def test_an_event_is_a_batch_of_deliveries_or_refused_in_words(self, seed: int) -> None:
        hostile, seen = Hostile(seed), Counter[str]()

        for _ in range(INPUTS):
            event = hostile.event()
            with blamed(event):
                try:
                    batch = from_event(event)
                except BadEventError as error:
                    str(error).encode()
                    seen["refused"] += 1
                    continue
                seen["a batch"] += 1
                for delivery in batch.deliveries:
                    self.look_at(delivery)

        assert seen["a batch"] > INPUTS / 4, seen
        assert seen["refused"] > INPUTS / 4, seen

    def look_at(self, delivery: Delivery) -> None:
        assert delivery.receive_count >= 0
        try:
            reason = repr(decode(delivery))
        except (BadMessageError, NothingToDoError) as error:
            reason = str(error)
        compose(delivery, Cause(reason), NOW)

    @with_seeds
    def test_the_worker_has_a_report_for_each_delivery_of_a_batch(self, seed: int) -> None:
        hostile, seen = Hostile(seed), Counter[str]()

        for _ in range(BATCHES):
            world = World()
            for _ in range(100):
                event = hostile.event()
                with blamed(event):
                    try:
                        batch = from_event(event)
                    except BadEventError:
                        continue
                    reports = world.run(world.worker(TABLE).work(batch, lambda: 60.0))
                    assert len(reports) == len(batch.deliveries)
                    for one in reports:
                        answered(one)
                    seen.update(one.outcome for one in reports)
            world.close()

        assert {"succeeded", "retry later", "dead-letter"} <= set(seen), seen


class TestTheWholePath:
    """Sent, received, dispatched, worked, settled, until the queue is empty."""

    @pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
    @with_seeds
    def test_every_message_succeeds_or_dies_within_its_attempts(self, seed: int, fifo: bool) -> None:
        hostile, seen = Hostile(seed), Counter[str]()

        for batch in range(BATCHES):
            with Sandbox(
                TABLE, fifo=fifo, batch_size=1 + 9 * (batch % 2), seed=100 * seed + batch
            ) as sandbox:
                self.send(sandbox, hostile, fifo)
                sandbox.run(max_seconds=12 * 3600)

            assert sandbox.workers.ended.keys() == {"returned"}
            ended = [
                one for one in sandbox.reports if one.outcome not in ("retry later", "released", "left alone")
            ]
            assert len(ended) == 100
            assert all(one.settled for one in ended)
            assert len(sandbox.dead_letters) == sum(one.outcome == "dead-letter" for one in ended)
            started = [one.attempt for one in sandbox.reports if one.task is not None]
            assert max(started) <= 5, "which is the default"
            for one in sandbox.reports:
                answered(one)
            seen.update(one.outcome for one in sandbox.reports)

        assert {"succeeded", "retry later", "dead-letter"} <= set(seen), seen

    def send(self, sandbox: Sandbox, hostile: Hostile, fifo: bool) -> None:
        for number in range(100):
            body, attributes = hostile.message()
            with blamed((body, attributes)):
                sandbox.send_message(
                    body,
                    attributes,
                    group=f"group-{number % 10}" if fifo else None,
                    deduplication_id=f"n-{number}" if fifo else None,
                )


def levels_of(written: str) -> int:
    """Returns how deep a JSON text goes."""
    if written.count("[") + written.count("{") <= MAX_LEVELS:
        return 0
    steps = [1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", STRINGS.sub("", written))]
    return max(itertools.accumulate(steps))


def answered(report: Report) -> None:
    """Writes a function's answer as UTF-8, as Lambda's Python does. If that fails there, its process ends."""
    json.dumps(report._asdict(), ensure_ascii=False).encode()


def test_the_tasks_are_those_that_the_messages_name() -> None:
    assert {*TABLE, "nobody"} == set(TASKS)

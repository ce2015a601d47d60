"""The handover: every answer of the table in `consumer.handover`, and what we do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest
from tests.support import QUEUE_URL, ScriptedWorkers, World, a_delivery

from consumer.handover import Handed, Handover
from shared.delivery import MOST_EVENT_BYTES, Delivery, to_event
from shared.ports import Answer, Reply

SENT, TOO_LARGE, THROTTLED, REFUSED, UNKNOWN = Reply


def handover(world: World, workers: ScriptedWorkers) -> Handover:
    return Handover(world.queue, world.dead_letters, workers, world.clock, world.random)


def received(world: World, number: int = 1) -> list[Delivery]:
    world.send(*(f"body {n}" for n in range(number)))
    return world.receive()


def hand_over(world: World, workers: ScriptedWorkers, batch: list[Delivery]) -> Handed:
    return world.run(handover(world, workers).hand_over(batch))


def released_for(world: World) -> list[int]:
    return [seconds for _, seconds in world.queue.asked("postpone")]


class TestAnswers:
    """A row each of the table."""

    def test_sent_is_the_workers_to_settle(self, world: World) -> None:
        workers = ScriptedWorkers(SENT)

        handed = hand_over(world, workers, received(world, 3))

        assert handed == Handed(dispatched=3)
        assert world.queue.calls == []
        assert len(workers.batches) == 1, "a poll's dispatches go out together"

    def test_a_dispatch_carries_the_delivery_and_its_lease(self, world: World) -> None:
        workers = ScriptedWorkers(SENT)
        (delivery,) = received(world)
        assert delivery.lease is not None

        hand_over(world, workers, [delivery])

        (event,) = workers.events
        assert event["QueueUrl"] == QUEUE_URL
        assert event["Message"]["Body"] == "body 0"
        assert event["Message"]["ReceiptHandle"] == delivery.receipt_handle
        assert event["Lease"] == delivery.lease.to_json()

    def test_too_large_becomes_a_dead_letter_with_the_reason(self, world: World) -> None:
        handed = hand_over(world, ScriptedWorkers(TOO_LARGE), received(world))

        assert handed == Handed(dead_lettered=1)
        assert len(world.queue) == 0
        (letter,) = world.dead_letters.messages
        assert "too large for an asynchronous invoke" in letter.attributes["zigzag"]["StringValue"]

    def test_throttled_is_released_and_the_tick_pauses(self, world: World) -> None:
        handed = hand_over(world, ScriptedWorkers(THROTTLED), received(world))

        assert (handed.released, handed.dispatched, handed.stop) == (1, 0, None)
        assert handed.pause_seconds >= 1
        assert len(released_for(world)) == 1

    def test_refused_is_released_and_ends_the_tick(self, world: World) -> None:
        handed = hand_over(world, ScriptedWorkers(REFUSED), received(world))

        assert handed == Handed(released=1, stop="invoke refused")

    def test_unknown_is_neither_sent_again_nor_released(self, world: World) -> None:
        workers = ScriptedWorkers(UNKNOWN)

        handed = hand_over(world, workers, received(world))

        assert handed == Handed(left=1)
        assert len(workers.batches) == 1
        assert world.queue.calls == []

    def test_in_one_poll_every_message_has_its_own_answer(self, world: World) -> None:
        batch = received(world, 6)
        workers = ScriptedWorkers([SENT, THROTTLED, TOO_LARGE, UNKNOWN, REFUSED, SENT])

        handed = hand_over(world, workers, batch)

        assert (handed.dispatched, handed.released, handed.dead_lettered, handed.left) == (2, 2, 1, 1)
        ids = [delivery.message_id for delivery in batch]
        assert world.queue.asked("postpone")[0][0] == [ids[1], ids[4]]
        assert world.queue.asked("delete") == [([ids[2]],)]

    def test_every_answer_but_sent_is_logged_with_awss_words(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        hand_over(world, ScriptedWorkers([SENT, REFUSED]), received(world, 2))

        (record,) = caplog.records
        assert record.message == "dispatch refused"
        assert record.__dict__["fields"]["detail"] == "as the script says"


class TestRelease:
    """A released message is hidden for a jittered while."""

    def test_for_15_to_60_seconds_never_0(self, world: World) -> None:
        batch = received(world)
        one = handover(world, ScriptedWorkers(*[REFUSED] * 200))

        for _ in range(200):
            world.run(one.hand_over(batch))

        seconds = released_for(world)
        assert min(seconds) >= 15
        assert max(seconds) <= 60
        assert len(set(seconds)) > 20

    @pytest.mark.parametrize("how", ["broken", "refusing"])
    def test_what_cant_be_released_is_left_to_its_lease(self, world: World, how: str) -> None:
        batch = received(world, 2)
        setattr(world.queue, how, {"postpone"})

        handed = hand_over(world, ScriptedWorkers(REFUSED), batch)

        assert handed == Handed(left=2, stop="invoke refused")


class TestLate:
    """An invoke later than 10 s after the receive is not sent: the worker would have too little time."""

    @pytest.mark.parametrize(("seconds", "sent"), [(0, 1), (10, 1), (10.5, 0), (100, 0)])
    def test_a_late_delivery_is_released_and_not_sent(self, world: World, seconds: float, sent: int) -> None:
        workers = ScriptedWorkers(SENT)
        batch = received(world)
        world.pass_time(seconds)

        handed = hand_over(world, workers, batch)

        assert (len(workers.events), handed.dispatched, handed.released) == (sent, sent, 1 - sent)
        assert handed.stop is None

    def test_where_all_are_late_no_worker_is_called(self, world: World) -> None:
        workers = ScriptedWorkers()
        batch = received(world, 2)
        world.pass_time(11)

        hand_over(world, workers, batch)

        assert workers.batches == []


class TestTooLarge:
    """1,000,000 bytes with the envelope; escaping counts."""

    @pytest.mark.parametrize("character", ["x", '"', "🙂"])
    def test_a_message_too_large_with_its_envelope_is_dead_lettered_without_a_call(
        self, world: World, character: str
    ) -> None:
        # Given the longest body whose event fits
        envelope = len(to_event(a_delivery("")))
        each = len(to_event(a_delivery(character))) - envelope
        longest = character * ((MOST_EVENT_BYTES - envelope) // each)
        workers = ScriptedWorkers()

        # When it is handed over, and one that is a character longer
        handed = hand_over(world, workers, [a_delivery(longest), a_delivery(longest + character)])

        # Then only the first is sent
        assert (handed.dispatched, handed.dead_lettered, len(workers.events)) == (1, 1, 1)
        assert len(world.dead_letters) == 1

    def test_where_the_letter_is_refused_it_is_not_counted_as_moved(self, world: World) -> None:
        world.dead_letters.broken = {"send"}

        handed = hand_over(world, ScriptedWorkers(TOO_LARGE), received(world))

        assert handed == Handed(left=1)
        assert len(world.queue) == 1


class SlowWorkers(ScriptedWorkers):
    """Workers that take a second to answer, always the same."""

    def __init__(self, world: World, reply: Reply) -> None:
        super().__init__()
        self._world, self._reply = world, reply

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        await self._world.clock.sleep(1)
        return [Answer(self._reply) for _ in events]


class TestInARow:
    """The third time in a row ends the tick; what was under way together counts once."""

    def stops(self, world: World, script: Iterable[Reply]) -> list[str | None]:
        script = list(script)
        one = handover(world, ScriptedWorkers(*script))
        batch = received(world, 5)
        return [world.run(one.hand_over(batch)).stop for _ in script]

    @pytest.mark.parametrize(
        ("script", "stop"),
        [
            pytest.param([THROTTLED] * 3, "invokes throttled 3 times in a row", id="throttled"),
            pytest.param([UNKNOWN] * 3, "invokes unknown 3 times in a row", id="unknown"),
        ],
    )
    def test_the_third_time_ends_the_tick(self, world: World, script: list[Reply], stop: str) -> None:
        assert self.stops(world, script) == [None, None, stop]

    @pytest.mark.parametrize("reply", [THROTTLED, UNKNOWN])
    def test_a_better_answer_in_between_starts_the_count_anew(self, world: World, reply: Reply) -> None:
        script = [reply, reply, SENT, reply, reply]

        assert self.stops(world, script) == [None] * 5

    def test_throttled_and_unknown_are_counted_apart(self, world: World) -> None:
        assert self.stops(world, [THROTTLED, UNKNOWN, THROTTLED, UNKNOWN]) == [None] * 4

    @pytest.mark.parametrize("reply", [THROTTLED, UNKNOWN])
    def test_bad_answers_to_polls_that_were_under_way_together_are_one(
        self, world: World, reply: Reply
    ) -> None:
        one = handover(world, SlowWorkers(world, reply))
        batches = [received(world) for _ in range(4)]

        async def together() -> list[Handed]:
            return await asyncio.gather(*(one.hand_over(batch) for batch in batches))

        assert [handed.stop for handed in world.run(together())] == [None] * 4
        # Two more, one after the other, are the third
        assert world.run(one.hand_over(batches[0])).stop is None
        assert world.run(one.hand_over(batches[0])).stop is not None

    def test_the_pause_is_jittered_and_a_second_or_more(self, world: World) -> None:
        batch = received(world)
        pauses = [hand_over(world, ScriptedWorkers(THROTTLED), batch).pause_seconds for _ in range(100)]

        assert min(pauses) >= 1
        assert max(pauses) <= 5
        assert len(set(pauses)) > 50

"""The dispatcher: every answer of the table in `consumer.dispatch`, and what we do."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.noise import HALF, WHOLE, noise
from tests.support import ScriptedWorkers, World, a_delivery, delay

from consumer.batches import EventLimit
from consumer.dispatch import Dispatcher, PollResult
from shared.delivery import MAX_EVENT_BYTES, Batch, Delivery, to_event
from shared.ports.workers import Answer, Meaning

SENT, TOO_LARGE, DEFINITE, TRANSIENT, AMBIGUOUS = Meaning


@pytest.fixture
def fifo() -> Iterator[World]:
    """Yields a world whose queues are FIFO."""
    world = World(".fifo")
    yield world
    world.close()


def dispatcher(world: World, workers: ScriptedWorkers, batch_size: int = 1) -> Dispatcher:
    return Dispatcher(world.queue, world.dead_letters, workers, world.clock, world.random, batch_size)


def received(world: World, number: int = 1) -> list[Delivery]:
    world.send(*(f"body {n}" for n in range(number)))
    return world.receive()


def grouped(world: World, groups: str, **large: str) -> list[Delivery]:
    """Returns the deliveries of a poll of a FIFO queue: one for each letter, which names its group.

    large -- long text that a body begins with: `a1` is for the first message of group a.
    """
    for number, group in enumerate(groups):
        name = f"{group}{groups[: number + 1].count(group)}"
        world.send(f"{name} {large.get(name, '')}", group=group)
    return world.receive()


def names(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns which of the grouped messages they are."""
    return [str(message["Body"]).partition(" ")[0] for message in messages]


def names_of(deliveries: Iterable[Delivery]) -> list[str]:
    return names(delivery.message for delivery in deliveries)


def released(world: World, deliveries: list[Delivery]) -> list[list[str]]:
    """Returns which of the deliveries were released, a list for each call."""
    by_id = {delivery.message_id: delivery for delivery in deliveries}
    return [names_of(by_id[one] for one in ids) for ids, _ in world.queue.asked("change_visibility")]


def dispatch(
    world: World, workers: ScriptedWorkers, deliveries: list[Delivery], batch_size: int = 1
) -> PollResult:
    return world.run(dispatcher(world, workers, batch_size).dispatch(deliveries))


def released_for(world: World) -> list[int]:
    return [seconds for _, seconds in world.queue.asked("change_visibility")]


def grown_old(world: World, deliveries: list[Delivery], days: float) -> list[Delivery]:
    """Returns the deliveries of messages as old as that."""
    sent = str(int((world.clock.now() - days * 24 * 3600) * 1000))
    return [with_attributes(delivery, {**delivery.system, "SentTimestamp": sent}) for delivery in deliveries]


def with_attributes(delivery: Delivery, attributes: Mapping[str, str]) -> Delivery:
    return Delivery({**delivery.message, "Attributes": attributes}, delivery.queue_url, delivery.lease)


def reasons(world: World) -> list[str]:
    return [
        json.loads(letter.attributes["zigzag"]["StringValue"])["reason"]
        for letter in world.dead_letters.messages
    ]


class TestAnswers:
    """Most rows of the table. The others are seen best in a batch."""

    def test_sent_is_the_workers_to_settle(self, world: World) -> None:
        workers = ScriptedWorkers(SENT)

        result = dispatch(world, workers, received(world, 3))

        assert result == PollResult(dispatched=3)
        assert world.queue.calls == []
        assert len(workers.batches) == 1, "a poll's dispatches go out together"

    def test_too_large_becomes_a_dead_letter_with_the_reason(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        result = dispatch(world, ScriptedWorkers(TOO_LARGE), received(world))

        assert result == PollResult(dead_lettered=1)
        (said,) = [vars(record)["fields"] for record in caplog.records if record.msg == "dead-letter"]
        assert (said["message_id"], said["receives"], said["settled"]) == ("message-1", 1, True)
        assert len(world.queue) == 0
        assert "too large for an asynchronous invoke" in reasons(world)[0]

    def test_ambiguous_is_neither_sent_again_nor_released(self, world: World) -> None:
        workers = ScriptedWorkers(AMBIGUOUS)

        result = dispatch(world, workers, received(world))

        assert result == PollResult(left=1)
        assert len(workers.batches) == 1
        assert world.queue.calls == []

    def test_in_one_poll_every_message_has_its_own_answer(self, world: World) -> None:
        deliveries = received(world, 6)
        workers = ScriptedWorkers([SENT, TRANSIENT, TOO_LARGE, AMBIGUOUS, DEFINITE, SENT])

        result = dispatch(world, workers, deliveries)

        assert (result.dispatched, result.released, result.dead_lettered, result.left) == (2, 2, 1, 1)
        ids = [delivery.message_id for delivery in deliveries]
        assert [called for called, _ in world.queue.asked("change_visibility")] == [[ids[1], ids[4]]]
        assert world.queue.asked("delete") == [([ids[2]],)]

    def test_every_answer_but_sent_is_logged_with_awss_words(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        dispatch(world, ScriptedWorkers([SENT, DEFINITE]), received(world, 2))

        (record,) = caplog.records
        assert record.message == "dispatch definite"
        assert record.__dict__["fields"]["detail"] == "as the script says"


class TestRelease:
    """A released message is hidden for a jittered while."""

    def test_for_15_to_60_seconds_never_0(self, world: World) -> None:
        deliveries = received(world)
        one = dispatcher(world, ScriptedWorkers(*[DEFINITE] * 200))

        for _ in range(200):
            world.run(one.dispatch(deliveries))

        seconds = released_for(world)
        assert min(seconds) >= 15
        assert max(seconds) <= 60
        assert len(set(seconds)) > 20

    @pytest.mark.parametrize(
        ("receives", "least", "most"),
        [(7, 15, 60), (8, 30, 120), (60, 225, 900), (240, 900, 3600), (900, 900, 3600)],
    )
    def test_longer_the_more_often_it_was_received(
        self, world: World, receives: int, least: int, most: int
    ) -> None:
        one = dispatcher(world, ScriptedWorkers(*[DEFINITE] * 100))

        for _ in range(100):
            world.run(one.dispatch([a_delivery(receives=receives)]))

        assert least <= min(released_for(world)) < max(released_for(world)) <= most

    def test_one_that_was_received_often_does_not_hold_up_the_others(self, world: World) -> None:
        deliveries = [a_delivery(MessageId="old", receives=200), a_delivery(MessageId="new")]

        dispatch(world, ScriptedWorkers(DEFINITE), deliveries, 10)

        by_id = {ids[0]: seconds for ids, seconds in world.queue.asked("change_visibility")}
        assert by_id["new"] <= 60 < 225 <= by_id["old"]

    @pytest.mark.parametrize("how", ["broken", "refusing"])
    def test_a_message_that_cant_be_released_is_left_to_its_lease(self, world: World, how: str) -> None:
        deliveries = received(world, 2)
        setattr(world.queue, how, {"change_visibility"})

        result = dispatch(world, ScriptedWorkers(DEFINITE), deliveries)

        assert result == PollResult(left=2, stop="invokes refused")


class TestLate:
    """An invoke later than 10 s after the receive is not sent: the worker would have too little time."""

    @pytest.mark.parametrize(("seconds", "sent"), [(0, 1), (10, 1), (10.5, 0), (100, 0)])
    def test_a_late_delivery_is_released_and_not_sent(self, world: World, seconds: float, sent: int) -> None:
        workers = ScriptedWorkers(SENT)
        deliveries = received(world)
        world.pass_time(seconds)

        result = dispatch(world, workers, deliveries)

        assert result == PollResult(dispatched=sent, released=1 - sent)
        assert len(workers.batches) == sent


class TestWorn:
    """A message that SQS is about to give up without a reason becomes a dead letter with one."""

    @pytest.mark.parametrize(("receives", "moved"), [(989, 0), (990, 1), (1000, 1)])
    def test_near_sqs_last_receive_the_consumer_makes_the_letter(
        self, world: World, receives: int, moved: int
    ) -> None:
        workers = ScriptedWorkers()

        result = dispatch(world, workers, [a_delivery(receives=receives), a_delivery()])

        assert (result.dead_lettered, result.dispatched) == (moved, 2 - moved)
        said = [reason.partition(",")[0] for reason in reasons(world)]
        assert said == [f"received {receives} times"] * moved

    def test_in_a_group_nothing_overtakes_it(self, fifo: World) -> None:
        # Given a group whose second message was received too often, and whose first is healthy
        deliveries, workers = grouped(fifo, "aaa"), ScriptedWorkers()
        deliveries[1].receive_count = 995

        assert dispatch(fifo, workers, deliveries) == PollResult(dispatched=1, released=2)
        assert names([event["Message"] for event in workers.events]) == ["a1"]
        assert dispatch(fifo, workers, deliveries[1:]) == PollResult(dead_lettered=1, released=1)


class TestNearItsEnd:
    """SQS drops a message after 14 days. With less than four left, its next chance may come too late."""

    @pytest.mark.parametrize(("days", "moved"), [(9.99, 0), (10.01, 1), (13.9, 1)])
    def test_a_message_that_would_be_released_becomes_a_dead_letter(
        self, world: World, days: float, moved: int
    ) -> None:
        deliveries = grown_old(world, received(world), days)

        result = dispatch(world, ScriptedWorkers(DEFINITE), deliveries)

        assert (result.dead_lettered, result.released, result.left) == (moved, 1 - moved, 0)
        assert len(world.queue) == 1 - moved
        why = (
            "SQS would drop the message in less than 4 days, and no worker could be sent for it: "
            "received once. The consumer's log tells why"
        )
        assert reasons(world) == [why] * moved

    def test_so_does_what_does_not_fit_its_groups_event(self, fifo: World) -> None:
        deliveries, workers = grouped(fifo, "aaa", a1=HALF, a2=HALF), ScriptedWorkers()
        deliveries[2:] = grown_old(fifo, deliveries[2:], 12)

        result = dispatch(fifo, workers, deliveries)

        assert result == PollResult(dispatched=1, released=1, dead_lettered=1)
        assert names([event["Message"] for event in workers.events]) == ["a1"]
        assert released(fifo, deliveries) == [["a2"]]

    @pytest.mark.parametrize("meaning", [SENT, AMBIGUOUS])
    def test_a_message_that_a_worker_may_have_is_the_workers(self, world: World, meaning: Meaning) -> None:
        deliveries = grown_old(world, received(world), 13.9)

        assert dispatch(world, ScriptedWorkers(meaning), deliveries).dead_lettered == 0

    def test_one_whose_age_is_not_known_is_released(self, world: World) -> None:
        deliveries = [with_attributes(delivery, {}) for delivery in received(world)]

        assert dispatch(world, ScriptedWorkers(TRANSIENT), deliveries).released == 1


class TestUnwritable:
    """A message that JSON in UTF-8 can't hold is not dispatched. The others are."""

    HALF_A_CHARACTER = '{"task": "hello", "payload": "\ud83d"}'

    def test_the_others_of_its_poll_are_dispatched(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        deliveries = [*received(world, 2), a_delivery(self.HALF_A_CHARACTER, MessageId="odd"), a_delivery()]
        workers = ScriptedWorkers()

        result = dispatch(world, workers, deliveries)

        assert (result.dispatched, len(workers.events), result.stop) == (3, 3, None)
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
            "not dispatched"
        ]
        assert caplog.records[0].__dict__["fields"]["message_id"] == "odd"

    @pytest.mark.parametrize(
        "receives",
        [
            pytest.param(995, id="received almost as often as SQS allows"),
            pytest.param(1, id="near its end"),
        ],
    )
    def test_no_letter_can_hold_it(self, world: World, receives: int) -> None:
        odd = a_delivery(self.HALF_A_CHARACTER, receives=receives)
        grown_old(world, [odd], 12)

        assert dispatch(world, ScriptedWorkers(), [odd]).dead_lettered == 0

    def test_a_batch_goes_out_without_it(self, world: World) -> None:
        deliveries = [*received(world, 2), a_delivery(self.HALF_A_CHARACTER), *received(world, 2)]
        workers = ScriptedWorkers()

        assert dispatch(world, workers, deliveries, 10).dispatched == 4
        assert [len(event["Messages"]) for event in workers.events] == [2, 2]

    def test_in_a_group_nothing_overtakes_it(self, fifo: World) -> None:
        deliveries = grouped(fifo, "aaab")
        deliveries[1].message["Body"] = self.HALF_A_CHARACTER  # type: ignore[index]
        workers = ScriptedWorkers()

        result = dispatch(fifo, workers, deliveries)

        assert (result.dispatched, result.released) == (2, 2)
        assert sorted(names([event["Message"] for event in workers.events])) == ["a1", "b1"]


class TestTooLarge:
    """1,000,000 bytes with the envelope, compressed if need be."""

    @pytest.mark.parametrize("character", ["x", '"', "🙂"])
    def test_a_body_that_fits_compressed_is_sent(self, world: World, character: str) -> None:
        workers = ScriptedWorkers()
        world.send(character * 262_144 * (4 // len(character.encode())))

        result = dispatch(world, workers, world.receive())

        assert result == PollResult(dispatched=1)
        assert "BodyGzip" in workers.events[0]["Message"]

    def test_a_body_that_does_not_becomes_a_dead_letter_without_a_call(self, world: World) -> None:
        # Given the longest body whose event fits, and one that is a character longer
        longest = noise(MAX_EVENT_BYTES - len(to_event(Batch((a_delivery(""),)))))
        workers = ScriptedWorkers()

        result = dispatch(world, workers, [a_delivery(longest), a_delivery(longest + "x")])

        # Then only the first is sent
        assert (result.dispatched, result.dead_lettered, len(workers.events)) == (1, 1, 1)
        assert [letter.body for letter in world.dead_letters.messages] == [longest + "x"]
        assert "even compressed" in reasons(world)[0]

    def test_the_message_stays_if_its_letter_is_refused(self, world: World) -> None:
        world.dead_letters.broken = {"send"}

        result = dispatch(world, ScriptedWorkers(TOO_LARGE), received(world))

        assert result == PollResult(left=1)
        assert len(world.queue) == 1


class SmallLambda(ScriptedWorkers):
    """Workers behind an API that takes smaller events than Lambda's documentation says."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self.refused = 0

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        fit = [len(event) <= self._limit for event in events]
        self.refused += fit.count(False)
        await super().dispatch([event for event, fits in zip(events, fit, strict=True) if fits])
        return [Answer(SENT if fits else TOO_LARGE) for fits in fit]


class TestSmallerLimit:
    """A limit that is smaller than the one we know is found out, and kept to."""

    LIMIT = 262_144

    @pytest.mark.parametrize("size", [1_000, 40_000, 130_000])
    def test_a_batch_that_is_refused_is_sent_in_smaller_ones(self, world: World, size: int) -> None:
        workers = SmallLambda(self.LIMIT)
        world.send(*(f"{number} {noise(size)}" for number in range(10)))

        result = dispatch(world, workers, world.receive(), 10)

        assert result == PollResult(dispatched=10)
        sent = [
            one["Body"] for event in workers.events for one in event.get("Messages", [event.get("Message")])
        ]
        assert sorted(int(body.partition(" ")[0]) for body in sent) == list(range(10))
        assert len(world.dead_letters) == 0

    def test_the_limit_is_remembered_by_the_process(self, world: World) -> None:
        workers, limit = SmallLambda(self.LIMIT), EventLimit()
        for _ in range(3):
            world.send(*[noise(60_000)] * 10)
            one = Dispatcher(
                world.queue, world.dead_letters, workers, world.clock, world.random, 10, limit=limit
            )
            assert world.run(one.dispatch(world.receive())) == PollResult(dispatched=10)

        assert workers.refused <= 3

    def test_one_that_is_refused_travels_compressed(self, world: World) -> None:
        workers = SmallLambda(self.LIMIT)
        world.send("x" * 600_000)

        assert dispatch(world, workers, world.receive()) == PollResult(dispatched=1)
        assert "BodyGzip" in workers.events[0]["Message"]

    def test_one_that_is_too_large_compressed_as_well_becomes_a_dead_letter(self, world: World) -> None:
        workers = SmallLambda(self.LIMIT)
        world.send(noise(400_000), "{}")

        assert dispatch(world, workers, world.receive(), 10) == PollResult(dispatched=1, dead_lettered=1)
        assert len(world.dead_letters.messages[0].body) == 400_000

    def test_one_within_what_lambda_takes_is_tried_whatever_was_refused_before(self, world: World) -> None:
        # Given a limit that was guessed too small: a batch of 900,000 bytes was refused
        workers, limit = SmallLambda(800_000), EventLimit()
        limit.refused(900_000)
        one = Dispatcher(world.queue, world.dead_letters, workers, world.clock, world.random, limit=limit)
        world.send(noise(700_000))

        assert world.run(one.dispatch(world.receive())) == PollResult(dispatched=1)

    def test_of_a_group_the_first_are_sent_and_the_rest_is_released(self, fifo: World) -> None:
        large = {f"a{number}": noise(90_000) for number in range(1, 6)}
        deliveries, workers = grouped(fifo, "aaaaa", **large), SmallLambda(self.LIMIT)

        result = dispatch(fifo, workers, deliveries)

        (event,) = workers.events
        assert names(event["Messages"]) == ["a1", "a2"]
        assert result == PollResult(dispatched=2, released=3)
        assert released(fifo, deliveries) == [["a3", "a4", "a5"]]

    def test_a_batch_that_has_become_late_is_not_sent_again(self, world: World) -> None:
        # Given workers that refuse, after longer than a dispatch may take
        workers = SmallLambda(self.LIMIT)
        delay(world, workers, "dispatch", before=11)
        world.send(*[noise(60_000)] * 10)

        assert dispatch(world, workers, world.receive(), 10) == PollResult(released=10)
        assert workers.events == []


class TestBatch:
    """On a standard queue, one dispatch may carry several messages: an answer is that of all of them."""

    @pytest.mark.parametrize(
        ("meaning", "became"),
        [
            pytest.param(SENT, PollResult(dispatched=3), id="sent"),
            pytest.param(TRANSIENT, PollResult(released=3), id="transient"),
            pytest.param(DEFINITE, PollResult(released=3, stop="invokes refused"), id="definite"),
            pytest.param(AMBIGUOUS, PollResult(left=3), id="ambiguous"),
        ],
    )
    def test_each_message_shares_the_fate_of_its_batch(
        self, world: World, meaning: Meaning, became: PollResult
    ) -> None:
        result = dispatch(world, ScriptedWorkers(meaning), received(world, 3), 10)

        assert (result.pause_seconds > 0) is (meaning is TRANSIENT)
        assert replace(result, pause_seconds=0) == became


class TestFifo:
    """A dispatch carries what came of one group, in order. No message of a group overtakes."""

    @pytest.mark.parametrize(
        ("meaning", "calls", "result"),
        [
            pytest.param(SENT, [["a3", "a4"]], PollResult(dispatched=2, released=2), id="sent"),
            pytest.param(AMBIGUOUS, [["a3", "a4"]], PollResult(left=2, released=2), id="ambiguous"),
            pytest.param(
                DEFINITE,
                [["a1", "a2", "a3", "a4"]],
                PollResult(released=4, stop="invokes refused"),
                id="definite",
            ),
        ],
    )
    def test_a_group_is_released_in_one_call(
        self, fifo: World, meaning: Meaning, calls: list[list[str]], result: PollResult
    ) -> None:
        # Given a group of which only the first two fit
        deliveries = grouped(fifo, "aaaa", a2=HALF, a3=HALF)

        assert dispatch(fifo, ScriptedWorkers(meaning), deliveries) == result
        assert released(fifo, deliveries) == calls

    def test_each_group_is_released_for_a_while_of_its_own(self, fifo: World) -> None:
        deliveries = grouped(fifo, "abcdefghij")

        dispatch(fifo, ScriptedWorkers(DEFINITE), deliveries)

        assert [len(ids) for ids in released(fifo, deliveries)] == [1] * 10
        assert len(set(released_for(fifo))) > 3
        assert all(15 <= seconds <= 60 for seconds in released_for(fifo))

    def test_a_group_whose_release_fails_does_not_keep_the_others(self, fifo: World) -> None:
        deliveries = grouped(fifo, "ab")
        fifo.run(fifo.queue.delete(deliveries[:1]))  # no longer there to be released

        assert dispatch(fifo, ScriptedWorkers(DEFINITE), deliveries) == PollResult(
            released=1, left=1, stop="invokes refused"
        )

    def test_the_rest_is_released_after_its_batch_was_answered(self, fifo: World) -> None:
        # Given workers that look, before they answer, at what the queue was asked so far
        seen: list[object] = []

        class LookingWorkers(ScriptedWorkers):
            async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
                await fifo.clock.sleep(1)
                seen.extend(fifo.queue.calls)
                return await super().dispatch(events)

        deliveries = grouped(fifo, "aa", a1=HALF, a2=HALF)
        result = dispatch(fifo, LookingWorkers(), deliveries)

        assert result == PollResult(dispatched=1, released=1)
        assert seen == []
        assert released(fifo, deliveries) == [["a2"]]

    @pytest.mark.parametrize("head", [WHOLE, HALF], ids=["for an event", "for Lambda"])
    def test_a_head_too_large_becomes_a_dead_letter_and_then_its_group_goes_on(
        self, fifo: World, head: str
    ) -> None:
        deliveries = grouped(fifo, "aaa", a1=head, a2=HALF)

        assert dispatch(fifo, ScriptedWorkers(TOO_LARGE), deliveries) == PollResult(
            dead_lettered=1, released=2
        )

        assert [method for method, *_ in fifo.queue.calls] == ["delete", "change_visibility"]
        assert released(fifo, deliveries) == [["a2", "a3"]]

    def test_a_group_waits_for_a_head_that_cant_be_moved(self, fifo: World) -> None:
        deliveries = grouped(fifo, "aaa", a1=WHOLE)
        fifo.dead_letters.broken = {"send"}

        assert dispatch(fifo, ScriptedWorkers(), deliveries) == PollResult(left=1, released=2)

        # Its followers are visible again before it is, and do not come before it
        head_seconds, followers_seconds = released_for(fifo)
        fifo.pass_time(followers_seconds)
        assert fifo.receive() == []
        fifo.pass_time(head_seconds - followers_seconds)
        assert names_of(fifo.receive()) == ["a1", "a2", "a3"]


class TestInARow:
    """The third time in a row ends the turn. Dispatches under way together count once."""

    def stops(self, world: World, script: Iterable[Meaning]) -> list[str | None]:
        script = list(script)
        one = dispatcher(world, ScriptedWorkers(*script))
        deliveries = received(world, 5)
        return [world.run(one.dispatch(deliveries)).stop for _ in script]

    @pytest.mark.parametrize(
        ("script", "stop"),
        [
            pytest.param([TRANSIENT] * 3, "invokes transient 3 times in a row", id="transient"),
            pytest.param([AMBIGUOUS] * 3, "invokes ambiguous 3 times in a row", id="ambiguous"),
        ],
    )
    def test_the_third_time_ends_the_turn(self, world: World, script: list[Meaning], stop: str) -> None:
        assert self.stops(world, script) == [None, None, stop]

    @pytest.mark.parametrize("meaning", [TRANSIENT, AMBIGUOUS])
    def test_a_better_answer_in_between_starts_the_count_again(self, world: World, meaning: Meaning) -> None:
        script = [meaning, meaning, SENT, meaning, meaning]

        assert self.stops(world, script) == [None] * 5

    def test_transient_and_ambiguous_are_counted_apart(self, world: World) -> None:
        assert self.stops(world, [TRANSIENT, AMBIGUOUS, TRANSIENT, AMBIGUOUS]) == [None] * 4

    @pytest.mark.parametrize("meaning", [TRANSIENT, AMBIGUOUS])
    def test_bad_answers_to_polls_that_were_under_way_together_are_one(
        self, world: World, meaning: Meaning
    ) -> None:
        workers = ScriptedWorkers(*[meaning] * 6)
        delay(world, workers, "dispatch", before=1)
        one = dispatcher(world, workers)
        batches = [received(world) for _ in range(4)]

        async def together() -> list[PollResult]:
            return await asyncio.gather(*(one.dispatch(deliveries) for deliveries in batches))

        assert [result.stop for result in world.run(together())] == [None] * 4
        # Two more, one after the other, are the third
        assert world.run(one.dispatch(batches[0])).stop is None
        assert world.run(one.dispatch(batches[0])).stop is not None

    def test_the_pause_is_jittered_and_a_second_or_more(self, world: World) -> None:
        deliveries = received(world)
        pauses = [dispatch(world, ScriptedWorkers(TRANSIENT), deliveries).pause_seconds for _ in range(100)]

        assert min(pauses) >= 1
        assert max(pauses) <= 2
        assert len(set(pauses)) > 50


class Deaf(ScriptedWorkers):
    """Workers that keep nothing of what they are sent."""

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        return [Answer(SENT) for _ in events]


def test_no_traced_event_is_held_twice(world: World) -> None:
    header = {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}
    messages = [{"MessageId": f"m{n}", "Body": 500_000 * str(n), "Attributes": header} for n in range(10)]
    peaks = []
    for tracing in (False, True):
        of_world = world.queue, world.dead_letters, Deaf(), world.clock, world.random
        asked = Dispatcher(*of_world, tracing=tracing)
        tracemalloc.start()
        world.run(asked.dispatch([Delivery(message, "q") for message in messages]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[0] > 10 * 500_000
    assert peaks[1] - peaks[0] < 2 * 500_000

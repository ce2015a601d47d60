"""Batches: one dispatch with several deliveries, in order on a FIFO queue, each for itself elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.support import World, body_of
from tests.unit.worker.conftest import ATTEMPTS, Bench

from shared.delivery import Delivery
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS, LEASE_SECONDS
from shared.ports.queue import Failed
from worker.batch import RELEASED_SECONDS
from zigzag.policy import Policy
from zigzag_testing.faults import Crash

GROUP = "g"


def received(
    world: World, *does: dict[str, Any], task: str = "plain", group: str | None = None
) -> list[Delivery]:
    """Messages that do so, sent and received together; their tasks are numbered from 0."""
    for n, what in enumerate(does):
        body = body_of(task, {"n": n, **what})
        options = {} if group is None else {"group": group, "deduplication_id": f"d{n}"}
        world.send(body, **options)
    return world.receive()


def numbers(bench: Bench) -> list[int]:
    return [n for n, _ in bench.began]


def waiting(world: World) -> list[int]:
    """What is still on the queue."""
    return [json.loads(message.body)["payload"]["n"] for message in world.queue.messages]


class TestEachForItself:
    """On a standard queue."""

    def test_all_run_and_are_deleted_in_one_call(self, world: World, bench: Bench) -> None:
        bench.work(*received(world, {}, {}, {}))

        assert numbers(bench) == [0, 1, 2]
        assert [method for method, *_ in world.queue.calls] == ["delete"]
        assert len(world.queue) == 0

    def test_a_failure_touches_only_its_own(self, world: World, bench: Bench) -> None:
        reports = bench.work(*received(world, {}, {"raises": True}, {"rejects": True}, {}))

        by_number = sorted(report.outcome for report in reports)
        assert by_number == ["dead-letter", "retry later", "succeeded", "succeeded"]
        assert numbers(bench) == [0, 1, 2, 3]
        assert waiting(world) == [1]

    def test_successes_do_not_wait_for_slow_tasks_behind_them(self, world: World, bench: Bench) -> None:
        bench.work(*received(world, {"seconds": 2}, {"seconds": 2}, {}))

        assert len(world.queue.asked("delete")) == 3

    def test_a_success_that_waits_for_its_deletion_is_kept_alive(self, world: World, bench: Bench) -> None:
        bench.work(*received(world, {}, {"seconds": 300}))

        beats = [ids for ids, seconds in world.queue.asked("change_visibility") if seconds == LEASE_SECONDS]
        assert {tuple(sorted(ids)) for ids in beats} == {("message-1", "message-2")}
        assert len(world.queue) == 0

    def test_a_success_is_deleted_before_one_that_was_delivered_before_starts(
        self, world: World, bench: Bench
    ) -> None:
        # Given a message that came before and was not settled: it may have killed its process
        world.send(body_of("plain", {"n": 1, "crashes": True}))
        world.receive()
        world.pass_time(LEASE_SECONDS)
        again = world.receive()

        # When it kills the process of one that has succeeded
        bench.crash(*received(world, {}), *again)

        assert numbers(bench) == [0, 1]
        assert waiting(world) == [1]

    def test_a_killer_takes_a_success_down_once(self, world: World, bench: Bench) -> None:
        world.send(body_of("plain", {"n": 0}), body_of("plain", {"n": 1, "crashes": True}))
        bench.crash(*world.receive())
        while len(world.queue):
            world.pass_time(LEASE_SECONDS)
            with contextlib.suppress(Crash):
                bench.work(*world.receive())

        assert numbers(bench).count(0) == 2
        assert [json.loads(letter.body)["payload"]["n"] for letter in world.dead_letters.messages] == [1]

    def test_what_could_not_be_deleted_is_said_of_that_one(self, world: World, bench: Bench) -> None:
        world.queue.refusing = {"delete"}

        reports = bench.work(*received(world, {}, {}))

        assert [(report.outcome, report.settled) for report in reports] == [("succeeded", False)] * 2

    def test_with_no_time_left_the_rest_is_released(self, world: World, bench: Bench) -> None:
        reports = bench.work(*received(world, {"seconds": 50}, {}, {}), seconds_left=60)

        assert numbers(bench) == [0]
        assert world.queue.asked("change_visibility")[-1] == (["message-2", "message-3"], RELEASED_SECONDS)
        assert {report.outcome for report in reports} == {"succeeded", "released"}

    def test_the_time_of_a_short_function_is_used_as_well(self, world: World, bench: Bench) -> None:
        bench.work(*received(world, *[{"seconds": 1}] * 10), seconds_left=10)

        assert numbers(bench) == list(range(7)), "the last one has 4 s"

    def test_a_release_uses_up_no_attempt(self, world: World, bench: Bench) -> None:
        bench.work(*received(world, {"seconds": 50}, {"raises": True}), seconds_left=60)
        world.pass_time(RELEASED_SECONDS)

        (report,) = bench.work(*world.receive())

        assert report.attempt == 1

    def test_after_an_interrupted_task_the_rest_is_released(self, world: World, bench: Bench) -> None:
        bench.work(*received(world, {"seconds": 100}, {}), seconds_left=60)

        assert numbers(bench) == [0]

    def test_once_the_lease_is_lost_the_rest_is_not_touched(self, world: World, bench: Bench) -> None:
        deliveries = received(world, {"seconds": 150}, {})
        world.queue.refusing = {"change_visibility"}

        reports = bench.work(*deliveries)

        assert numbers(bench) == [0]
        assert [report.outcome for report in reports] == ["left alone", "succeeded"]

    def test_one_that_comes_too_late_is_not_touched_at_all(self, world: World, bench: Bench) -> None:
        deliveries = received(world, {}, {})
        world.pass_time(91)

        assert bench.outcomes(deliveries) == ["left alone", "left alone"]
        assert world.queue.calls == []


@pytest.mark.parametrize("group", [None, GROUP], ids=["each for itself", "in order"])
def test_in_a_process_that_must_exit_no_other_task_starts(group: str | None) -> None:
    world = World("" if group is None else ".fifo")
    bench = Bench(world)

    reports = bench.work(*received(world, {"must exit": True}, {}, {}, group=group))
    world.close()

    assert numbers(bench) == [0]
    assert sorted((report.outcome, report.retry_seconds) for report in reports) == [
        ("released", RELEASED_SECONDS),
        ("released", RELEASED_SECONDS),
        ("succeeded", None),
    ]


@pytest.mark.parametrize("group", [None, GROUP], ids=["each for itself", "in order"])
def test_one_whose_own_lease_could_not_be_kept_does_not_start(group: str | None) -> None:
    # Given a batch whose second message SQS refuses to extend while the first one's task goes on
    world = World("" if group is None else ".fifo")
    bench = Bench(world)
    deliveries = received(world, {"seconds": 150}, {}, group=group)
    change_visibility = world.queue.change_visibility

    async def refusing(asked: Sequence[Delivery], seconds: int, until: float) -> list[Failed]:
        sound = [delivery for delivery in asked if delivery.message_id != deliveries[1].message_id]
        await change_visibility(sound, seconds, until)
        return [Failed(one, "InternalError", "") for one in asked if one not in sound]

    world.queue.change_visibility = refusing  # type: ignore[method-assign]
    reports = bench.work(*deliveries)
    world.close()

    # Then it may be with another worker by now
    assert {report.outcome for report in reports} == {"succeeded", "left alone"}
    assert numbers(bench) == [0]


@pytest.mark.parametrize("group", [None, GROUP], ids=["each for itself", "in order"])
class TestWhatIsLeftOfTheTime:
    """Only the first of a batch has the whole time of the function."""

    @pytest.fixture
    def bench(self, group: str | None) -> Iterator[Bench]:
        world = World("" if group is None else ".fifo")
        yield Bench(world)
        world.close()

    @pytest.mark.parametrize("goes_on", [0, 300], ids=["it is interrupted", "it has to be ended"])
    @pytest.mark.parametrize("before", [0, 2], ids=["delivered first", "delivered before"])
    def test_one_that_had_less_of_it_used_up_no_attempt(
        self, bench: Bench, group: str | None, before: int, goes_on: int
    ) -> None:
        world = bench.world
        deliveries = received(world, {"seconds": 40}, {"seconds": 40, "goes on for": goes_on}, group=group)
        for _ in range(before):  # and nothing was started
            world.pass_time(LEASE_SECONDS)
            deliveries = world.receive()

        with contextlib.suppress(Crash, asyncio.CancelledError):
            bench.work(*deliveries, seconds_left=60)
        assert (numbers(bench), waiting(world)) == ([0, 1], [1])
        world.pass_time(RELEASED_SECONDS)
        bench.work(*world.receive(), seconds_left=900)

        assert [context.attempt for context in bench.contexts] == [1, 1, 1]

    def test_one_that_hangs_is_given_up_all_the_same(self, bench: Bench, group: str | None) -> None:
        world = bench.world
        received(world, {}, {"seconds": 9000}, {}, group=group)
        while len(world.queue):
            world.pass_time(LEASE_SECONDS)
            bench.work(*world.receive(), seconds_left=60)

        assert numbers(bench) == [0, *[1] * (1 + ATTEMPTS), 2]
        assert len(world.dead_letters) == 1

    def test_alone_it_has_all_of_it_and_used_one_up(self, bench: Bench, group: str | None) -> None:
        (report,) = bench.work(*received(bench.world, {"seconds": 100}, group=group), seconds_left=60)
        bench.world.pass_time(60)
        bench.work(*bench.world.receive(), seconds_left=900)

        assert report.outcome == "retry later"
        assert [context.attempt for context in bench.contexts] == [1, 2]

    def test_one_that_took_longer_than_its_own_timeout_used_one_up(
        self, bench: Bench, group: str | None
    ) -> None:
        world = bench.world
        bench.table["plain"].policy = Policy(attempts=3, timeout=20)

        bench.work(*received(world, {}, {"seconds": 100}, group=group), seconds_left=60)
        world.pass_time(60)
        bench.work(*world.receive(), seconds_left=900)

        assert [context.attempt for context in bench.contexts] == [1, 1, 2]

    def test_one_that_may_start_once_is_not_given_up_for_it(self, bench: Bench, group: str | None) -> None:
        world = bench.world
        bench.table["plain"].policy = Policy(attempts=1)
        received(world, *[{"seconds": 40}] * 4, group=group)
        while len(world.queue):
            world.pass_time(LEASE_SECONDS)
            bench.work(*world.receive(), seconds_left=60)

        assert len(world.dead_letters) == 0
        assert numbers(bench) == [0, 1, 1, 2, 2, 3, 3]


class TestInOrder:
    """One group of a FIFO queue."""

    def test_all_run_in_order_each_off_the_queue_before_the_next(self, fifo: Bench) -> None:
        world = fifo.world

        fifo.work(*received(world, {}, {}, {}, group=GROUP))

        assert numbers(fifo) == [0, 1, 2]
        assert world.queue.asked("delete") == [(["message-1"],), (["message-2"],), (["message-3"],)]

    def test_the_lease_is_checked_before_the_first_task_head_first(self, fifo: Bench) -> None:
        world = fifo.world

        fifo.work(*received(world, {}, {}, group=GROUP))

        assert world.queue.calls[:2] == [
            ("change_visibility", ["message-1"], LEASE_SECONDS),
            ("change_visibility", ["message-2"], LEASE_SECONDS),
        ]

    def test_without_the_heads_lease_nothing_runs(self, fifo: Bench) -> None:
        world = fifo.world
        deliveries = received(world, {}, {}, group=GROUP)
        world.queue.refusing = {"change_visibility"}

        assert fifo.outcomes(deliveries) == ["left alone", "left alone"]
        assert fifo.began == []
        assert world.queue.asked("change_visibility") == [(["message-1"], LEASE_SECONDS)]

    def test_what_is_behind_a_failure_waits_as_long_and_is_postponed_after_it(self, fifo: Bench) -> None:
        world = fifo.world

        reports = fifo.work(*received(world, {}, {"raises": True}, {}, {}, group=GROUP))

        seconds = reports[1].retry_seconds
        assert world.queue.asked("change_visibility")[-2:] == [
            (["message-2"], seconds),
            (["message-3", "message-4"], seconds),
        ]
        assert numbers(fifo) == [0, 1]
        assert waiting(world) == [1, 2, 3]

    def test_a_failing_head_holds_its_group_until_it_is_dead_lettered(self, fifo: Bench) -> None:
        world = fifo.world
        deliveries = received(world, {"raises": True}, {}, {}, group=GROUP)
        while deliveries:
            fifo.work(*deliveries)
            world.pass_time(60)
            deliveries = world.receive()

        assert numbers(fifo) == [0, 0, 0, 1, 2]
        assert len(world.dead_letters) == 1

    def test_a_dead_letter_lets_the_next_one_run(self, fifo: Bench) -> None:
        outcomes = fifo.outcomes(received(fifo.world, {"rejects": True}, {}, group=GROUP))

        assert outcomes == ["dead-letter", "succeeded"]

    def test_a_success_that_cant_be_deleted_stops_the_batch(self, fifo: Bench) -> None:
        world = fifo.world
        deliveries = received(world, {}, {}, group=GROUP)
        world.queue.refusing = {"delete"}

        assert fifo.outcomes(deliveries) == ["succeeded", "left alone"]
        assert numbers(fifo) == [0]

    def test_a_head_that_cant_be_postponed_leaves_all_to_their_leases(self, fifo: Bench) -> None:
        world = fifo.world
        deliveries = received(world, {"raises": True}, {}, group=GROUP)

        async def broken_after_the_first_beat() -> None:
            await fifo.working(*deliveries)

        world.queue.visibility_changes_left = 2
        world.run(broken_after_the_first_beat())

        assert numbers(fifo) == [0]
        assert len(world.queue.asked("change_visibility")) == 3

    def test_a_dead_letter_that_cant_be_moved_stops_the_batch(self, fifo: Bench) -> None:
        fifo.world.dead_letters.broken = {"send"}

        fifo.work(*received(fifo.world, {"rejects": True}, {}, group=GROUP))

        assert numbers(fifo) == [0]

    def test_a_long_batch_is_kept_alive_head_first(self, fifo: Bench) -> None:
        world = fifo.world

        fifo.work(*received(world, {"seconds": 90}, {"seconds": 90}, group=GROUP))

        beats = [ids for ids, seconds in world.queue.asked("change_visibility") if seconds == LEASE_SECONDS]
        assert beats == [
            *[["message-1"], ["message-2"]] * 3,
            *[["message-2"]] * 2,
        ]
        assert len(world.queue) == 0


@pytest.mark.parametrize("n", [1, 3])
def test_a_hand_made_batch_settles_nothing(world: World, bench: Bench, n: int) -> None:
    deliveries = [Delivery({"Body": body_of("plain", {"n": number})}, None) for number in range(n)]

    reports = bench.work(*deliveries)

    assert [(report.outcome, report.settled) for report in reports] == [("succeeded", False)] * n
    assert numbers(bench) == list(range(n))


def test_a_hand_made_batch_is_reported_in_its_order(world: World, bench: Bench) -> None:
    deliveries = [Delivery({"Body": body_of("plain", {"raises": raises})}) for raises in (False, True, False)]

    assert bench.outcomes(deliveries) == ["succeeded", "retry later", "succeeded"]


class TestNearTheirEnd:
    """What was not started, and SQS may drop before it comes again, becomes a dead letter."""

    @pytest.mark.parametrize("group", [None, GROUP], ids=["each for itself", "in order"])
    def test_what_no_time_is_left_for_becomes_one_that_says_so(
        self, group: str | None, world: World, fifo: Bench, bench: Bench
    ) -> None:
        at = bench if group is None else fifo
        does = {"seconds": 50}
        for n in range(3):
            options = {} if group is None else {"group": group, "deduplication_id": f"d{n}"}
            at.world.send(body_of("plain", {"n": n, **does}), **options)
            if n == 1:
                at.world.pass_time(3600)  # the third is younger
        at.world.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS - 1800)

        reports = at.work(*at.world.receive(), seconds_left=60)

        assert numbers(at) == [0], "the first one has its chance"
        assert [report.outcome for report in reports if report.settled] == [
            *(["dead-letter", "released"] if group is None else []),
            "succeeded",
            *([] if group is None else ["dead-letter", "released"]),
        ]
        (letter,) = at.world.dead_letters.messages
        assert json.loads(letter.attributes["zigzag"]["StringValue"])["reason"] == (
            "SQS would drop the message in less than 4 days: not started: no time is left for another task"
        )
        assert waiting(at.world) == [2]

    def test_one_that_cant_be_stored_comes_again(self, world: World, bench: Bench) -> None:
        for n in range(2):
            world.send(body_of("plain", {"n": n, "seconds": 50}))
        world.dead_letters.broken = {"send"}
        world.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)

        reports = bench.work(*world.receive(), seconds_left=60)

        assert [(report.outcome, report.settled) for report in reports] == [
            ("dead-letter", False),
            ("succeeded", True),
        ]
        assert waiting(world) == [1]

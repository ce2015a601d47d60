"""Which messages of a poll travel together: a table, and batches as chance makes them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from random import Random

import pytest
from tests.noise import HALF, WHOLE, noise
from tests.support import a_delivery

from consumer.batches import Dispatch, dispatches_of
from shared.delivery import Batch, Delivery, from_event, to_event
from shared.lease import Lease

LEASE = Lease.taken(1_800_000_000.0)


def batch_of(*bodies: str, groups: str | None = None) -> list[Delivery]:
    """Makes the deliveries of a poll: from a FIFO queue if `groups` has a letter for each, its group."""
    return [
        a_delivery(
            body,
            lease=LEASE,
            system={"MessageGroupId": groups[number], "MessageDeduplicationId": f"d-{number}"}
            if groups
            else {},
            MessageId=f"m-{number}",
        )
        for number, body in enumerate(bodies)
    ]


def numbers(deliveries: Sequence[Delivery]) -> str:
    """Returns the numbers of the deliveries, in a text."""
    return "".join(delivery.message_id.removeprefix("m-") for delivery in deliveries)


def made(dispatches: Sequence[Dispatch]) -> list[tuple[str, str, bool]]:
    """Returns of each dispatch its batch, its rest, and whether it can be sent."""
    return [
        (numbers(dispatch.batch.deliveries), numbers(dispatch.rest), dispatch.event is not None)
        for dispatch in dispatches
    ]


class TestStandard:
    """Batches of up to so many. A message that does not fit is in a batch of its own."""

    @pytest.mark.parametrize(
        ("messages", "batch_size", "batches"),
        [
            pytest.param(3, 1, ["0", "1", "2"], id="1"),
            pytest.param(5, 2, ["01", "23", "4"], id="2"),
            pytest.param(10, 9, ["012345678", "9"], id="9"),
            pytest.param(10, 10, ["0123456789"], id="10"),
            pytest.param(0, 10, [], id="no message"),
        ],
    )
    def test_a_batch_has_up_to_so_many(self, messages: int, batch_size: int, batches: list[str]) -> None:
        dispatches = dispatches_of(batch_of(*["{}"] * messages), batch_size)

        assert made(dispatches) == [(batch, "", True) for batch in batches]

    @pytest.mark.parametrize(
        ("bodies", "dispatches"),
        [
            pytest.param([HALF, "{}", HALF, "{}"], [("01", "", True), ("23", "", True)], id="cut"),
            pytest.param([HALF] * 3, [("0", "", True), ("1", "", True), ("2", "", True)], id="cut twice"),
            pytest.param(
                ["{}", WHOLE, "{}", "{}"],
                [("0", "", True), ("1", "", False), ("23", "", True)],
                id="one that fits no event",
            ),
            pytest.param(["x" * 600_000] * 10, [("0123456789", "", True)], id="all of them, compressed"),
        ],
    )
    def test_a_message_that_does_not_fit_goes_at_once_in_a_batch_of_its_own(
        self, bodies: list[str], dispatches: list[tuple[str, str, bool]]
    ) -> None:
        assert made(dispatches_of(batch_of(*bodies), 10)) == dispatches

    def test_a_fair_queues_groups_make_no_runs(self) -> None:
        deliveries = [a_delivery(system={"MessageGroupId": "tenant"}, MessageId=f"m-{n}") for n in range(3)]

        assert made(dispatches_of(deliveries, 2)) == [("01", "", True), ("2", "", True)]


class TestFifo:
    """A batch is of one group. Messages that do not fit are the rest."""

    @pytest.mark.parametrize(
        ("groups", "batches"),
        [
            pytest.param("aaaaaaaaaa", ["0123456789"], id="one group"),
            pytest.param("aabbc", ["01", "23", "4"], id="as SQS gives them"),
            pytest.param("abab", ["02", "13"], id="in turns"),
        ],
    )
    def test_a_group_has_one_batch_in_the_order_received(self, groups: str, batches: list[str]) -> None:
        # The parameter has no say: it is for standard queues
        for batch_size in (1, 10):
            dispatches = dispatches_of(batch_of(*["{}"] * len(groups), groups=groups), batch_size)
            assert made(dispatches) == [(batch, "", True) for batch in batches]

    @pytest.mark.parametrize(
        ("bodies", "groups", "dispatches"),
        [
            pytest.param([HALF, "{}", HALF, "{}"], "aaaa", [("01", "23", True)], id="cut"),
            pytest.param(
                [HALF, HALF, HALF, "{}"], "aabb", [("0", "1", True), ("23", "", True)], id="one group cut"
            ),
            pytest.param(["{}", WHOLE, "{}"], "aaa", [("0", "12", True)], id="a follower that fits no event"),
            pytest.param([WHOLE, "{}", "{}"], "aaa", [("0", "12", False)], id="a head that fits no event"),
        ],
    )
    def test_messages_that_do_not_fit_wait_as_the_rest(
        self, bodies: list[str], groups: str, dispatches: list[tuple[str, str, bool]]
    ) -> None:
        assert made(dispatches_of(batch_of(*bodies, groups=groups), 1)) == dispatches


def chance_made(random: Random) -> list[Delivery]:
    """Makes the deliveries of either kind of queue: few groups, and bodies of every size and kind."""
    number = random.randint(1, 10)
    bodies = [
        noise(length, random.randrange(100)) if random.random() < 0.5 else "é" * (length // 2)
        for length in (random.choice((5, 300, 2_000, 4_000, 8_000)) for _ in range(number))
    ]
    groups = "".join(random.choice("abc") for _ in range(number))
    return batch_of(*bodies, groups=random.choice((None, groups)))


@pytest.mark.parametrize("seed", range(10))
def test_of_any_batch_nothing_is_lost_doubled_or_out_of_order(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # A limit like Lambda's, but for which chance need not make megabytes
    limit = 5_000
    monkeypatch.setattr("shared.delivery.MAX_EVENT_BYTES", limit)
    random = Random(seed)
    for _ in range(50):
        deliveries, batch_size = chance_made(random), random.randint(1, 10)

        dispatches = dispatches_of(deliveries, batch_size, limit)

        # Every delivery is in one place, and the order of each group is kept; a standard queue is one
        in_order, expected = defaultdict(list), defaultdict(list)
        for dispatch in dispatches:
            in_order[dispatch.batch.deliveries[0].group] += [*dispatch.batch.deliveries, *dispatch.rest]
        for delivery in deliveries:
            expected[delivery.group].append(delivery)
        assert in_order == expected
        # No event is over the limit, and each carries its batch
        for dispatch in dispatches:
            if dispatch.event is None:
                assert len(dispatch.batch.deliveries) == 1
                assert len(to_event(dispatch.batch)) > limit
            else:
                assert len(dispatch.event) <= limit
                assert from_event(json.loads(dispatch.event)) == dispatch.batch
        # A FIFO group has one batch; a standard queue's batches leave no rest, and have no more than they may
        if deliveries[0].from_fifo:
            assert len(dispatches) == len(expected)
        else:
            assert all(not one.rest and len(one.batch.deliveries) <= batch_size for one in dispatches)
        # Nothing waits that had room
        for dispatch in dispatches:
            if dispatch.rest and dispatch.event is not None:
                assert len(to_event(Batch((*dispatch.batch.deliveries, dispatch.rest[0])))) > limit

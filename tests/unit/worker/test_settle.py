"""Settling: what can't be made true on SQS comes again."""

from __future__ import annotations

import pytest
from tests.support import NOW, World

from shared.dead_letter import Cause
from shared.delivery import Delivery
from worker.outcome import Attempt, DeadLetter, Outcome, RetryLater, Succeeded
from worker.result import Result, Start
from worker.settle import Settler
from worker.starts import Starts
from zigzag_testing.virtual_host import VirtualHost


def settle(world: World, outcome: Outcome, delivery: Delivery, host: VirtualHost | None = None) -> bool:
    settler = Settler(world.queue, world.dead_letters, world.clock, world.random, host or VirtualHost())
    starts = Starts(delivery, world.records, world.clock, world.random)
    result = Result(Start(delivery, Attempt(), starts, NOW), outcome, None, 0.0)
    return world.run(settler.settle(result, NOW + 120))


@pytest.mark.parametrize(
    ("outcome", "method"),
    [
        pytest.param(Succeeded(), "delete", id="success"),
        pytest.param(RetryLater(7, "x"), "change_visibility", id="retry"),
    ],
)
@pytest.mark.parametrize(
    ("how", "says"),
    [
        pytest.param("broken", "the message will come again", id="the call failed"),
        pytest.param("refusing", "not settled: possible duplicate", id="the handle is no longer good"),
    ],
)
def test_a_message_that_cant_be_settled_is_told_and_no_error(
    world: World, outcome: Outcome, method: str, how: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = world.delivered()
    setattr(world.queue, how, {method})

    assert not settle(world, outcome, delivery)
    assert says in caplog.text


def test_nothing_is_postponed_once_the_lease_is_over(world: World) -> None:
    # Given a standard queue, on which the handle of an earlier receive may act
    world.queue._superseded_handles_act = True
    delivery = world.delivered()
    world.pass_time(121)
    (theirs,) = world.receive()

    assert not settle(world, RetryLater(7, "busy"), delivery)

    world.pass_time(100)
    assert world.receive() == [], "it is another's for the whole of a lease"
    assert theirs.receive_count == 2


@pytest.mark.parametrize("method", ["send", "delete"])
def test_the_process_exits_after_a_letter_that_could_not_be_moved(world: World, method: str) -> None:
    delivery, host = world.delivered(), VirtualHost()
    world.queue.broken = world.dead_letters.broken = {method}

    settle(world, DeadLetter(Cause("broken")), delivery, host)

    assert host.exit_reason is not None


@pytest.mark.parametrize(
    ("how", "exits"),
    [
        pytest.param("broken", True, id="exits after a call that failed: its successor may do better"),
        pytest.param("refusing", False, id="goes on after a handle that is no longer good"),
    ],
)
def test_the_process_after_what_could_not_be_settled(world: World, how: str, exits: bool) -> None:
    delivery, host = world.delivered(), VirtualHost()
    setattr(world.queue, how, {"delete"})

    settle(world, Succeeded(), delivery, host)

    assert (host.exit_reason is not None) is exits

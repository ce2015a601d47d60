"""Settling: the outcome is made true on SQS, or the message comes again."""

from __future__ import annotations

import pytest
from tests.support import QUEUE_URL, World

from shared.dead_letter import Cause
from shared.delivery import Delivery
from worker.outcome import DeadLetter, LeftAlone, Outcome, RetryLater, Succeeded
from worker.settle import Settler

DEAD = DeadLetter(Cause("rejected: no user"))


def settle(world: World, outcome: Outcome, delivery: Delivery) -> bool:
    settler = Settler(world.queue, world.dead_letters, world.clock, world.random)
    return world.run(settler.settle(outcome, delivery))


def test_success_deletes_the_message(world: World) -> None:
    assert settle(world, Succeeded(), world.delivered())
    assert len(world.queue) == 0
    assert len(world.dead_letters) == 0


def test_retry_later_postpones_the_message(world: World) -> None:
    assert settle(world, RetryLater(7, "busy"), world.delivered())

    world.pass_time(6.9)
    assert world.receive() == []
    world.pass_time(0.1)
    assert len(world.receive()) == 1


def test_a_dead_letter_moves_the_message(world: World) -> None:
    assert settle(world, DEAD, world.delivered())
    assert (len(world.queue), len(world.dead_letters)) == (0, 1)


def test_a_message_that_is_left_alone_is_not_touched(world: World) -> None:
    assert not settle(world, LeftAlone("started too late"), world.delivered())
    assert world.queue.calls == world.dead_letters.calls == []


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
def test_what_cant_be_settled_is_said_and_not_raised(
    world: World, outcome: Outcome, method: str, how: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = world.delivered()
    setattr(world.queue, how, {method})

    assert not settle(world, outcome, delivery)
    assert says in caplog.text


def test_a_refused_dead_letter_is_not_settled(world: World) -> None:
    delivery = world.delivered()
    world.dead_letters.broken = {"send"}

    assert not settle(world, DEAD, delivery)
    assert world.queue.asked("delete") == []
    assert delivery.queue_url == QUEUE_URL

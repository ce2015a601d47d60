"""When tasks fail in a hostile world: nothing is lost but what is ignored, and each letter that has a
repair has sent it, under one id."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.promises.hostile import promises
from tests.promises.hostile.trail import Life
from tests.promises.hostile.world import QUICK, HostileWorld
from tests.support import watch

from shared.ports.queue import Outgoing
from zigzag import Context, task

FAULTS = (
    "call failed",
    "call's answer lost",
    "entry failed",
    "event dropped",
    "event late",
    "crash before a call",
    "crash after a call",
    "crash of a task",
)
"""All that take no lease away, nor double an event: with these, a task that was given up starts no more."""

WORDS = {"left": "dead-letter", "ignored": "ignore", "told": "notify", "repaired": "repair"}
DOES: tuple[dict[str, int], ...] = (
    {},
    {"fails": 1},
    {"fails": 99},
    {"rejects": 99},
    {"rejects": 1},
    {"crashes": 99},
)


class FailingWorld(HostileWorld):
    """A world whose tasks have these words.

    repairs  -- the messages that were sent to repair a task, by its id.
    repaired -- how often the repair of each ran, by its id.
    noticed  -- when a notice was sent.
    """

    def __init__(self, faults: Mapping[str, float], **options: Any) -> None:
        self.repairs: dict[str, list[str]] = {}
        self.repaired: Counter[str] = Counter()
        self.noticed: list[float] = []
        super().__init__(faults, **options)
        watch(self.sandbox.queue, "send", self._note_repair)
        watch(self.sandbox.notices, "publish", lambda *_: self.noticed.append(self.sandbox.clock.now()))

    def _note_repair(self, _: str, message: Outgoing) -> None:
        body = json.loads(self.trail.text(message.body, self.sandbox))
        if "failed" in body:
            self.repairs.setdefault(body["payload"]["id"], []).append(body["id"])
            self.trail.sent[body["id"]] = {"task": None}

    def _tasks(self) -> Mapping[str, Any]:
        async def fail(payload: dict[str, Any], context: Context) -> None:
            await self.leave_a_trail(payload, context)

        tasks = {}
        for name, word in WORDS.items():
            fail.__name__ = name
            tasks[name] = task(attempts=self.attempts, backoff=QUICK, on_failure=word)(fail)

        @task(idempotent=True, attempts=99, backoff=QUICK)
        def repair(payload: dict[str, Any], context: Context) -> None:
            assert context.failed is not None
            assert context.failed.id in {payload["id"], *self.trail.message_ids(payload["id"])}
            self.repaired[payload["id"]] += 1

        return tasks | {"repair": repair}


@pytest.fixture(params=range(30))
def world(request: pytest.FixtureRequest) -> Any:
    draw = Random(request.param)
    world = FailingWorld(
        {kind: draw.choice([0.0, 0.05, 0.2]) for kind in FAULTS},
        seed=request.param,
        fifo=draw.random() < 0.5,
        batch_size=draw.choice([1, 10]),
        trigger=draw.choice(["schedule", "events"]),
    )
    for _ in range(24):
        group = draw.choice("abc") if world.fifo else None
        world.send(draw.choice([*WORDS]), group=group, **draw.choice(DOES))
    world.sandbox.run_for(60 * draw.randint(1, 10))
    world.settle_down()
    yield world
    world.close()


def test_a_task_that_fails_ends_as_its_word_says(world: FailingWorld) -> None:
    lives = [life for life in world.trail.lives if world.trail.sent[life.id]["task"] in WORDS]
    assert len(lives) == 24

    promises.check_dead_letters_were_tried(world)
    for life in lives:
        word = WORDS[world.trail.sent[life.id]["task"]]
        check_end(world, life, word)
        _check_repairs(world, life, word)
    for one, other in pairwise(world.noticed):
        assert other - one >= 3600
    told = [life for life in lives if life.letters and world.trail.sent[life.id]["task"] == "told"]
    assert bool(world.noticed) <= bool(told)


def check_end(world: FailingWorld, life: Life, word: str) -> None:
    """Nothing is lost: an ignored message had all its attempts, and no letter."""
    if word != "ignore":
        assert life.succeeded or life.letters, f"{life} is lost"
        return
    assert not life.letters, f"{life} was to be ignored"
    vain = sum(key in promises.keys(world, life.id) for key, _ in world.faults.in_vain)
    unreached = promises.times_unreached(world, life.id)
    least = 1 if "rejects" in world.trail.sent[life.id] or unreached else world.attempts
    assert life.succeeded or len(life.starts) + vain >= least, f"{life} was ignored too early"


def _check_repairs(world: FailingWorld, life: Life, word: str) -> None:
    """Each letter that names the task has sent it, always under one id; and nothing else has."""
    sent = world.repairs.get(life.id, [])
    if word != "repair":
        assert not sent
    elif life.letters:
        assert len(set(sent)) == 1, f"{life} has the repairs {sent}"
        assert world.repaired[life.id] >= 1
    elif not promises.times_unreached(world, life.id):
        assert not sent, f"{life} succeeded, and is repaired"

"""Tasks whose effect is a transaction with their completion. Wherever they are killed, and whatever fails: no
effect happens twice, none is lost, and what is done has no dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from tests.promises.hostile.world import QUICK, HostileWorld, lose_the_first_record
from tests.support import slow

from zigzag import Context, task
from zigzag_testing.faults import KINDS, PROCESS
from zigzag_testing.transactions import Transactions

DOES: tuple[dict[str, Any], ...] = (
    {},
    {"seconds": 30, "lingers": 30},
    {"fails": 2},
    {"rejects": 9},
    {"crashes": 1},
    {"raises": True},
    {"lingers": 200, "raises": True},
)


class BookingWorld(HostileWorld):
    """A world with one task, `book`. It lingers and raises, if it is told to, after its transaction."""

    def __init__(self, faults: Mapping[str, float], **options: Any) -> None:
        super().__init__(faults, **options)
        self.tables = Transactions(self.sandbox)

    def judge(self) -> None:
        """Finds an effect that is there twice, or not, and a dead letter of what had been done before it."""
        for id in self.trail.sent:
            effects = [item for item in self._effects() if item["id"]["S"] == id]
            record = self.sandbox.records.records.get(f"run#book#{id}")
            # A letter may be stored again, after another message of the id has succeeded.
            letters = [life.letters[0] for life in self.trail.of(id) if life.letters]
            assert len(effects) == int(record is not None and record.done), f"{id}: {effects}"
            assert effects or letters, f"{id} is lost"
            assert not effects or all(one.at <= float(effects[0]["at"]["N"]) for one in letters), id

    def _effects(self) -> list[Any]:
        return [item["Put"]["Item"] for item in self.tables.written]

    def _tasks(self) -> Mapping[str, Any]:
        @task(attempts=self.attempts, backoff=QUICK, idempotent=self._key)
        async def book(payload: dict[str, Any], context: Context) -> None:
            await self.leave_a_trail(payload, context)
            effect = {"id": {"S": payload["id"]}, "at": {"N": str(self.sandbox.clock.now())}}
            items = [{"Put": {"TableName": "effects", "Item": effect}}, context.completion]
            self.tables.transact_write_items(TransactItems=items)
            await asyncio.sleep(payload.get("lingers", 0))
            if payload.get("raises"):
                raise ValueError("too late")

        return {"book": book}


@pytest.mark.parametrize("seed", [*range(6), *slow(*range(6, 100))])
def test_no_effect_happens_twice_and_none_is_lost(seed: int) -> None:
    draw = Random(seed)
    world = BookingWorld(
        {kind: draw.choice([0.0, 0.1, 0.4]) for kind in KINDS},
        seed=seed,
        attempts=draw.choice([1, 3, 9]),
        fifo=draw.random() < 0.5,
        batch_size=draw.choice([1, 10]),
        trigger=draw.choice(["schedule", "events"]),
        worker_timeout_seconds=draw.choice([60, 900]),
    )
    for _ in range(3):
        for _ in range(8):
            group = draw.choice("abc") if world.fifo else None
            world.send("book", group=group, times=draw.choice([1, 1, 1, 2]), **draw.choice(DOES))
        world.sandbox.run_for(draw.choice([60, 180]))
    world.settle_down(redrives=True)

    world.judge()
    world.close()


def test_a_worker_whose_record_another_one_has_writes_nothing() -> None:
    world = BookingWorld({}, worker_timeout_seconds=900)
    lose_the_first_record(world.sandbox)
    world.send("book", times=2, seconds=400)
    world.settle_down()

    assert len(world.trail.starts("book-1")) == 2
    world.judge()
    world.close()


@pytest.mark.parametrize(
    ("attempts", "fifo", "batch_size"),
    [
        (5, True, 10),
        (1, False, 1),
        *slow((1, True, 10), (1, True, 1), (1, False, 10), (5, True, 1), (5, False, 1), (5, False, 10)),
    ],
)
def test_a_kill_at_any_call_doubles_no_effect_and_loses_none(
    attempts: int, fifo: bool, batch_size: int
) -> None:
    calls = 0
    while _lives_with_a_kill_at(calls := calls + 1, attempts, fifo=fifo, batch_size=batch_size):
        pass
    assert calls > 20


def _lives_with_a_kill_at(number: int, attempts: int, **options: Any) -> bool:
    """Runs a world whose worker is killed at that call of all workers' calls, before or after it, and judges
    it. Returns whether there were so many calls."""
    world, left = BookingWorld({}, attempts=attempts, **options), [number]

    def strike(kind: str) -> bool:
        if not kind.startswith("crash") or PROCESS.get() <= 0:
            return False
        left[0] -= 1
        return left[0] == 0

    world.faults.strike = strike  # type: ignore[method-assign]
    for does in ({}, {"raises": True}, {"fails": 1}):
        world.send("book", group="g" if world.fifo else None, **does)
    world.settle_down()

    world.judge()
    assert attempts == 1 or not world.sandbox.dead_letters
    world.close()
    return left[0] <= 0

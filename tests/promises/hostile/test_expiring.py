"""When messages expire in a hostile world: what has started never expires, and what has expired never
started. Nothing else is lost."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from tests.promises.hostile.test_failing import FAULTS
from tests.promises.hostile.world import QUICK, HostileWorld
from tests.support import slow, watch

from zigzag import Context, task
from zigzag_testing import Sandbox

WITHIN = 120
DOES: tuple[dict[str, int], ...] = ({}, {"seconds": 30}, {"fails": 2}, {"crashes": 1}, {"seconds": 200})


class ExpiringWorld(HostileWorld):
    """A world whose tasks have two minutes for their first start.

    recorded -- when the first start of each message was recorded, by its MessageId.
    events   -- whether Lambda's own poller receives.
    """

    def __init__(self, faults: Mapping[str, float], **options: Any) -> None:
        self.recorded: dict[str, float] = {}
        self.events = options["trigger"] == "events"
        super().__init__(faults, **options)
        watch(self.sandbox.records, "allow", self._note_start)

    def _note_start(self, _: None, key: str, *__: Any) -> None:
        self.recorded.setdefault(key.removeprefix("starts#"), self.sandbox.clock.now())

    def _tasks(self) -> Mapping[str, Any]:
        async def brief(payload: dict[str, Any], context: Context) -> None:
            await self.leave_a_trail(payload, context)

        tasks = {}
        for name, options in {
            "brief": {},
            "gone": {"on_expiry": "ignore"},
            "once": {"idempotent": True},
        }.items():
            brief.__name__ = name
            policy: dict[str, Any] = {"attempts": 99, "backoff": QUICK, "start_within": WITHIN, **options}
            tasks[name] = task(**policy)(brief)
        return tasks


@pytest.fixture(params=[*range(8), *slow(*range(8, 30))])
def world(request: pytest.FixtureRequest) -> Any:
    draw = Random(request.param)
    world = ExpiringWorld(
        {kind: draw.choice([0.0, 0.1, 0.4]) for kind in (*FAULTS, "clock off")},
        seed=request.param,
        fifo=draw.random() < 0.5,
        batch_size=draw.choice([1, 10]),
        trigger=draw.choice(["schedule", "events"]),
    )
    for _ in range(6):  # the consumer does not come for a while, and more is sent
        for _ in range(5):
            group = draw.choice("abc") if world.fifo else None
            world.send(draw.choice(["brief", "gone", "once"]), group=group, **draw.choice(DOES))
        if draw.random() < 0.5:
            world.sandbox._do(world.sandbox.clock.sleep(draw.choice([30, 100, 300])))
        world.sandbox.run_for(draw.choice([60, 180]))
    world.settle_down()
    yield world
    world.close()


def test_what_has_started_never_expires_and_what_has_expired_never_started(world: ExpiringWorld) -> None:
    assert len(world.trail.lives) == 30
    _check_first_starts(world)
    for life in world.trail.lives:
        expired = [letter for letter in life.letters if letter.reason.startswith("expired: ")]
        if world.trail.sent[life.id]["task"] == "gone":
            assert not expired, f"{life} was to be deleted"
            assert life.succeeded or life.letters or not life.starts, f"{life} is lost"
            continue
        assert not (life.starts and expired), f"{life} has started, and is expired"
        assert life.succeeded or life.letters, f"{life} is lost"
        if expired:
            assert min(one.at for one in expired) > life.sent_at + WITHIN


def _check_first_starts(world: ExpiringWorld) -> None:
    """Each is of a message that was received in time, and was recorded before.

    Its worker may be killed after the record of the start, and before the task: then it starts later."""
    for life in world.trail.lives:
        (message_id,) = life.message_ids
        if life.starts:
            began = world.recorded[message_id]
            receives = [at for at in world.trail.receives[message_id] if at <= began]
            counts = receives[0] if world.events else receives[-1]
            assert began <= min(start.began for start in life.starts)
            assert counts <= life.sent_at + WITHIN, f"{life} started too late, received at {receives}"


def test_after_a_long_pause_only_what_has_started_runs() -> None:
    began: list[str] = []

    @task(attempts=2, backoff=QUICK, start_within=WITHIN)
    def brief(payload: dict[str, Any]) -> None:
        began.append(payload["id"])
        if began == ["tried"]:
            raise ValueError("not yet")

    with Sandbox({"brief": brief}, flow_control=True) as sandbox:
        brief.send({"id": "tried"})
        sandbox.tick()
        brief.send({"id": "waits"})
        sandbox.pause()
        sandbox.run_for(3600)
        sandbox.resume()
        sandbox.run()

        assert began == ["tried", "tried"]
        (letter,) = sandbox.dead_letters
        assert letter.reason.startswith("expired: received 3,6")
        # Once it is redriven, it has its time anew.
        sandbox.redrive()
        sandbox.run()
    assert began == ["tried", "tried", "waits"]

"""The follow-ups of a task, killed at each call and in hostile worlds: no next task and no reply is lost,
none is sent before its task is done, and no task that is recorded as done runs again for it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from tests.promises.hostile.test_failing import FAULTS
from tests.promises.hostile.world import QUICK, lose_the_first_record
from tests.support import slow, watch

from shared.ports.queue import Outgoing
from zigzag import Context, Reject, Task, task
from zigzag_testing import Sandbox
from zigzag_testing.faults import PROCESS, Crash

MONTH = 30 * 24 * 3600


class FollowingWorld:
    """A sandbox whose tasks name the next one, until their chain is at its end, and then reply.

    A payload says which tasks follow: {"origin": …, "chain": ["once", "plain"], "fails": how often the first
    of them raises, "rejects": whether the last one is rejected in its first run, "seconds": …}.

    began, ended -- how often each step began and returned, by its origin and how many steps are left.
    wrong        -- what must not happen. It is not raised: a worker bears errors of tasks and of sends.
    lost         -- the workers' processes that found another owner of their record, each with the task's id.
    """

    def __init__(self, **options: Any) -> None:
        self.began: Counter[tuple[int, int]] = Counter()
        self.ended: Counter[tuple[int, int]] = Counter()
        self.steps: dict[str, tuple[int, int]] = {}
        self.wrong: list[str] = []
        self.lost: set[tuple[int, str]] = set()
        self.at: Any = lambda: None
        self.table = {name: self._task(name) for name in ("plain", "once")}
        self.sandbox = Sandbox(self.table, reply_to=["answers"], **options)
        self._origins = itertools.count()
        watch(self.sandbox.records, "finish", self._finished)
        for queue in self.sandbox.queues.values():
            watch(queue, "send", self._sent)

    def send(self, first: str, *chain: str, group: str | None = None, times: int = 1, **does: Any) -> int:
        """Sends the first task of a chain, which asks for a reply, so many times. Returns its number."""
        origin = next(self._origins)
        payload = {"origin": origin, "chain": chain, **does}
        said = {"task": first, "id": f"origin-{origin}", "payload": payload}
        said |= {"reply_to": "answers", "correlation_id": str(origin)}
        dedup = None if group is None else str(origin)
        for _ in range(times):
            self.sandbox.send_message(json.dumps(said), group=group, deduplication_id=dedup)
        return origin

    def run_to_the_end(self) -> None:
        """Runs without faults until nothing is left; dead letters are moved back."""
        self.at = lambda: None
        self.sandbox.faults.stop()
        self.sandbox.run(max_seconds=MONTH)
        for _ in range(10):
            if not self.sandbox.redrive():
                return
            self.sandbox.run(max_seconds=MONTH)
        raise AssertionError(self.sandbox.dead_letters)

    def check(self, origin: int, length: int) -> None:
        """Checks that nothing went wrong, each step ended, and the last one's reply came."""
        assert not self.wrong
        for left in range(length):
            assert self.ended[origin, left], f"step {left} of {origin} is lost"
        replies = [one for one in self.sandbox.replies if one.correlation_id == str(origin)]
        well = {one.id for one in replies if one.outcome == "succeeded"}
        assert len(well) == 1, f"{origin} has the replies {replies}"
        assert all(one.result == {"origin": origin} for one in replies if one.outcome == "succeeded")

    async def _step(self, payload: dict[str, Any], context: Context) -> Any:
        origin, chain = payload["origin"], payload["chain"]
        step = (origin, len(chain))
        record = self.sandbox.records.records.get(f"run#{context.task}#{context.id}")
        if record is not None and record.done:
            self.wrong.append(f"{step} is done, and runs again")
        self.steps[context.id] = step
        self.began[step] += 1
        self.at()
        await asyncio.sleep(payload.get("seconds", 0))
        if self.began[step] <= payload.get("fails", 0):
            raise ValueError("broken")
        if not chain and payload.get("rejects") and self.began[step] == 1:
            raise Reject("no")
        self.ended[step] += 1
        self.at()
        if chain:
            return self.table[chain[0]].then({**payload, "chain": chain[1:], "fails": 0})
        return {"origin": origin}

    def _task(self, name: str) -> Task[Any, Any, Any]:
        async def step(payload: dict[str, Any], context: Context) -> Any:
            return await self._step(payload, context)

        step.__name__ = name
        return task(attempts=3, backoff=QUICK, idempotent=name == "once")(step)

    def _finished(self, ours: bool, key: str, *_: Any) -> None:
        if not ours:
            self.lost.add((PROCESS.get(), key.rpartition("#")[2]))

    def _sent(self, _: str, message: Outgoing) -> None:
        """Checks that the task before the one that is sent has ended, and that its worker may send it."""
        body = json.loads(message.body)
        if "hops" not in body:
            return
        origin, left = body["payload"]["origin"], len(body["payload"]["chain"])
        if not self.ended[origin, left + 1]:
            self.wrong.append(f"step {left} of {origin} comes before the one before it")
        before = {id for id, step in self.steps.items() if step == (origin, left + 1)}
        if {(PROCESS.get(), id) for id in before} & self.lost:
            self.wrong.append(f"step {left} of {origin} comes from a worker that lost its record")


class Killed:
    """Kills a worker at one of its steps, which are counted: before and after each call, and in each task."""

    def __init__(self, world: FollowingWorld, at: int) -> None:
        self.happened = False
        self._at = at
        self._steps = 0
        world.at = world.sandbox.faults.before = world.sandbox.faults.after = self._step  # type: ignore[method-assign]

    def _step(self) -> None:
        if PROCESS.get() > 0:
            self._steps += 1
            if self._steps == self._at:
                self.happened = True
                raise Crash


@pytest.mark.parametrize("fifo", [False, *slow(True)])
@pytest.mark.parametrize(
    "chain",
    [
        ("once", "once"),
        ("plain", "plain"),
        *slow((("once", "plain", "once", "plain", "once"),), (("plain", "once", "plain"),)),
    ],
    ids="-".join,
)
@pytest.mark.parametrize("does", [{}, {"rejects": True}], ids=str)
def test_killed_at_each_of_its_steps_a_chain_runs_to_its_end_and_replies(
    chain: Sequence[str], does: dict[str, Any], fifo: bool
) -> None:
    for at in itertools.count(1):
        world = FollowingWorld(fifo=fifo)
        killed = Killed(world, at)
        origin = world.send(*chain, group="g" if fifo else None, **does)
        world.sandbox.run()
        world.run_to_the_end()

        world.check(origin, len(chain))
        # A plain task that runs again sends the next one again, up to the first one that is idempotent.
        again = 1 if "plain" not in chain else len(chain)
        assert sum(world.began.values()) <= len(chain) + again * killed.happened + len(does)
        world.sandbox.__exit__()
        if not killed.happened:
            assert at > 10
            break


def test_a_worker_whose_record_another_one_has_sends_nothing() -> None:
    world = FollowingWorld(worker_timeout_seconds=900)
    lose_the_first_record(world.sandbox)
    origin = world.send("once", "plain", times=2, seconds=400)
    world.run_to_the_end()

    assert world.lost == {(1, f"origin-{origin}")}
    world.check(origin, 2)
    world.sandbox.__exit__()


@pytest.fixture(params=[*range(8), *slow(*range(8, 60))])
def world(request: pytest.FixtureRequest) -> Any:
    draw = Random(request.param)
    fifo = draw.random() < 0.5
    world = FollowingWorld(
        faults={kind: draw.choice([0.0, 0.03, 0.2]) for kind in (*FAULTS, "clock off")},
        seed=request.param,
        fifo=fifo,
        batch_size=draw.choice([1, 10]),
        trigger=draw.choice(["schedule", "events"]),
        worker_timeout_seconds=300,
    )
    world.chains = []
    for _ in range(8):
        chain = draw.choices(["plain", "once"], k=draw.randint(1, 4))
        does = draw.choice(({}, {}, {"fails": 2}, {"fails": 9}, {"seconds": 70}, {"rejects": True}))
        origin = world.send(*chain, group=draw.choice("abc") if fifo else None, **does)
        world.chains.append((origin, len(chain)))
    world.sandbox.run_for(60 * draw.randint(1, 20))
    world.run_to_the_end()
    yield world
    world.sandbox.__exit__()


def test_in_a_hostile_world_no_follow_up_is_lost_and_none_comes_too_early(world: Any) -> None:
    for origin, length in world.chains:
        world.check(origin, length)

"""Several queues share what a tick receives, none starves, and one in trouble stops no other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from tests.support import delay

from consumer.order import GETS_ON_SECONDS
from consumer.tick import EMPTY_AGAIN_SECONDS
from shared.ports.gates import GatesError, Rate
from shared.ports.queue import QueueError
from shared.ports.workers import Answer, Meaning
from zigzag import Context, Retry, task
from zigzag_testing import Sandbox

QUEUES = {"default": 3, "urgent": 6, "bulk": 1}
CAP = 100


class World:
    """A sandbox of three queues, whose tasks note when they start.

    started -- the queue, and when, in seconds from the beginning.
    """

    def __init__(self, queues: Mapping[str, int] = QUEUES, **options: Any) -> None:
        self.started: list[tuple[str, float]] = []

        @task
        async def note(payload: dict[str, Any], context: Context) -> None:
            self.started.append((payload["queue"], self.sandbox.clock.now() - self._began))
            await asyncio.sleep(payload.get("seconds", 1))

        @task(attempts=3)
        async def fails(payload: dict[str, Any]) -> None:
            raise Retry("later", after=4 * 3600)

        self.note, self.fails = note, fails
        self.sandbox = Sandbox({"note": note, "fails": fails}, queues=queues, **options)
        self._began = self.sandbox.clock.now()

    def __enter__(self) -> World:
        self.sandbox.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.sandbox.__exit__(*error)

    def send(self, **many: int) -> None:
        """Sends so many tasks to each of these queues."""
        for queue, number in many.items():
            for _ in range(number):
                self.note.send({"queue": queue}, queue=queue)

    def seconds(self) -> float:
        """Returns the time from the beginning."""
        return self.sandbox.clock.now() - self._began

    def counts(self, since: float = 0, until: float = float("inf")) -> Counter[str]:
        """Returns how many tasks of each queue started in that time."""
        return Counter(queue for queue, at in self.started if since <= at < until)

    def waits(self, queue: str, sent_at: float = 0) -> float:
        """Returns how long the last task of a queue waited."""
        return max(at for name, at in self.started if name == queue) - sent_at


@pytest.mark.parametrize("flow_control", [False, True], ids=["no gates", "gates"])
def test_each_minutes_cap_is_shared_by_weight_as_long_as_all_have_messages(flow_control: bool) -> None:
    with World(in_flight_cap=CAP, flow_control=flow_control) as world:
        world.send(default=900, urgent=900, bulk=900)
        world.sandbox.run_for(10 * 60)

        for minute in range(10):
            counts = world.counts(60 * minute, 60 * (minute + 1))
            assert 0.95 * CAP <= counts.total() <= 1.05 * CAP
            for queue, weight in QUEUES.items():
                assert counts[queue] == pytest.approx(CAP * weight / 10, abs=10)
        assert world.counts()["bulk"] == pytest.approx(CAP, rel=0.2)


@pytest.mark.parametrize(("cap", "minutes"), [(1, 40), (5, 20), (10, 15), (50, 5)])
def test_also_a_small_cap_is_shared_by_weight_from_tick_to_tick(cap: int, minutes: int) -> None:
    with World(in_flight_cap=cap, count_late_seconds=60) as world:
        world.send(**dict.fromkeys(QUEUES, cap * minutes))
        world.sandbox.run_for(60 * minutes)

        counts = world.counts()
        assert counts.total() >= 0.8 * cap * minutes
        for queue, weight in QUEUES.items():
            assert counts[queue] / counts.total() == pytest.approx(weight / 10, abs=0.05)


def test_polls_that_watch_empty_queues_leave_a_small_cap_to_a_message() -> None:
    with World(in_flight_cap=5, watch_always=True) as world:
        for _ in range(4):
            world.sandbox.run_for(100)
            sent_at = world.seconds()
            world.send(urgent=1)
            world.sandbox.run_for(5)

            assert world.waits("urgent", sent_at) <= 2


@pytest.mark.slow
def test_none_starves_beside_one_that_is_flooded() -> None:
    # Given ten times as many urgent tasks a minute as the cap lets through
    with World(in_flight_cap=CAP) as world:
        world.send(default=200, bulk=60)
        for _ in range(12):
            world.send(urgent=10 * CAP)
            world.sandbox.run_for(60)

        assert world.counts()["default"] == 200
        assert world.counts()["bulk"] == 60


def test_what_the_others_leave_one_queue_has_alone() -> None:
    with World(in_flight_cap=CAP) as world:
        world.send(bulk=5 * CAP)
        world.sandbox.run_for(5 * 60 + 10)

        assert world.counts() == {"bulk": 5 * CAP}


def test_an_urgent_task_does_not_wait_for_a_backlog() -> None:
    # Given a backlog that takes a tick much longer than a second
    with World() as world:
        slow(world.sandbox, "bulk", 0.5)
        world.send(bulk=3_000)
        world.sandbox.run_for(20)
        world.send(urgent=1)
        world.sandbox.run_for(30)

        assert world.counts()["bulk"] < 3_000, "the backlog is not done"
        assert world.waits("urgent", 20) <= EMPTY_AGAIN_SECONDS + 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("queue", "longest"), [("urgent", 65.0), ("bulk", None)])
def test_though_a_backlog_uses_up_each_cap_an_urgent_task_waits_for_a_tick_at_most(
    queue: str, longest: float | None
) -> None:
    # Given five workers, a cap of what they finish in a minute, and a backlog of 20 minutes
    with World(in_flight_cap=150, concurrency=5) as world:
        for _ in range(3_000):
            world.note.send({"queue": "bulk", "seconds": 2}, queue="bulk")
        sent: dict[str, float] = {}
        for number in range(10):
            world.sandbox.run_for(31)
            sent[f"{number}"] = world.seconds()
            world.note.send({"queue": f"{number}", "seconds": 2}, queue=queue)
            world.sandbox.run_for(70)
        waits = [at - sent[name] for name, at in world.started if name in sent]

    # Then each starts within about a minute, and behind the backlog it would not start at all
    assert len(waits) == (0 if longest is None else 10)
    assert all(wait <= (longest or 0) for wait in waits)


def test_retries_of_a_queue_with_an_exact_cap_take_no_place_of_the_others() -> None:
    with World(in_flight_cap=CAP, flow_control=True) as world:
        # Given twice the cap in bulk, which wait for their retry for hours
        assert world.sandbox.gates is not None
        world.sandbox._do(world.sandbox.gates.cap("bulk", 30))
        for _ in range(2 * CAP):
            world.fails.send({"queue": "bulk"}, queue="bulk")
        world.sandbox.run_for(10 * 60)

        # When urgent ones come
        since = world.seconds()
        world.send(urgent=5 * CAP)
        world.sandbox.run_for(3 * 60)

        # Then as many of them start as ever
        assert world.counts(since)["urgent"] >= 2.5 * CAP


IN_TROUBLE: Mapping[str, Callable[[Sandbox], None]] = {
    "it may not be polled": lambda sandbox: refuse(sandbox, "urgent", Meaning.DEFINITE),
    "its calls are throttled": lambda sandbox: refuse(sandbox, "urgent", Meaning.TRANSIENT),
    "its calls get no answer": lambda sandbox: refuse(sandbox, "urgent", Meaning.AMBIGUOUS),
    "its calls hang": lambda sandbox: slow(sandbox, "urgent", 30),
    "it is paused": lambda sandbox: pause(sandbox, "urgent"),
    "its gate can't be written": lambda sandbox: no_slots(sandbox, "urgent"),
    "its worker is gone, or may not be invoked": lambda sandbox: no_worker(sandbox, Meaning.DEFINITE),
    "its worker is throttled": lambda sandbox: no_worker(sandbox, Meaning.TRANSIENT),
    "invokes of its worker get no answer": lambda sandbox: no_worker(sandbox, Meaning.AMBIGUOUS),
}


AT_EVERY_COMMIT = ("its calls hang", "its gate can't be written", "its worker is throttled")


@pytest.mark.parametrize(
    "trouble",
    [pytest.param(one, marks=() if one in AT_EVERY_COMMIT else pytest.mark.slow) for one in IN_TROUBLE],
)
def test_one_in_trouble_changes_nothing_for_the_others(trouble: str) -> None:
    # Given two queues with a backlog, and a third of a large weight that is in trouble, with one as well
    def drained(make: Callable[[Sandbox], None], **more: int) -> World:
        with World(flow_control=True, queue_workers={"urgent": 60}) as world:
            for queue in ("default", "bulk"):
                slow(world.sandbox, queue, 0.1)
            make(world.sandbox)
            world.send(default=600, bulk=600, **more)
            world.sandbox.run_for(120)
        return world

    alone, beside = drained(lambda _: None), drained(IN_TROUBLE[trouble], urgent=600)

    # Then all of theirs have started, as soon as without it
    for queue in ("default", "bulk"):
        assert beside.counts()[queue] == 600
        assert beside.waits(queue) <= alone.waits(queue) + GETS_ON_SECONDS[1]


def refuse(sandbox: Sandbox, queue: str, meaning: Meaning) -> None:
    async def refused(*_: int) -> Any:
        raise QueueError("AccessDenied", "in a test", meaning)

    sandbox.queues[queue].receive = refused  # type: ignore[method-assign]
    sandbox.queues[queue].in_flight = refused  # type: ignore[method-assign]


def no_worker(sandbox: Sandbox, meaning: Meaning) -> None:
    """Has each invoke of the worker of `urgent` answered so."""

    async def answered(events: Sequence[bytes]) -> list[Answer]:
        return [Answer(meaning, "in a test")] * len(events)

    sandbox.workers_of["urgent"].dispatch = answered  # type: ignore[method-assign]


def no_slots(sandbox: Sandbox, queue: str) -> None:
    """Gives the queue a rate, and has each write to its gate throttled."""
    assert sandbox.gates is not None
    sandbox._do(sandbox.gates.limit(queue, Rate(1)))
    swap = sandbox.gates.swap

    async def throttled(name: str, *asked: Any) -> Any:
        if name == queue:
            raise GatesError("ThrottlingException", Meaning.TRANSIENT)
        return await swap(name, *asked)

    sandbox.gates.swap = throttled  # type: ignore[method-assign]


def slow(sandbox: Sandbox, queue: str, seconds: float) -> None:
    delay(sandbox, sandbox.queues[queue], "receive", before=seconds)


def pause(sandbox: Sandbox, queue: str) -> None:
    assert sandbox.gates is not None
    sandbox._do(sandbox.gates.pause(queue, sandbox.clock.now()))

"""A hostile world in which tasks leave a trail, and what is promised of that trail.

The trail is kept by the tasks themselves and by the queue, outside of the code that makes the
promises: when each start began and ended, when each message was received, what was sent.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from shared.delivery import Delivery
from shared.ports import Begun, Busy, Done
from zigzag import Backoff, Context, Reject, Retry, task
from zigzag_testing import Sandbox
from zigzag_testing.faults import Crash

ATTEMPTS = 3
STRUCK: Counter[str] = Counter()
"""How often each kind of fault has struck, in all worlds of this session."""

QUICK = Backoff(first=5, longest=60)


@dataclass(slots=True)
class Start:
    """One start of a task's code, in seconds of virtual time."""

    began: float
    ended: float
    how: str


@dataclass
class Trail:
    """What really happened, by the id that the producer chose."""

    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    starts: dict[str, list[Start]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    receives: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    recorded: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Who recorded a start, by the record's name: a process may be killed before the task's first line."""
    done: dict[str, float] = field(default_factory=dict)
    """When a completion was recorded, by the record's name."""


class HostileWorld:
    """A sandbox with faults, and three tasks: `plain`, `once` (idempotent), `by_key` (by a key of its own).

    A payload says what the task does: {"id": …, "seconds": how long it takes, "fails": how often it raises,
    "crashes": how often it kills its process, "rejects": whether it is rejected}.
    """

    def __init__(self, faults: Mapping[str, float], seed: int = 0, **options: Any) -> None:
        self.trail = Trail()
        self.fifo = bool(options.get("fifo"))
        self.sandbox = Sandbox(self._tasks(), faults=faults, seed=seed, **options)
        self._number = 0
        self._watch_receives()
        self._watch_records()

    def close(self) -> None:
        self.sandbox.__exit__(None, None, None)

    def send(self, name: str, *, group: str | None = None, **does: Any) -> str:
        """Sends a task that does so; its id."""
        self._number += 1
        id = f"{name}-{self._number}"
        payload = {"id": id, **does}
        self.trail.sent[id] = {"task": name, "group": group, "record": id, **payload}
        if group is not None:
            self.trail.groups[group].append(id)
        body = json.dumps({"task": name, "id": id, "payload": payload})
        message_id = self.sandbox.send_message(body, group=group, deduplication_id=id if group else None)
        if name == "plain":
            self.trail.sent[id]["record"] = message_id
        return id

    def send_bad(self, body: str = "no JSON") -> None:
        self._number += 1
        id = f"bad-{self._number}"
        self.trail.sent[id] = {"task": None, "group": None}
        self.sandbox.send_message(
            f"{body} {id}",
            group="bad" if self.fifo else None,
            deduplication_id=id if self.fifo else None,
        )

    def settle_down(self) -> None:
        """From now on nothing goes wrong: until the queue is empty."""
        self.sandbox.faults.stop()
        self.sandbox.run(most_seconds=4 * 24 * 3600)

    def _watch_receives(self) -> None:
        queue, receives = self.sandbox.queue, self.trail.receives
        receive = queue.receive

        async def watched(most: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
            received = await receive(most, wait_seconds, lease_seconds)
            for delivery in received:
                receives[delivery.message_id].append(self.sandbox.clock.now())
            return received

        queue.receive = watched  # type: ignore[method-assign]

    def _watch_records(self) -> None:
        records, trail = self.sandbox.records, self.trail
        begin, count, finish = records.begin, records.count, records.finish

        async def watched_begin(key: str, owner: str, now: float, until: float) -> Begun | Busy | Done:
            begun = await begin(key, owner, now, until)
            if isinstance(begun, Begun):
                trail.recorded[_name(key)].add(owner)
            return begun

        async def watched_count(key: str, owner: str, now: float) -> int:
            trail.recorded[_name(key)].add(owner)
            return await count(key, owner, now)

        async def watched_finish(key: str, owner: str, now: float) -> bool:
            finished = await finish(key, owner, now)
            if finished:
                trail.done.setdefault(_name(key), self.sandbox.clock.now())
            return finished

        records.begin, records.count, records.finish = watched_begin, watched_count, watched_finish  # type: ignore[method-assign]

    def _tasks(self) -> dict[str, Any]:
        async def leave_a_trail(payload: dict[str, Any], context: Context) -> None:
            start = Start(self.sandbox.clock.now(), float("inf"), "killed")
            starts = self.trail.starts[payload["id"]]
            starts.append(start)
            try:
                await asyncio.sleep(payload.get("seconds", 0))
                _misbehave(payload, len(starts))
                start.how = "succeeded"
            except (Retry, Reject, ValueError):
                start.how = "failed"
                raise
            finally:
                start.ended = self.sandbox.clock.now()

        @task(attempts=ATTEMPTS, backoff=QUICK)
        async def plain(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        @task(attempts=ATTEMPTS, backoff=QUICK, idempotent=True)
        async def once(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        @task(attempts=ATTEMPTS, backoff=QUICK, idempotent=lambda payload: str(payload["id"]))
        async def by_key(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        return {one.name: one for one in (plain, once, by_key)}


def _misbehave(payload: Mapping[str, Any], number: int) -> None:
    if number <= payload.get("crashes", 0):
        raise Crash
    if payload.get("rejects"):
        raise Reject("no")
    if number <= payload.get("fails", 0):
        raise ValueError("broken")


def check_every_message_ended(world: HostileWorld) -> None:
    """Nothing is lost: each succeeded, or is a dead letter with its reason."""
    letters = _letters(world)
    for id, sent in world.trail.sent.items():
        succeeded = any(start.how == "succeeded" for start in world.trail.starts[id])
        assert succeeded or letters[id], f"{id} is lost: {sent}"
        assert all(letters[id]), f"{id} is a dead letter without a reason"


def check_dead_letters_were_tried(world: HostileWorld) -> None:
    """A message is dead-lettered after its attempts really started, or for a permanent reason.

    Where its record could not be reached, SQS's receive count decided.
    """
    for id, reasons in _letters(world).items():
        sent = world.trail.sent[id]
        if sent["task"] is None or sent.get("rejects") or _was_unreached(world, id):
            continue
        started = max(len(world.trail.starts[id]), len(world.trail.recorded[sent["record"]]))
        assert started >= ATTEMPTS, f"{id} is dead after {started} starts: {reasons}"


def check_no_start_too_many(world: HostileWorld) -> None:
    """At most one start more than the policy's attempts, and as many more as Lambda doubled events."""
    doubled = world.sandbox.faults.struck["event doubled"]
    for id, starts in world.trail.starts.items():
        if _was_unreached(world, id):
            continue
        assert len(starts) <= ATTEMPTS + 1 + doubled, f"{id} started {len(starts)} times"


def check_nothing_overlaps(world: HostileWorld, *, plain: bool = True) -> None:
    """No two starts of one message at the same time."""
    for id, starts in world.trail.starts.items():
        if plain or _is_idempotent(world, id):
            in_order = sorted(starts, key=lambda start: start.began)
            for one, other in pairwise(in_order):
                assert one.ended <= other.began, f"{id} ran twice at the same time: {in_order}"


def check_nothing_done_is_repeated(world: HostileWorld) -> None:
    """Of an idempotent task, nothing starts once its completion is recorded."""
    for id, starts in world.trail.starts.items():
        if _is_idempotent(world, id):
            done = world.trail.done.get(id, float("inf"))
            late = [start for start in starts if start.began > done]
            assert not late, f"{id} started after its completion was recorded: {late}"


def check_order_in_groups(world: HostileWorld) -> None:
    """In a group, nothing starts before what is ahead of it has started for the last time, and ended."""
    for group, ids in world.trail.groups.items():
        ended = 0.0
        for id in ids:
            starts = world.trail.starts[id]
            if starts:
                began = min(start.began for start in starts)
                assert began >= ended, f"{group}: {id} began before the one ahead of it had ended"
                ended = max(start.ended for start in starts)


def check_nothing_is_hot(world: HostileWorld) -> None:
    """No message is received more than once a second."""
    for message_id, times in world.trail.receives.items():
        for one, other in pairwise(times):
            assert other - one >= 1, f"{message_id} was received twice within {other - one} s"


def _name(key: str) -> str:
    """What is behind the task's name in a record's key."""
    return key.rsplit("#", 1)[-1]


def _was_unreached(world: HostileWorld, id: str) -> bool:
    sent = world.trail.sent[id]
    return f"{sent['task']}#{sent.get('record')}" in world.sandbox.faults.unreached


def _letters(world: HostileWorld) -> dict[str, list[str]]:
    letters: dict[str, list[str]] = defaultdict(list)
    for letter in world.sandbox.dead_letters:
        letters[_id_of(letter.body)].append(letter.reason)
    return letters


def _id_of(body: str) -> str:
    try:
        return str(json.loads(body)["id"])
    except ValueError:
        return body.rsplit(" ", 1)[-1]


def _is_idempotent(world: HostileWorld, id: str) -> bool:
    return world.trail.sent[id]["task"] in ("once", "by_key")

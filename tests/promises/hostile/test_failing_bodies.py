"""When tasks fail whose bodies are in S3 or are foreign: what can't be read, or repaired, is said, and harms
no other message."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from random import Random
from typing import Any

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile import promises
from tests.promises.hostile.test_failing import DOES, FAULTS, WORDS, FailingWorld, check_end
from tests.promises.hostile.trail import COPY, Life
from tests.support import slow, text

import tasks
from shared.ports.queue import Outgoing
from worker.outcome import LOADING_SECONDS
from zigzag import Context
from zigzag.extra.pointers import size_attribute, written
from zigzag_testing.faults import OF_A_BUCKET, PROCESS
from zigzag_testing.outages import OF_THE_BUCKET, SERVICES, Outage, Service

FORMS = ("own", "pointer", "large", "alarm", "celery", "celery")
LINES = {f"{kind}:{name}": name for kind in ("alarm", "celery") for name in WORDS}
"""What EVENTS has."""

BROKEN: Any = 3
"""A line of EVENTS that can't be read."""

LARGE_BYTES = 995_000
"""No dispatch has space for so many: the repair is put into the bucket as well."""

UNREADABLE = {
    "gone": "is gone from the bucket",
    "replaced": "it was replaced",
    "no line": "has no line for it",
    "expired": "after its expires_at",
}
"""Why a message can't be read, in its letter; and why a task can't be repaired."""

MESSAGES, HOUR = 24, 3600
STRUCK: Counter[str] = Counter()
"""How often what has struck, in the worlds of this file."""


class BodiesWorld(FailingWorld):
    """A world with bodies of all forms, in a bucket with faults.

    keys    -- of the objects, by the task's id; and when a call of Celery `expires`.
    without -- when lines of EVENTS were taken away.
    senders -- the processes that sent a repair, by the task's id, and the faults of each until then.
    """

    def __init__(self, faults: Mapping[str, float], draw: Random, **options: Any) -> None:
        self.draw = draw
        self.keys: dict[str, str] = {}
        self.expires: dict[str, float] = {}
        self.without: list[float] = []
        self.senders: dict[str, list[tuple[int, int]]] = {}
        super().__init__(faults, large_payloads=True, **options)
        tasks.EVENTS.update(LINES)
        self.sandbox.__enter__()

    def close(self) -> None:
        super().close()
        tasks.EVENTS.clear()

    async def leave_a_trail(self, payload: Mapping[str, Any], context: Context) -> None:
        try:
            await super().leave_a_trail(payload, context)
        finally:
            if self.draw.random() < 0.03:  # so the line was there for the task, and is not for its repair
                self.deploy_badly()

    def deploy_badly(self) -> None:
        """Deploys EVENTS without lines, or with broken ones."""
        without = self.draw.random() < 0.7
        for key in [key for key in LINES if self.draw.random() < 0.5]:
            if without:
                tasks.EVENTS.pop(key, None)
            else:
                tasks.EVENTS[key] = BROKEN
        self.faults.struck["lines away" if without else "lines broken"] += 1
        self.without += [self.sandbox.clock.now()] if without else []

    def run_for(self, seconds: float) -> None:
        """Lets time pass, in which no worker's process ends by an error of ours."""
        self.sandbox.run_for(seconds)
        assert not self.sandbox.workers._broken, f"a process ended by {self.sandbox.workers._broken[0]!r}"

    def settle_down(self, *, redrives: bool = False) -> None:
        self.faults.stop()
        while len(self.sandbox.queue):
            self.run_for(HOUR / 12)
        super().settle_down(redrives=redrives)

    def _put(self, body: str, copy: str, group: str | None) -> None:
        said, attributes = json.loads(body), {COPY: text(copy)}
        id, name, payload = said["id"], said["task"], said["payload"]
        match self.draw.choice(FORMS):
            case "pointer" | "large" as form:
                assert self.sandbox.objects is not None
                said["payload"]["padding"] = "a" * (LARGE_BYTES if form == "large" else 0)
                content, key = json.dumps(said).encode(), f"payloads/{id}"
                self.sandbox.objects.contents[key], self.keys[id] = content, key
                body = written(self.sandbox.objects.bucket, key)
                attributes |= size_attribute(len(content))
            case "alarm":
                alarm = {"AlarmName": name, "NewStateValue": "ALARM", "StateChangeTime": "2030-01-01T00:00Z"}
                body = json.dumps({**alarm, **payload})
            case "celery":
                self.expires[id] = self.sandbox.clock.now() + self.draw.uniform(100, 1200)
                expires = datetime.fromtimestamp(self.expires[id], UTC).isoformat()
                headers = {"task": name, "id": id, "expires": expires}
                call = {"headers": headers, "properties": {}, "body": json.dumps([[], payload, {}])}
                body = json.dumps({**call, "content-type": "application/json", "id": id})
        self.sandbox.send_message(body, attributes, group=group, deduplication_id=copy if group else None)

    def _note_repair(self, _: str, message: Outgoing) -> None:
        super()._note_repair(_, message)
        body = json.loads(self.trail.text(message.body, self.sandbox))
        if "failed" in body:
            sender = PROCESS.get(), self.faults.of_process[PROCESS.get()]
            self.senders.setdefault(body["payload"]["id"], []).append(sender)

    def is_unreadable(self, life: Life) -> bool:
        """Tells whether a letter says truly why its task could not start. S3 is away for less than 1 h."""
        return any(self._is_true(life, letter.at, letter.reason) for letter in life.letters)

    def _is_true(self, life: Life, at: float, reason: str) -> bool:
        assert self.sandbox.objects is not None
        contents, key = self.sandbox.objects.contents, self.keys.get(life.id)
        if reason.startswith("not started in"):
            since = min(at for one in life.message_ids for at in self.trail.receives[one])
            return at - since >= LOADING_SECONDS
        reason = reason.split("; not repaired")[0]
        match next((why for why, said in UNREADABLE.items() if said in reason), None):
            case "gone":
                return key is not None and key not in contents
            case "replaced":
                return key is not None and contents.get(key, b" ").endswith(b" ")  # it may be gone by now
            case "no line":
                return key is None and min(self.without) <= at
            case "expired":
                return self.expires[life.id] <= at
        return False


def begin(seed: int, *, wide: bool) -> BodiesWorld:
    """Draws a world. The bucket has outages; in a wide one, each service has."""
    draw = Random(f"{seed} {wide} bodies")
    rates = {kind: draw.choice([0.0, 0.05, 0.2]) for kind in FAULTS}
    rates |= {kind: draw.choice([0.1, 0.3, 0.5]) for kind in OF_A_BUCKET}
    rates |= {"put refused": 0.5, "call failed": draw.choice([0.1, 0.2])}  # few repairs are large
    trigger, fifo = draw.choice(["schedule", "events"]), draw.random() < 0.5
    options = {"batch_size": 10, "worker_timeout_seconds": 300}
    world = BodiesWorld(rates, draw, seed=seed, fifo=fifo, trigger=trigger, **options)
    services: tuple[Service, ...] = ("bucket", "bucket", *(SERVICES if wide else ()))
    for service in services:
        began = world.sandbox.clock.now() + draw.uniform(0, HOUR / 4)
        ended = began + 10 ** draw.uniform(0.5, 3.55)
        how = draw.choice(["away", "refusing"])
        world.faults.outages.plan([Outage(service, how, began, ended, draw.choice([1.0, 0.5]))])
    return world


def live(world: BodiesWorld) -> None:
    draw = world.draw
    for number in range(MESSAGES):
        group = draw.choice("abc") if world.fifo else None
        does = draw.choice([*DOES, *[{"rejects": 99}] * 6])
        name = draw.choice(["repaired"] * 12 + [*WORDS])
        world.send(name, group=group, seconds=draw.choice([0, 0, 1, 20]), **does)
        if number % 8 == 7:
            world.run_for(draw.randint(20, 100))
            world.deploy_badly()
            world.run_for(draw.choice([30, 120, 900]))
            tasks.EVENTS.update(LINES)
    world.run_for(draw.choice([0, HOUR]))
    tasks.EVENTS.update(LINES)
    world.settle_down()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[BodiesWorld]:
    seed, wide = request.param
    with closing(begin(seed, wide=wide)) as world:
        live(world)
        yield world


DAY = ((0, True), (5, True), (6, False))
"""Seeds, and whether the world is wide. Together they have each kind of fault, in the least time."""

NIGHT = [world for world in product(range(20), (False, True)) if world not in DAY]


@pytest.mark.parametrize("world", [*DAY, *slow(*((one,) for one in NIGHT))], indirect=True)
def test_what_cant_be_read_or_repaired_is_said_and_harms_no_other(world: BodiesWorld) -> None:
    lives = [life for life in world.trail.lives if world.trail.sent[life.id]["task"] in WORDS]
    assert len(lives) == MESSAGES
    STRUCK.update(world.faults.struck)

    promises.check_dead_letters_were_tried(world, world.is_unreadable)
    for life in lives:
        if not world.is_unreadable(life):
            check_end(world, life, WORDS[world.trail.sent[life.id]["task"]])
        _check_repairs(world, life)


def _check_repairs(world: BodiesWorld, life: Life) -> None:
    """A letter has sent its repair, under one id. One that says that it is not repaired, or can't be read,
    has not, unless a fault hid from its process that it had."""
    sent = {*world.repairs.get(life.id, [])}
    reasons = " ".join(letter.reason for letter in life.letters)
    unreached = promises.times_unreached(world, life.id)
    if WORDS[world.trail.sent[life.id]["task"]] != "repair":
        assert not sent
        assert "not repaired" not in reasons
    elif "not repaired" in reasons or world.is_unreadable(life):
        STRUCK.update(
            why
            for why, said in UNREADABLE.items()
            if re.search(said if why == "expired" else f"not repaired: .*{said}", reasons)
        )
        senders = world.senders.get(life.id, [])
        told = any(world.faults.of_process[process] == before for process, before in senders)
        assert unreached or not told, f"{life} was repaired all the same"
    elif life.letters:
        (repair,) = sent
        ended = world.repaired[life.id] or any(one.letters for one in world.trail.of(repair))
        assert ended, f"{life} was not repaired"
    elif not unreached:
        assert not sent, f"{life} succeeded, and is repaired"


@pytest.mark.parametrize("kind", [*OF_A_BUCKET, *OF_THE_BUCKET, "lines away", "lines broken", *UNREADABLE])
def test_this_has_struck_above(kind: str, record_property: Record) -> None:
    times = STRUCK[kind]
    record_property(COUNTED, f"{kind}: struck {times:,} times")

    assert times > 0

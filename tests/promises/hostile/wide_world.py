"""A wider world: code that takes long before the task's first line, large bodies, and an operator."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator
from tests.promises.hostile.modules import Modules
from tests.promises.hostile.said import Said
from tests.promises.hostile.service import Service
from tests.promises.hostile.trail import Life
from tests.promises.hostile.world import QUICK, HostileWorld

from shared.ports.gates import Gate
from zigzag import Context, Unavailable, task
from zigzag_testing.blocking import block
from zigzag_testing.faults import PROCESS, Crash
from zigzag_testing.outages import Outage

FOR_EVER = 1e6
"""How long a hang takes, in seconds: no process lives to see its end."""

HALF = "\ud83d"
"""Half a character, which no UTF-8 has bytes for."""

TEXTS = ('"', "a", "\n", "é", "漢", "😀", "\x01", HALF)
"""Characters, each of another size in UTF-8, in JSON, or in JSON within JSON. SQS takes the last two only
as JSON escapes them."""

IMPORTED = ("heavy", "heavier")
"""Tasks whose modules each process imports again."""


class Calls(NamedTuple):
    """The calls of a service.

    takes -- the seconds of one.
    after -- when a refused task wants to be tried again.
    """

    service: Service
    takes: float
    after: float | None = None


class WideWorld(HostileWorld):
    """More tasks: `checked` has a model, and `heavy` and `heavier` (idempotent) a module that is imported.

    A payload says in "check" and "key", and `imports` of a module, what happens before the task's first line:
    {"seconds": how long it takes, "ends": "well", "raises" or "kills", "times": how often,
    "stubborn": whether nothing can interrupt it}.

    pauses -- from when until when the queue was paused.
    outages -- those that are planned.
    calls  -- the service that each task calls first; None without one. A task whose payload is "poison" says
              each time that it is away.
    away   -- from when until when it is.
    back   -- when it was back for good, and the gate then, if messages waited.
    said   -- what the tasks have said about it.
    """

    table: Modules

    def __init__(
        self, faults: Mapping[str, float], imports: Mapping[str, Mapping[str, Any]], **options: Any
    ) -> None:
        self.outages: list[Outage] = []
        self.calls: Calls | None = None
        self.away: list[tuple[float, float]] = []
        self.back: tuple[float, Gate] | None = None
        self._imports = imports
        self._imported: Counter[str] = Counter()
        self.pauses: list[tuple[float, float]] = []
        super().__init__(faults, blocking=self._may_block, **options)
        self.said = Said(self.sandbox, lambda process: self.trail.received[process])

    def close(self) -> None:
        super().close()
        self.table.close()

    def disable_for(self, seconds: float) -> None:
        """Stops the schedule for a time, as an operator does."""
        schedule, self.sandbox.schedule = self.sandbox.schedule, None
        self.sandbox.run_for(seconds)
        self.sandbox.schedule = schedule

    def pause_for(self, seconds: float) -> None:
        """Pauses the queue for a time, as an operator does. The schedule goes on."""
        began = self.sandbox.clock.now()
        self.sandbox.pause()
        self.sandbox.run_for(seconds)
        self.sandbox.resume()
        self.pauses.append((began, self.sandbox.clock.now()))
        self.faults.struck["pause"] += 1

    def deploy_badly_for(self, seconds: float, random: Random) -> None:
        """Deploys a table that lacks a task, or has one whose module can't be imported. Later a good one."""
        name = random.choice([*self.table])
        hit = random.choice([self.table.missing, self.table.broken])
        hit.add(name)
        self.sandbox.run_for(seconds)
        hit.clear()

    def may_fail_to_load(self, name: str) -> bool:
        """Tells whether the import of a task's module does more than import it."""
        return self._imports.get(name) is not None

    async def call_its_service(self, payload: Mapping[str, Any]) -> None:
        if self.calls is None:
            return
        well = self.calls.service.accepts(self.sandbox.clock.now()) and not payload.get("poison")
        await asyncio.sleep(self.calls.takes)
        answers = self.said.accepted if well else self.said.refused
        answers.append((self.sandbox.clock.now(), PROCESS.get()))
        if not well:
            raise Unavailable("the service refuses", after=self.calls.after)

    def _may_block(self, event: Any) -> bool:
        sent = [self.trail.sent[life.id] for life in self.trail.in_event(event)]
        return any(
            self.may_fail_to_load(one["task"]) or any(one.get(what) for what in ("blocks", "key", "check"))
            for one in sent
        )

    def _body(self, message: Mapping[str, Any]) -> str:
        return _as_json(message)

    def _key(self, payload: Mapping[str, Any]) -> str:
        self._before_the_task(payload, "key")
        return str(payload["id"])

    def _before_the_task(self, payload: Mapping[str, Any], phase: str) -> None:
        life = self.trail.touch(self.sandbox.clock.now(), lambda life: life.id == payload["id"])
        _take_time(payload.get(phase), self.trail.touches(payload["id"]))
        self._note_prepared(life)

    def _at_import(self, name: str) -> None:
        def is_meant(life: Life) -> bool:
            return bool(self.trail.sent[life.id]["task"] == name)

        life = self.trail.touch(self.sandbox.clock.now(), is_meant)
        self._imported[name] += 1
        _take_time(self._imports.get(name), self._imported[name])
        self._note_prepared(life)

    def _note_prepared(self, life: Life) -> None:
        process = PROCESS.get()
        life.prepared[process] = self.faults.of_process[process]

    def _tasks(self) -> Mapping[str, Any]:
        leave_a_trail = self.leave_a_trail

        class Checked(BaseModel):
            model_config = ConfigDict(extra="allow")
            id: str

            @model_validator(mode="before")
            @classmethod
            def check(cls, payload: Any) -> Any:
                self._before_the_task(payload, "check")
                return payload

        async def checked(payload: Any, context: Context) -> None:
            await leave_a_trail(payload.model_dump(), context)

        checked.__annotations__["payload"] = Checked

        @task(attempts=self.attempts, backoff=QUICK)
        async def heavy(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        @task(attempts=self.attempts, backoff=QUICK, idempotent=True)
        async def heavier(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        tasks = {**super()._tasks(), "checked": task(attempts=self.attempts, backoff=QUICK)(checked)}
        imported = {one.name: one for one in (heavy, heavier)}
        self.table = Modules(tasks, imported, self._at_import)
        return self.table


def _take_time(said: Mapping[str, Any] | None, number: int) -> None:
    """Does what was said, the `number`-th time."""
    if said is None or number > said.get("times", FOR_EVER):
        return
    if said.get("seconds"):
        block(said["seconds"], interruptible=not said.get("stubborn"))
    match said.get("ends"):
        case "raises":
            raise ValueError("not today")
        case "kills":
            raise Crash


def padding(random: Random, size: int, kinds: Sequence[str] = TEXTS) -> str:
    """Returns about so many bytes of some kind of text, as it is in a body."""
    character = random.choice(kinds)
    return character * (size // (len(_as_json(character).encode()) - 2))


def _as_json(value: Any) -> str:
    """Writes JSON with its characters as they are. Only half ones are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if HALF in text else text

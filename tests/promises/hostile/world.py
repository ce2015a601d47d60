"""A hostile world: a sandbox with faults, in which tasks leave a trail."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.promises.hostile.lines import Lines
from tests.promises.hostile.trail import COPY, Start, Trail

from shared.ports.records import RecordsError
from worker.host import SoftDeadline
from zigzag import Backoff, Context, Reject, Retry, Unavailable, task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import PROCESS, Crash

ATTEMPTS = 3
IDEMPOTENT = ("once", "by_key", "heavier")
"""The idempotent ones of all tasks."""

STRUCK: Counter[str] = Counter()
"""How often each kind of fault has struck, in all worlds of this session."""

QUICK = Backoff(first=5, longest=60)


class HostileWorld:
    """A sandbox with faults, and three tasks: `plain`, `once` (idempotent), `by_key` (by a key of its own).

    A payload says what the task does: {"id": …, "seconds": how long it takes, "fails": how often it raises,
    "crashes": how often it kills its process, "rejects": how often it is rejected, "blocks": for how many
    seconds no `await` gives way, "stubborn": whether the soft deadline can't end that, "poisons": how often
    its process reaches nothing from its first line on, "how": what its calls end with then}.
    """

    def __init__(
        self,
        faults: Mapping[str, float],
        seed: int = 0,
        sandbox: Callable[..., Sandbox] = Sandbox,
        attempts: int = ATTEMPTS,
        **options: Any,
    ) -> None:
        self.attempts = attempts
        self.trail = Trail()
        self.fifo = bool(options.get("fifo"))
        self.sandbox = sandbox(self._tasks(), faults=faults, seed=seed, **options)
        self.lines = Lines(self.sandbox)
        self.faults = self.sandbox.faults
        self._number = 0
        self.trail.watch(self.sandbox)

    def close(self) -> None:
        self.sandbox.__exit__(None, None, None)

    def send(self, name: str, *, group: str | None = None, times: int = 1, **does: Any) -> str:
        """Sends a task that does so, perhaps several times under one id. Returns the id.

        If the stack has several queues, one task after the other goes to the next queue.
        """
        self._number += 1
        id = f"{name}-{self._number}"
        payload = {"id": id, **does}
        self.trail.sent[id] = {"task": name, **payload}
        for copy in range(times):
            self._put(self._body({"task": name, "id": id, "payload": payload}), f"{id}-{copy}", group)
        return id

    def send_bad(self, body: str = "no JSON") -> None:
        self._number += 1
        id = f"bad-{self._number}"
        self.trail.sent[id] = {"task": None}
        self._put(f"{body} {id}", id, "bad" if self.fifo else None)

    def settle_down(self, *, redrives: bool = False) -> None:
        """Ends all faults, and runs until the queue is empty, perhaps once more after a redrive."""
        self.faults.stop()
        self.sandbox.run(max_seconds=4 * 24 * 3600)
        if redrives and self.sandbox.redrive():
            self.sandbox.run(max_seconds=4 * 24 * 3600)

    def _body(self, message: Mapping[str, Any]) -> str:
        return json.dumps(message)

    def _put(self, body: str, copy: str, group: str | None) -> None:
        attributes = {COPY: {"DataType": "String", "StringValue": copy}}
        queue = [*self.sandbox.queues][self._number % len(self.sandbox.queues)]
        self.sandbox.send_message(
            body, attributes, group=group, deduplication_id=copy if group else None, queue=queue
        )

    async def leave_a_trail(self, payload: Mapping[str, Any], context: Context) -> None:
        """Does as the payload says, for every task."""
        assert context.sent_at is not None
        trail, clock = self.trail, self.sandbox.clock
        life = trail.find(payload["id"], str(context.attributes[COPY]), context.sent_at.timestamp())
        start = Start(clock.now(), PROCESS.get(), trail.is_first(life))
        life.starts.append(start)
        life.touches.setdefault(start.process, start.began)
        number = len(trail.starts(payload["id"]))
        if number <= payload.get("poisons", 0):
            self.faults.poison(payload["how"])
        try:
            await self.call_its_service(payload)
            await asyncio.sleep(payload.get("seconds", 0))
            if payload.get("blocks"):
                block(payload["blocks"], interruptible=not payload.get("stubborn"))
            _misbehave(payload, number)
            start.how = "succeeded"
        except Unavailable:
            start.how = "unavailable"
            raise
        except (Retry, Reject, ValueError):
            start.how = "failed"
            raise
        except (asyncio.CancelledError, SoftDeadline):
            start.how = "interrupted" if context.seconds_left() <= 0 else start.how
            raise
        finally:
            start.ended = clock.now()

    async def call_its_service(self, payload: Mapping[str, Any]) -> None:
        """Calls the service that every task needs: none here."""

    def _key(self, payload: Mapping[str, Any]) -> str:
        """Returns the key, for `by_key`."""
        return str(payload["id"])

    def _tasks(self) -> Mapping[str, Any]:
        leave_a_trail = self.leave_a_trail

        @task(attempts=self.attempts, backoff=QUICK)
        async def plain(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        @task(attempts=self.attempts, backoff=QUICK, idempotent=True)
        async def once(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        @task(attempts=self.attempts, backoff=QUICK, idempotent=self._key)
        async def by_key(payload: dict[str, Any], context: Context) -> None:
            await leave_a_trail(payload, context)

        return {one.name: one for one in (plain, once, by_key)}


def lose_the_first_record(sandbox: Sandbox) -> None:
    """Has the table take no heartbeat of the first worker that sends one: so another worker gets its run."""
    extend, owners = sandbox.records.extend, list[str]()

    async def of_all_others(key: str, owner: str, until: float) -> bool:
        owners.append(owner)
        if owner == owners[0]:
            raise RecordsError("away")
        return await extend(key, owner, until)

    sandbox.records.extend = of_all_others  # type: ignore[method-assign]


def _misbehave(payload: Mapping[str, Any], number: int) -> None:
    if number <= payload.get("crashes", 0):
        raise Crash
    if number <= payload.get("rejects", 0):
        raise Reject("no")
    if number <= payload.get("fails", 0):
        raise ValueError("broken")

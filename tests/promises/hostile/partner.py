"""A queue whose tasks call a partner, who may be away, or refuse what is above a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.promises.hostile.service import UNLIMITED, Service

from shared.ports.gates import Gate, gate_of
from shared.queues import DEFAULT
from zigzag import Context, Unavailable, task
from zigzag_testing import Sandbox


class Partner:
    """A queue and its partner. A payload with "poison" always fails, one with "flaky" at its first attempt.

    limit   -- as the service's, in seconds from the start.
    takes   -- the seconds of a call.
    starts  -- when each task began, its id, and whether it went well.
    sent    -- when each was sent, by its id.
    """

    def __init__(
        self,
        limit: Callable[[float], float] = lambda now: UNLIMITED,
        *,
        takes: float,
        **options: Any,
    ) -> None:
        self.service = Service(limit)
        self.starts: list[tuple[float, str, bool]] = []
        self.sent: dict[str, float] = {}

        @task
        async def call(payload: dict[str, Any], context: Context) -> None:
            began = self.now()
            poison = payload.get("poison") or (payload.get("flaky") and context.attempt == 1)
            well = not poison and self.service.accepts(began)
            self.starts.append((began, context.id, well))
            await asyncio.sleep(0 if poison else takes)
            if not well:
                raise Unavailable("429")

        self._task = call
        self.sandbox = Sandbox({"call": call}, in_flight_cap=0, **options)
        self._began = self.sandbox.clock.now()

    def now(self) -> float:
        return self.sandbox.clock.now() - self._began

    def send(self, many: int = 1, **payload: Any) -> None:
        for _ in range(many):
            id = str(len(self.sent))
            self.sent[id] = self.now()
            self._task.send(payload, id=id)

    def send_each(self, seconds: float, many: int, lasts: float) -> None:
        """Sends so many each few seconds, for so long."""
        for _ in range(int(lasts / seconds)):
            self.send(many)
            self.sandbox.run_for(seconds)

    @property
    def gate(self) -> Gate:
        assert self.sandbox.gates is not None
        return gate_of(self.sandbox.gates.attributes[DEFAULT])

    def is_shut(self) -> bool:
        return self.gate.breaker.is_shut(self.sandbox.clock.now())

    def in_vain(self, since: float = 0, until: float = float("inf")) -> int:
        """Returns how many starts of that time failed."""
        return sum(not well for began, _, well in self.starts if since <= began < until)

    def first_success_after(self, moment: float) -> float:
        """Returns the seconds from the moment to the next start that went well."""
        return min(began for began, _, well in self.starts if well and began >= moment) - moment

    def lives(self) -> list[float]:
        """Returns the time from the send of each message to its last start, in the order of the sends."""
        last = {id: began for began, id, _ in self.starts}
        return [last[id] - sent for id, sent in self.sent.items()]

    def waits(self) -> list[float]:
        """Returns the time from the send to the first start of each that went well, the shortest first."""
        first: dict[str, float] = {}
        for began, id, well in self.starts:
            if well:
                first.setdefault(id, began - self.sent[id])
        return sorted(first.values())

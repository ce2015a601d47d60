"""A queue whose tasks call a partner, who may be away, or refuse what is above a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from shared.ports.gates import Gate, gate_of
from shared.queues import DEFAULT
from zigzag import Context, Unavailable, task
from zigzag_testing import Sandbox

UNLIMITED = 1e6


class Partner:
    """A queue and its partner. A payload with "poison" always fails, one with "flaky" at its first attempt.

    limit   -- tells how many calls a second it takes at a time, in seconds from the start. 0: it is away.
    takes   -- the seconds of a call.
    refuses -- the share of calls that it refuses as well, at random.
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
        self.refuses = 0.0
        self.starts: list[tuple[float, str, bool]] = []
        self.sent: dict[str, float] = {}
        self._limit = limit
        self._bucket, self._filled = 1.0, 0.0
        self._random = Random(1)

        @task
        async def call(payload: dict[str, Any], context: Context) -> None:
            began = self.now()
            poison = payload.get("poison") or (payload.get("flaky") and context.attempt == 1)
            well = not poison and self._accepts(began)
            self.starts.append((began, context.id, well))
            await asyncio.sleep(0 if poison else takes)
            if not well:
                raise Unavailable("429")

        self._task = call
        self.sandbox = Sandbox({"call": call}, in_flight_cap=0, **options)
        self._began = self.sandbox.clock.now()

    def _accepts(self, now: float) -> bool:
        """Fills a bucket at the limit; it holds the calls of one second."""
        limit = self._limit(now)
        self._bucket = min(max(1.0, limit), self._bucket + limit * (now - self._filled))
        self._filled = now
        if self._bucket < 1 or self._random.random() < self.refuses:
            return False
        self._bucket -= 1
        return True

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

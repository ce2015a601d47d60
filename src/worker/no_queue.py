"""Serves an event without a queue, as a person makes one: there is nothing to record or to settle.

Each class replaces a real one. worker.py chooses, once for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.delivery import Delivery
from shared.ports.queue import MAX_VISIBILITY_SECONDS
from shared.ports.records import Counted, Owned
from worker.outcome import Limits, Outcome, Released
from worker.result import Result
from zigzag import ZigzagError


class NoRecords:
    """Records nothing: each start is the first."""

    async def count(self, key: str, owner: str, now: float) -> Counted:
        return Counted(1)

    async def excuse(self, key: str, owner: str, now: float, unloaded: bool) -> int:
        return 1

    async def allow(self, key: str, attempts: int, now: float) -> None: ...

    async def conclude(self, key: str, now: float, letter: str = "") -> None: ...

    async def own(self, key: str, owner: str, now: float, until: float) -> Owned:
        return Owned()

    async def extend(self, key: str, owner: str, until: float) -> bool:
        return True

    async def finish(self, key: str, owner: str, now: float, unsent: str = "") -> bool:
        return True

    async def sent(self, key: str, now: float) -> None: ...

    async def disown(self, key: str, owner: str, until: float | None = None) -> None: ...

    def completion(self, key: str, owner: str, now: float, unsent: str = "") -> dict[str, Any]:
        raise ZigzagError("context.completion needs a message: nothing is recorded of a task called directly")


class NoSettler:
    """Settles nothing: no outcome is carried out on SQS, and none has limits there."""

    async def settle(self, result: Result, lease_ends: float) -> bool:
        return False

    async def delete(self, results: Sequence[Result]) -> list[bool]:
        return [False for _ in results]

    async def release(
        self, deliveries: Sequence[Delivery], released: Released, lease_ends: float
    ) -> list[tuple[Delivery, Outcome, bool]]:
        return [(delivery, released, False) for delivery in deliveries]

    def limits(self, delivery: Delivery) -> Limits:
        return Limits(postpone_seconds=MAX_VISIBILITY_SECONDS)

"""Serves an event without a queue, as a direct call has: nothing is recorded, settled or sent.

Each class replaces a real one. worker.py chooses, once for each batch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from shared import log
from shared.delivery import Delivery
from shared.ports.queue import MAX_VISIBILITY_SECONDS
from shared.ports.records import Counted, Owned
from worker.decode import Message, ReplyTo
from worker.finish import Finish, has_next
from worker.outcome import AlreadyDone, Attempt, Limits, Outcome, Released, Succeeded
from worker.prepare import Terms
from worker.result import Result, Start
from zigzag import ZigzagError
from zigzag.body import BadMessageError


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

    deletes_together = False

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


class NoTerms(Terms):
    """Grants no reply, as a caller has an answer. Nothing expires: it was never on a queue."""

    def __init__(self) -> None:
        super().__init__(())

    def reply_to(self, asked: ReplyTo) -> ReplyTo:
        raise BadMessageError("`reply_to` is for a message on a queue; a direct call has its answer")

    def expire(self, attempt: Attempt, delivery: Delivery, message: Message) -> None: ...


class NoFollowUps(Finish):
    """Sends nothing: a caller waits for what the task returned, which stays in the attempt."""

    comes_again = False

    async def conclude(self, start: Start, outcome: Succeeded | AlreadyDone) -> Outcome:
        if isinstance(outcome, Succeeded) and has_next(start.attempt.returned):
            log.write(logging.WARNING, "the next task is not sent: the event names no queue")
        return outcome

    def if_time_ends(self, start: Start, outcome: Outcome) -> Outcome:
        return outcome

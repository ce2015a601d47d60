"""Which messages were received and not settled, from when until when? As the queue tells it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from shared.delivery import Delivery
from shared.lease import LEASE_SECONDS
from shared.ports.queue import Failed
from zigzag_testing import Sandbox


class Span(NamedTuple):
    """From when until when, in epoch seconds."""

    began: float
    ended: float


class Held:
    """Messages are held from their receive on, until they are deleted, hidden for another time than that of a
    lease, or visible again."""

    def __init__(self) -> None:
        self._ended: list[Span] = []
        self._now: dict[str, Span] = {}

    @property
    def spans(self) -> list[Span]:
        """Every time that a message was held."""
        return [*self._ended, *self._now.values()]

    def watch(self, sandbox: Sandbox) -> None:
        """Writes down from now on what the task queue is asked."""
        queue, now = sandbox.queue, sandbox.clock.now
        receive, change, delete = queue.receive, queue.change_visibility, queue.delete

        async def watched_receive(most: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
            received = await receive(most, wait_seconds, lease_seconds)
            for delivery in received:
                self._end(delivery.message_id, now())
                self._now[delivery.message_id] = Span(now(), now() + lease_seconds)
            return received

        async def watched_change(
            deliveries: Sequence[Delivery], seconds: int, until: float = inf
        ) -> list[Failed]:
            failed = await change(deliveries, seconds, until)
            refused = {failure.delivery.message_id for failure in failed}
            for delivery in deliveries:
                span = self._now.get(delivery.message_id)
                if span is None or delivery.message_id in refused:
                    continue
                if seconds == LEASE_SECONDS:
                    self._now[delivery.message_id] = Span(span.began, now() + seconds)
                else:
                    self._end(delivery.message_id, now())
            return failed

        async def watched_delete(deliveries: Sequence[Delivery]) -> list[Failed]:
            failed = await delete(deliveries)
            for delivery in deliveries:
                self._end(delivery.message_id, now())
            return failed

        queue.receive, queue.change_visibility = watched_receive, watched_change  # type: ignore[method-assign]
        queue.delete = watched_delete  # type: ignore[method-assign]

    def _end(self, message_id: str, now: float) -> None:
        span = self._now.pop(message_id, None)
        if span is not None:
            self._ended.append(Span(span.began, min(span.ended, now)))

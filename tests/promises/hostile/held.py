"""Which messages were received and not settled, from when until when? As the queue tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.support import watch

from shared.delivery import Delivery
from shared.lease import LEASE_SECONDS
from shared.ports.queue import Refused
from zigzag_testing import Sandbox
from zigzag_testing.memory_queue import MemoryQueue


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
        """Writes down from now on what the task queues are asked."""
        for queue in sandbox.queues.values():
            self._watch(queue, sandbox.clock.now)

    def _watch(self, queue: MemoryQueue, now: Callable[[], float]) -> None:
        def received(deliveries: Sequence[Delivery], most: int, wait_seconds: int, seconds: int) -> None:
            for delivery in deliveries:
                self._end(delivery.message_id, now())
                self._now[delivery.message_id] = Span(now(), now() + seconds)

        def changed(failed: list[Refused], deliveries: Sequence[Delivery], seconds: int, *_: float) -> None:
            refused = {failure.delivery.message_id for failure in failed}
            for delivery in deliveries:
                span = self._now.get(delivery.message_id)
                if span is None or delivery.message_id in refused:
                    continue
                if seconds == LEASE_SECONDS:
                    self._now[delivery.message_id] = Span(span.began, now() + seconds)
                else:
                    self._end(delivery.message_id, now())

        def deleted(failed: list[Refused], deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                self._end(delivery.message_id, now())

        for method, note in (("receive", received), ("change_visibility", changed), ("delete", deleted)):
            watch(queue, method, note)

    def _end(self, message_id: str, now: float) -> None:
        span = self._now.pop(message_id, None)
        if span is not None:
            self._ended.append(Span(span.began, min(span.ended, now)))

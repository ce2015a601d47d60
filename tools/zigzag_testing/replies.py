"""The addresses for replies in memory, and those of the sandbox's queues: the `Addresses` port for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from shared.aws.transport import ANSWER_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import Outgoing
from worker.finish import Reach
from zigzag_testing.faults import Faults
from zigzag_testing.faulty_ports import FaultyQueue
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.process_ports import TRIES


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was sent. `to` is the name of its queue or topic."""

    to: str
    id: str
    correlation_id: str
    outcome: str
    result: Any = None
    error: str | None = None

    @classmethod
    def of(cls, to: str, body: str) -> Self:
        return cls(to.rpartition(":")[2], **json.loads(body))


class Replies:
    """Keeps the replies to the addresses of these names or ARNs: `sent`."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.arns = [
            one if one.startswith("arn:") else f"arn:aws:sqs:us-east-1:000000000000:{one}" for one in allowed
        ]
        self.sent: list[Reply] = []

    def reach(self, queues: Mapping[str, MemoryQueue], faults: Faults, clock: Clock) -> Reach:
        """Returns where a worker's process may send what follows a task, with its faults."""
        return Reach(self.arns, lambda: _Addresses(self, queues, faults, clock))


class _Box:
    def __init__(self, replies: Replies, to: str) -> None:
        self._replies = replies
        self._to = to

    async def send(self, message: Outgoing) -> str:
        self._replies.sent.append(Reply.of(self._to, message.body))
        return f"reply-{len(self._replies.sent)}"


class _Addresses:
    def __init__(
        self, replies: Replies, queues: Mapping[str, MemoryQueue], faults: Faults, clock: Clock
    ) -> None:
        self.queues = {name: queue.url for name, queue in queues.items()}
        self.replies = replies.arns
        self._boxes: dict[str, Any] = {arn: _Box(replies, arn) for arn in replies.arns}
        self._boxes |= {queue.url: queue for queue in queues.values()}
        self._faults = faults
        self._clock = clock

    async def send(self, to: str, message: Outgoing) -> None:
        patience = TRIES * ANSWER_SECONDS["sqs"]
        port = FaultyQueue(self._boxes[to], self._faults, self._clock, again=True, patience_seconds=patience)
        await port.send(message)

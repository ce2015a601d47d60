"""The port of the addresses to which a worker sends what follows a task: queues, and those for replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.ports.queue import Outgoing
from shared.queues import is_url


class Addresses(Protocol):
    """The addresses.

    queues  -- the URLs of the stack's queues, by name.
    replies -- the ARNs of the queues and topics to which replies may be sent.
    """

    @property
    def queues(self) -> Mapping[str, str]: ...

    @property
    def replies(self) -> Sequence[str]: ...

    async def send(self, to: str, message: Outgoing) -> None:
        """Sends a message to one of these URLs or ARNs. Raises QueueError."""


def allowed(said: str, replies: Sequence[str]) -> str | None:
    """Returns the ARN that an ARN, a name or a queue's URL means, or None if it is not among these ARNs."""
    for arn in replies:
        service, _, account, name = arn.split(":")[2:6]
        path = said.split("/")[3:] if is_url(said) and service == "sqs" else []
        if said in (arn, name) or path == [account, name]:
            return arn
    return None

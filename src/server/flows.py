"""The flow of a server's process: it receives one message, if the queue's gate lets it through."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from consumer.flow.flow import Flow, Share, Slot
from consumer.flow.gated import GatesOfTicks
from consumer.flow.opening import Opening
from shared.ports.clock import Clock
from shared.ports.gates import Gates
from shared.queues import TaskQueue

SLOW_AGAIN_SECONDS = 60.0
"""Time from one slow begin of a process to the next, as from tick to tick."""


class OneMessage:
    """The flow of a queue without a gate: one message at a time. The number of processes is the limit."""

    over: str | None = None

    async def may_receive(self) -> Share:
        return Share(1)

    def received(self, share: Share, came: int) -> None:
        """Changes nothing."""

    def unsent(self, slot: Slot) -> None:
        """Changes nothing."""

    async def end(self) -> None:
        """Gives nothing back."""


def flows_of(queue: TaskQueue, gates: Gates | None, clock: Clock, random: Random) -> Callable[[], Flow]:
    """Returns a function that makes flows of the queue, each for one message.

    gates -- None without flow control.
    """
    if gates is None:
        return OneMessage
    gated, opening = GatesOfTicks(gates, [queue], clock, random), Opening(SLOW_AGAIN_SECONDS)
    return lambda: gated.before([OneMessage()], opening)[0]

"""The in-flight cap limits how many messages a run of the consumer may receive, from all queues together.

A run may receive the cap, less SQS's in-flight counts when the run begins. It may always receive a tenth of
the cap, by a few small polls. The counts have two flaws, which limit the cap's promise:

- They are up to a minute late. So each run may take what the runs of the minute before it have taken already:
  with a run a minute, up to twice the cap is received and not settled; with another run in that minute, a
  cap more.
- They include messages that are merely postponed. If no more than the cap were received, tasks that wait for
  their retry would keep healthy ones out; so a tenth of the cap goes beyond it, in each run. As long as fewer
  messages than that become visible again in the time between two runs, a fresh one starts in the next run.

So long tasks add up, by a tenth of the cap in each run, or by one if the cap is below ten. Lambda limits how
many run at once, by the parameter WorkerConcurrency.

Several queues share it otherwise (`consumer.flow.spread`). A queue with an exact cap is bounded by that
alone: what is in flight of it, retries that wait among it, takes no place of the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from math import inf

from consumer.flow.flow import Share, Slot
from consumer.summary import CAP_REACHED
from shared import log
from shared.ports.queue import MAX_PER_CALL, Queue, QueueError


class InFlightCap:
    """Limits the messages that one run may receive, by a cap of `limit` messages (0 = no cap).

    limit  -- the cap.
    queues -- all queues of the stack.
    counts -- whether the messages in flight are taken off; a started consumer's part has none to count.
    """

    def __init__(self, queues: Sequence[Queue], limit: int, *, counts: bool = True) -> None:
        self._queues = queues
        self.limit = limit
        self._left: int | None = None if counts or limit == 0 else limit
        self._counting = asyncio.Lock()
        self._asked = [0 for _ in queues]
        self.counted: Callable[[int], bool] = lambda number: True
        """Returns whether the messages in flight of a queue are taken off."""

    def flows(self) -> list[CapOfQueue]:
        """Returns the flow of each queue."""
        return [CapOfQueue(self, number) for number in range(len(self._queues))]

    async def may_receive(self, number: int = 0) -> Share:
        """Returns the share of the next receive from this queue."""
        if self.limit == 0:
            return Share(MAX_PER_CALL)
        async with self._counting:  # all that begin together share one count
            if self._left is None:
                self._left = max(self.limit - sum(await self._in_flight()), self._small_polls)
        allowed = min(MAX_PER_CALL, self._left)
        self._left -= allowed
        self._asked[number] += allowed
        return Share(allowed)

    def received(self, share: Share, came: int, number: int = 0) -> None:
        """Notes that `came` messages of the share came from this queue."""
        if self._left is None:
            return
        self._asked[number] -= share.most
        self._left += share.most - came

    @property
    def left(self) -> float:
        """The number of messages that may still be received; 0 before SQS has counted."""
        return inf if self.limit == 0 else self._left or 0

    def move(self, messages: int) -> None:
        """Takes off what another consumer may receive in its place."""
        if self._left is not None:
            self._left -= messages

    @property
    def over(self) -> str | None:
        """The reason why this run may receive nothing more, or None."""
        return CAP_REACHED if self._left == 0 and not any(self._asked) else None

    async def end(self) -> None:
        """Ends what goes on beside the run. Raises what went wrong with it."""

    @property
    def _small_polls(self) -> int:
        """The number of messages of all small polls."""
        return max(1, self.limit // 10)

    async def _in_flight(self) -> list[int]:
        return await asyncio.gather(*map(self._count, range(len(self._queues))))

    async def _count(self, number: int) -> int:
        """Returns SQS's count, or what stands for it if SQS does not answer."""
        if not self.counted(number):
            return 0
        try:
            return await self._queues[number].in_flight()
        except QueueError as error:
            log.write(logging.WARNING, "SQS's in-flight count is missing", reason=str(error))
            return self._uncounted(number)

    def _uncounted(self, number: int) -> int:
        """Returns what stands for the only queue's count: the cap, which leaves the small polls."""
        return self.limit


class CapOfQueue:
    """The flow of one queue under the stack's cap."""

    def __init__(self, cap: InFlightCap, number: int) -> None:
        self._cap = cap
        self._number = number

    async def may_receive(self) -> Share:
        return await self._cap.may_receive(self._number)

    def received(self, share: Share, came: int) -> None:
        self._cap.received(share, came, self._number)

    def unsent(self, slot: Slot) -> None:
        """Changes nothing: the message is in flight all the same."""

    async def end(self) -> None:
        """Gives nothing back: the next run counts again."""

    @property
    def over(self) -> str | None:
        return self._cap.over

"""The in-flight cap limits how many messages a run of the consumer may receive.

A run may receive the cap, less SQS's in-flight count when the run begins. It may always receive a tenth of
the cap, by a few small polls. The count has two flaws, which limit the cap's promise:

- It is up to a minute late. So each run may take what the runs of the minute before it have taken already:
  with a run a minute, up to twice the cap is received and not settled; with another run in that minute, a
  cap more.
- It includes messages that are merely postponed. If no more than the cap were received, tasks that wait for
  their retry would keep healthy ones out; so a tenth of the cap goes beyond it, in each run. As long as fewer
  messages than that become visible again in the time between two runs, a fresh one starts in the next run.

So long tasks add up, by a tenth of the cap in each run, or by one if the cap is below ten. Lambda limits how
many run at once, by the parameter WorkerConcurrency.
"""

from __future__ import annotations

import logging

from consumer.flow.flow import Share, Slot
from consumer.summary import CAP_REACHED
from shared import log
from shared.ports.queue import MAX_PER_CALL, Queue, QueueError


class InFlightCap:
    """Limits the messages of `queue` that one run may receive, by a cap of `limit` messages (0 = no cap)."""

    def __init__(self, queue: Queue, limit: int) -> None:
        self._queue = queue
        self._limit = limit
        self._left: int | None = None
        self._asked = 0

    async def may_receive(self) -> Share:
        if self._limit == 0:
            return Share(MAX_PER_CALL)
        if self._left is None:
            free = self._limit - await self._in_flight()
            if self._left is None:  # another poller may have asked meanwhile
                self._left = max(free, self._small_polls)
        allowed = min(MAX_PER_CALL, self._left)
        self._left -= allowed
        self._asked += allowed
        return Share(allowed)

    def received(self, share: Share, came: int) -> None:
        if self._left is not None:
            self._asked -= share.most
            self._left += share.most - came

    def unsent(self, slot: Slot) -> None:
        """Changes nothing: the message is in flight all the same."""

    async def end(self) -> None:
        """Gives nothing back: the next run counts again."""

    @property
    def over(self) -> str | None:
        return CAP_REACHED if self._left == 0 and self._asked == 0 else None

    @property
    def _small_polls(self) -> int:
        """The number of messages of all small polls."""
        return max(1, self._limit // 10)

    async def _in_flight(self) -> int:
        """Returns SQS's count, or the cap itself if SQS does not answer: only the small polls are made
        then."""
        try:
            return await self._queue.in_flight()
        except QueueError as error:
            log.write(logging.WARNING, "SQS's in-flight count is missing", reason=str(error))
            return self._limit

"""What a process of the consumer knows for the cap of several queues."""

from __future__ import annotations

from collections import defaultdict, deque
from math import ceil, inf

COUNT_LATE_SECONDS = 60.0
"""Most age of SQS's count
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html)."""

AT_ONCE_PART = 30
"""The part of the cap that may be received at once: what the pace allows in two seconds."""

SAME_PROCESS_SECONDS = 65.0
"""Time between two ticks of a process, beyond which another process may have had a tick."""


class Lately:
    """The receives of one process of the consumer in the last minute, and how far it is with its pace.

    passes -- how far each queue is with its part by weight (`consumer.order`).
    """

    def __init__(self) -> None:
        self._received: deque[tuple[float, int, int]] = deque()
        self._came = defaultdict[int, int](int)
        self._began = inf
        self._none_at = -inf  # when nothing of the pace would have been left
        self._ticked_at = -inf
        self._moved: list[tuple[float, int]] = []
        self.passes = defaultdict[int, float](float)

    def begin(self, now: float, *, alone: bool = True) -> None:
        """Notes that a tick begins.

        alone -- whether no consumer starts others. Those leave processes, which may have the next ticks.
        """
        if not alone and now > self._ticked_at + SAME_PROCESS_SECONDS:
            self._began = now
        self._began, self._ticked_at = min(self._began, now), now

    def is_all(self, now: float) -> bool:
        """Returns whether no other process can have received something in the last minute."""
        return self.known(now) == COUNT_LATE_SECONDS

    def known(self, now: float) -> float:
        """Returns how many seconds of the last minute are known."""
        return max(0.0, min(now - self._began, COUNT_LATE_SECONDS))

    def note(self, now: float, number: int, came: int) -> None:
        """Notes that so many messages came from the queue of that number."""
        self._received.append((now, number, came))
        self._came[number] += came

    def came(self, now: float, queues: int) -> list[int]:
        """Returns how many messages came in the last minute, from each of so many queues."""
        while self._received and self._received[0][0] <= now - COUNT_LATE_SECONDS:
            _, number, came = self._received.popleft()
            self._came[number] -= came
        return [self._came[number] for number in range(queues)]

    def paced(self, now: float, a_second: float, at_once: int) -> int:
        """Returns how many messages the pace allows now."""
        return int(min(at_once, (now - self._none_at) * a_second) + 1e-9)

    def take(self, now: float, number: int, a_second: float, at_once: int) -> None:
        """Takes so many off the pace. A negative number gives them back."""
        self._none_at = max(self._none_at, now - at_once / a_second) + number / a_second

    def move(self, now: float, messages: int) -> None:
        """Notes that other consumers receive so many messages in the minute from now. A negative number takes
        some of the last ones back."""
        if messages < 0:
            began, before = self._moved.pop()
            self._moved.append((began, before + messages))
        else:
            self._moved.append((now, messages))

    def moved(self, now: float) -> int:
        """Returns the most that the others receive in any minute of which a part is in the last one."""
        self._moved = [each for each in self._moved if each[0] > now - 2 * COUNT_LATE_SECONDS]
        return max((messages for _, messages in self._moved), default=0)

    def to_come(self, now: float) -> int:
        """Returns how many of those messages the others may still receive."""
        lasts = [(1 - (now - began) / COUNT_LATE_SECONDS, messages) for began, messages in self._moved]
        return ceil(sum(min(1.0, part + 1 / AT_ONCE_PART) * messages for part, messages in lasts if part > 0))

"""The account's quotas: AWS refuses, or keeps waiting, what goes beyond them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

INVOKES, CONCURRENCY, IN_FLIGHT, WRITES = (
    "asynchronous invokes a second",
    "concurrent executions",
    "messages in flight",
    "write units a second of one item",
)


class Quotas:
    """The limits of an account, and the times at which it met a quota.

    invokes     -- asynchronous invokes a second: ten times the concurrent executions
                   (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
    concurrency -- concurrent executions; a new account has 10
                   (https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html).
    in_flight   -- messages in flight of one queue
                   (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
    writes      -- write units a second of one item: a partition's
                   (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).

    met -- when each was met first, by its name, in epoch seconds.
    """

    def __init__(
        self,
        *,
        concurrency: float = 1_000,
        invokes: float | None = None,
        in_flight: int = 120_000,
        writes: float = 1_000,
    ) -> None:
        self.in_flight = in_flight
        self.met: dict[str, float] = {}
        self._concurrency = concurrency
        self._per_second = {INVOKES: 10 * concurrency if invokes is None else invokes, WRITES: writes}
        self._used: Counter[tuple[str, ...]] = Counter()
        self._second = 0
        self._running = 0
        self._waiting: list[Callable[[], None]] = []

    @classmethod
    def none(cls) -> Quotas:
        """Returns quotas that nothing meets, except SQS's own."""
        return cls(concurrency=inf, writes=inf)

    @property
    def first_met(self) -> str:
        """The quota that was met first; "none" if none was."""
        return min(self.met, key=self.met.__getitem__, default="none")

    def use(self, quota: str, now: float, *of: str, units: int = 1) -> bool:
        """Returns whether so many units may be used in this second, of one item for example, and counts
        them."""
        if int(now) != self._second:
            self._second, self._used = int(now), Counter()
        if self._used[quota, *of] + units > self._per_second[quota]:
            self.note(quota, now)
            return False
        self._used[quota, *of] += units
        return True

    def note(self, quota: str, now: float) -> None:
        self.met.setdefault(quota, now)

    def begin(self, now: float, starts: Callable[[], None]) -> bool:
        """Returns whether one more invocation may run now. If not, `starts` is called when one has ended."""
        if self._running >= self._concurrency:
            self.note(CONCURRENCY, now)
            if starts not in self._waiting:
                self._waiting.append(starts)
            return False
        self._running += 1
        return True

    def end(self) -> None:
        self._running -= 1
        waiting, self._waiting = self._waiting, []
        for starts in waiting:
            starts()

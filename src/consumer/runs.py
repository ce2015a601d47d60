"""Which messages of a poll travel together? Each dispatch carries a run of them, in the order received.

| queue | a run is | what does not fit its event |
|---|---|---|
| standard | up to so many messages as the parameter says | is a run of its own |
| FIFO | what came of one group: no two workers may have messages of one group | waits, as the run's tail |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.delivery import Delivery, Run, longest_event


class Dispatch(NamedTuple):
    """One run, and its event.

    event -- None where the run's one delivery fits no event, not even compressed.
    tail  -- of a FIFO group: what came behind the run and does not fit. No worker may have it before the run.
    """

    run: Run
    event: bytes | None
    tail: tuple[Delivery, ...] = ()


def dispatches_of(batch: Sequence[Delivery], most: int) -> list[Dispatch]:
    """Every delivery of a poll, in a run or in the tail of one.

    most -- of a run from a standard queue.
    """
    groups: dict[str | None, list[Delivery]] = {}
    waiting: list[Delivery] = []
    for delivery in batch:
        (groups.setdefault(delivery.group, []) if delivery.from_fifo else waiting).append(delivery)
    dispatches = [_first_of(group) for group in groups.values()]
    while waiting:
        first = _first_of(waiting[:most])
        dispatches.append(Dispatch(first.run, first.event))
        waiting = waiting[len(first.run.deliveries) :]
    return dispatches


def _first_of(deliveries: Sequence[Delivery]) -> Dispatch:
    """The longest run from their start that fits, and the others as its tail."""
    number, event = longest_event(deliveries)
    if number == 0:
        return Dispatch(Run((deliveries[0],)), None, tuple(deliveries[1:]))
    return Dispatch(Run(tuple(deliveries[:number])), event, tuple(deliveries[number:]))

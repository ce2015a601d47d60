"""The trigger of a stack: what can't be operated where Lambda itself polls the queues."""

from __future__ import annotations

from zigzag_operate.queues import queues_of
from zigzag_operate.target import Stack

NO_LIMITS = (
    "the trigger of the stack {stack!r} is events: Lambda itself polls its queues, and knows no pause and no "
    "limit. Deploy it with Trigger=schedule and FlowControl=true, as docs/event-source.md shows"
)


def is_by_events(stack: Stack) -> bool:
    """Returns whether Lambda itself polls the queues. A stack of an older version has a schedule."""
    return stack.parameters.get("Trigger") == "events"


def why_nothing_starts(stack: Stack) -> str | None:
    """Returns why the worker refuses what an event source brings, or None."""
    weighed = [name for name, queue in queues_of(stack).items() if queue.weight != 1]
    if not is_by_events(stack) or not weighed:
        return None
    names = ", ".join(weighed)
    return f"Trigger=events has no weights: take them off {names}, or set Trigger=schedule, and deploy"

"""Does what is left between a task's end and the delete of its message: records the completion, and sends
what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.ports.queue import Queue
from worker.deadline import Deadline
from worker.host import Host
from worker.outcome import (
    AlreadyDone,
    Attempt,
    DeadLetter,
    Ignored,
    LeftAlone,
    Outcome,
    RetryLater,
    Succeeded,
)
from worker.result import FOUND, Start
from zigzag import Task, ZigzagError
from zigzag.values import Done, Next

if TYPE_CHECKING:
    from shared.ports.addresses import Addresses


class Reach(NamedTuple):
    """The addresses of what follows a task, besides the queue of its message.

    replies   -- the ARNs to which the stack may reply.
    addresses -- makes what sends there, and to the stack's other queues. Only a send calls it.
    """

    replies: Sequence[str] = ()
    addresses: Callable[[], Addresses] | None = None

    @property
    def queues(self) -> Mapping[str, str]:
        """The URLs of the stack's queues, by name."""
        return {} if self.addresses is None else self.addresses().queues


NOWHERE = Reach()

MAX_SEEN = 1_000
"""Most values of a result among which a next task is looked for."""

_VIEW: type = type({}.values())

UNSENT = LeftAlone("done, but what follows was not sent in the function's time: it comes again")


class FoundDone(AlreadyDone):
    """Its own database has its result, which is the attempt's `returned`: what follows is sent, again."""

    why = FOUND


class Finish:
    """Ends the attempts at deliveries of `queue`.

    reach       -- where else what follows may be sent.
    comes_again -- whether a message that is not deleted is tried again.
    """

    comes_again = True

    def __init__(self, queue: Queue, reach: Reach, host: Host, deadline: Deadline) -> None:
        self.queue = queue
        self.reach = reach
        self.host = host
        self.deadline = deadline

    async def __call__(self, start: Start, outcome: Outcome) -> Outcome:
        """Returns the outcome; a dead letter if what follows the task can't be sent."""
        ask = start.attempt.policy.done
        if ask is not None and isinstance(outcome, DeadLetter | Ignored | RetryLater):
            from worker.done import ask_before_failure  # few tasks need it

            outcome = await ask_before_failure(outcome, ask, self, start)
        if not isinstance(outcome, Succeeded | AlreadyDone):
            return outcome
        return await self.conclude(start, outcome)

    async def conclude(self, start: Start, outcome: Succeeded | AlreadyDone) -> Outcome:
        """Sends what follows a task that is done, or records its completion if nothing does."""
        attempt = start.attempt
        # `if_time_ends` has asked of a task that ran, and answered with its outcome if nothing follows.
        follows = attempt.outcome is not outcome and _follows(attempt, outcome)
        returned, attempt.returned = attempt.returned, None  # it may be large
        if follows:
            from worker.follow.following import follow  # few tasks need it

            return await follow(self, start, outcome, returned)
        if isinstance(outcome, Succeeded) and attempt.record is not None:
            await attempt.record.finish()
        return outcome

    def if_time_ends(self, start: Start, outcome: Outcome) -> Outcome:
        """Returns the outcome if the function's time ends before this is called for it."""
        return UNSENT if _follows(start.attempt, outcome) else outcome

    def completion(self, start: Start, *returned: Any) -> dict[str, Any]:
        """Returns the completion as an item of a transaction of the task's own. It says what follows, too: by
        what the task is about to return, or that nobody knows."""
        attempt = start.attempt
        if attempt.record is None:
            raise ZigzagError(f"context.completion needs @task(idempotent=True) above {attempt.task}")
        from worker.follow.compose import composed, unknown  # few tasks need it

        if returned:
            queues = self.reach.queues if has_next(returned[0]) else {}
            ups = composed(attempt, start.delivery, returned[0], queues)
        else:
            ups = unknown(attempt, "its worker did not come to record what it returned")
        unsent = ups.to_text() if ups.send or ups.why else ""
        return attempt.record.completion(unsent, known=bool(returned))


def _follows(attempt: Attempt, outcome: Outcome) -> bool:
    """Returns whether something follows the outcome, and notes what a record has of it."""
    if attempt.record is not None and attempt.record.unsent:
        attempt.unsent = attempt.record.unsent
    if not isinstance(outcome, Succeeded | FoundDone):
        return isinstance(outcome, AlreadyDone) and bool(attempt.unsent)
    return bool(attempt.unsent) or attempt.reply_to is not None or has_next(attempt.returned)


def has_next(returned: object) -> bool:
    """Returns whether a task returned the next one, also within a Done, a list, a dict and the like. It looks
    at MAX_SEEN values only, so that a large result costs no time."""
    if returned is None:  # as most tasks
        return False
    seen: list[Any] = [returned]
    for value in seen:
        if type(value) in (Next, Task):  # a task itself lacks its `.then`: that is refused
            return True
        if (left := MAX_SEEN - len(seen)) > 0:
            seen += islice(_within(value), left)
    return False


def _within(value: Any) -> Iterable[Any]:
    """Returns the values in a value. No code of a user's class runs for it."""
    kind = type(value)
    if kind is Done:
        return (value.result,)
    if issubclass(kind, dict):
        return dict.values(value)
    base = next((base for base in (list, tuple, set, frozenset) if issubclass(kind, base)), None)
    return value if kind is _VIEW else () if base is None else base.__iter__(value)

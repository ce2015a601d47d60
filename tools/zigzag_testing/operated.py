"""The surroundings of a sandbox: a sender, who gets replies, and an operator's control, as by the `zigzag`
command: dead letters, pause, resume, limits."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from shared.ports.auto import Auto
from shared.ports.breaker import MAX_LONGEST_SECONDS, MAX_TRIP
from shared.ports.gates import MAX_AT_ONCE, Rate
from shared.ports.queue import Outgoing
from shared.queues import DEFAULT
from zigzag_testing.dead_letters import DeadLetter
from zigzag_testing.memory_gates import MemoryGates, operated
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.replies import Replies, Reply
from zigzag_testing.stack import StackQueues
from zigzag_testing.virtual_time import VirtualClock

_MIN_EVERY, _MAX_EVERY, _MAX_BURST = 0.001, 30 * 24 * 3600.0, 1000
"""The bounds of `zigzag limit`."""


class _Sandbox(Protocol):
    """The part of a sandbox that `Operated` uses."""

    _stack: StackQueues
    _replies: Replies
    gates: MemoryGates | None
    clock: VirtualClock

    @property
    def queues(self) -> Mapping[str, MemoryQueue]: ...

    def _do[R](self, coroutine: Coroutine[Any, Any, R]) -> R: ...


class Operated:
    """The part of a sandbox for senders and operators. Pause and limits raise ValueError without
    `flow_control`, and for what `zigzag limit` refuses."""

    def redrive(self: _Sandbox) -> int:
        """Moves all dead letters back to the first queue of their kind, as RedriveCommand. Returns how many.

        A redriven message is a new one, with all attempts left; its task keeps the id.
        """
        return self._do(self._stack.redrive())

    def send_message(
        self: _Sandbox,
        body: str,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        group: str | None = None,
        deduplication_id: str | None = None,
        delay_seconds: int = 0,
        queue: str = DEFAULT,
    ) -> str:
        """Puts a body on a queue, as `aws sqs send-message` does, and returns the MessageId."""
        message = Outgoing(body, attributes or {}, group, deduplication_id, delay_seconds=delay_seconds)
        return self._do(self.queues[queue].send(message))

    @property
    def replies(self: _Sandbox) -> list[Reply]:
        """The replies that were sent, in their order."""
        return self._replies.sent

    @property
    def dead_letters(self: _Sandbox) -> list[DeadLetter]:
        """The letters in the dead-letter queues."""
        return [DeadLetter.of(letter) for queue in self._stack.letter_queues for letter in queue.messages]

    def pause(self: _Sandbox) -> None:
        """Stops receives, as `zigzag pause` does."""
        self._do(operated(self.gates).pause(DEFAULT, self.clock.now()))

    def resume(self: _Sandbox) -> None:
        """Allows receives again, and opens the queue if it is shut, as `zigzag resume` does."""
        self._do(operated(self.gates).resume(DEFAULT, self.clock.now()))

    def limit(self: _Sandbox, every: float | None, burst: int = 1) -> None:
        """Lets a task start every `every` seconds, as `zigzag limit --rate` does; None is no rate."""
        _refuse_fifo(self.queues[DEFAULT], every)
        _refuse_outside(every=(every, _MIN_EVERY, _MAX_EVERY), burst=(burst, 1, _MAX_BURST))
        self._do(operated(self.gates).limit(DEFAULT, None if every is None else Rate(every, burst)))

    def limit_by_itself(self: _Sandbox, slowest: float = 1.0, fastest: float = 0.01) -> None:
        """Lets the rate find itself, as `zigzag limit --rate auto` does, from one start in `slowest` seconds
        to one in `fastest`."""
        _refuse_fifo(self.queues[DEFAULT], slowest)
        _refuse_outside(slowest=(slowest, fastest, _MAX_EVERY), fastest=(fastest, _MIN_EVERY, slowest))
        auto = Auto(slowest, fastest)
        self._do(operated(self.gates).limit(DEFAULT, Rate(auto.first), auto))

    def break_at(self: _Sandbox, trip: int | None = None, longest: float | None = None) -> None:
        """So many messages that say Unavailable shut the queue, for so many seconds at most, as after
        `zigzag limit --trip --longest`; None is 10, and six hours."""
        _refuse_outside(trip=(trip, 1, MAX_TRIP), longest=(longest, 1, MAX_LONGEST_SECONDS))
        self._do(operated(self.gates).break_at(DEFAULT, trip, longest))

    def limit_at_once(self: _Sandbox, most: int | None) -> None:
        """Lets `most` tasks run at once, 1 to 30, as `zigzag limit --at-once` does; None is no cap."""
        _refuse_fifo(self.queues[DEFAULT], most)
        _refuse_outside(most=(most, 1, MAX_AT_ONCE))
        self._do(operated(self.gates).cap(DEFAULT, most))


def _refuse_outside(**values: tuple[float | None, float, float]) -> None:
    """Raises ValueError for a value that is not between these bounds. The consumer would close the queue."""
    for name, (value, least, most) in values.items():
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} may be {least:g} to {most:.10g}, not {value:g}")


def _refuse_fifo(queue: MemoryQueue, limit: float | None) -> None:
    """Raises ValueError for a limit of a FIFO queue."""
    if queue.fifo and limit is not None:
        raise ValueError("a FIFO queue takes no limit: one task at a time of each group runs anyway")

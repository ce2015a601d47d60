"""What an operator says of a sandbox's queue, as by the `zigzag` command: pause, resume, limits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from shared.ports.gates import Rate
from shared.queues import DEFAULT
from zigzag_testing.memory_gates import MemoryGates, operated
from zigzag_testing.virtual_time import VirtualClock


class _Sandbox(Protocol):
    """What is needed of it."""

    gates: MemoryGates | None
    clock: VirtualClock

    def _do[R](self, coroutine: Coroutine[Any, Any, R]) -> R: ...


class Operated:
    """The part of a sandbox that needs `flow_control`. Raises ValueError without it."""

    def pause(self: _Sandbox) -> None:
        """Nothing is received, as after `zigzag pause`."""
        self._do(operated(self.gates).pause(DEFAULT, self.clock.now()))

    def resume(self: _Sandbox) -> None:
        """Messages are received again."""
        self._do(operated(self.gates).resume(DEFAULT))

    def limit(self: _Sandbox, every: float | None, burst: int = 1) -> None:
        """A task starts each `every` seconds, as after `zigzag limit --rate`; None is no rate."""
        self._do(operated(self.gates).limit(DEFAULT, None if every is None else Rate(every, burst)))

    def break_at(self: _Sandbox, trip: int | None = None, longest: float | None = None) -> None:
        """So many messages that say Unavailable shut the queue, for so many seconds at most, as after
        `zigzag limit --trip --longest`; None is 10, and six hours."""
        self._do(operated(self.gates).break_at(DEFAULT, trip, longest))

    def limit_at_once(self: _Sandbox, most: int | None) -> None:
        """So many tasks run at once, 1 to 30, as after `zigzag limit --at-once`; None is no cap."""
        self._do(operated(self.gates).cap(DEFAULT, most))

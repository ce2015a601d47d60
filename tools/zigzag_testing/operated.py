"""An operator's control of a sandbox's queue, as by the `zigzag` command: pause, resume, limits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from shared.ports.auto import Auto
from shared.ports.gates import Rate
from shared.queues import DEFAULT
from zigzag_testing.memory_gates import MemoryGates, operated
from zigzag_testing.virtual_time import VirtualClock


class _Sandbox(Protocol):
    """The part of a sandbox that `Operated` uses."""

    gates: MemoryGates | None
    clock: VirtualClock

    def _do[R](self, coroutine: Coroutine[Any, Any, R]) -> R: ...


class Operated:
    """The part of a sandbox that needs `flow_control`. Raises ValueError without it."""

    def pause(self: _Sandbox) -> None:
        """Stops receives, as `zigzag pause` does."""
        self._do(operated(self.gates).pause(DEFAULT, self.clock.now()))

    def resume(self: _Sandbox) -> None:
        """Allows receives again, and opens the queue if it is shut, as `zigzag resume` does."""
        self._do(operated(self.gates).resume(DEFAULT, self.clock.now()))

    def limit(self: _Sandbox, every: float | None, burst: int = 1) -> None:
        """Lets a task start every `every` seconds, as `zigzag limit --rate` does; None is no rate."""
        self._do(operated(self.gates).limit(DEFAULT, None if every is None else Rate(every, burst)))

    def limit_by_itself(self: _Sandbox, slowest: float = 1.0, fastest: float = 0.01) -> None:
        """Lets the rate find itself, as `zigzag limit --rate auto` does, from one start in `slowest` seconds
        to one in `fastest`."""
        auto = Auto(slowest, fastest)
        self._do(operated(self.gates).limit(DEFAULT, Rate(auto.first), auto))

    def break_at(self: _Sandbox, trip: int | None = None, longest: float | None = None) -> None:
        """So many messages that say Unavailable shut the queue, for so many seconds at most, as after
        `zigzag limit --trip --longest`; None is 10, and six hours."""
        self._do(operated(self.gates).break_at(DEFAULT, trip, longest))

    def limit_at_once(self: _Sandbox, most: int | None) -> None:
        """Lets `most` tasks run at once, 1 to 30, as `zigzag limit --at-once` does; None is no cap."""
        self._do(operated(self.gates).cap(DEFAULT, most))

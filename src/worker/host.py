"""What does the worker need of the process that it runs in? To call a task in time, and to beat beside it.

On Lambda that is `process.py`: signals and a thread. In the sandbox it is virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

Sleep = Callable[[float], Awaitable[bool]]
"""Waits so many seconds; True at once when it is time to stop."""


class SoftDeadline(KeyboardInterrupt):
    """Interrupts a task shortly before Lambda would end its process.

    No Exception: those are swallowed by many an `except` on the way, logging's own among them. And of what is
    none, KeyboardInterrupt is what event loops let through.
    """


class Beside(Protocol):
    """What runs beside a task."""

    async def stop(self) -> None:
        """Asks it to stop, and waits until it has; if it does not, the process must exit."""


class Host(Protocol):
    """The process.

    exit_reason -- why it must not run another task, or None.
    """

    exit_reason: str | None

    async def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """What the function returns, awaited if it must be. Raises SoftDeadline after `seconds`."""

    def beside(self, work: Callable[[Sleep], Coroutine[Any, Any, None]]) -> Beside:
        """Starts `work`, which stops when its sleep says so."""

    def memory_mb(self) -> int:
        """The most memory that the process has had resident, since it began."""

"""The supervisor's orders to a process, over a pipe. If the supervisor dies, the pipe's end is an order, too.

A signal would not do: a service manager may send it to all processes of a service, and a task may handle or
block it. A thread reads the pipe by functions that no task can replace.
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from math import inf
from os import read
from time import sleep, time

from worker.deadline import SOFT_SECONDS

DRAIN, END = b"d", b"e"
"""Two orders: receive nothing more; and interrupt the task that runs."""

REPLACED_STATUS = 75
"""The exit status of a process that ended after a task that broke it. All others mean that it failed itself:
Python's own is 1."""

INTERRUPT_AGAIN_SECONDS = 0.5
"""Seconds until a task is interrupted again: its code may begin just after the first time."""


class Control:
    """The orders of the supervisor.

    asked     -- whether it may receive nothing more.
    interrupt -- interrupts the running task. Called again and again, by a thread.
    """

    def __init__(self, descriptor: int, interrupt: Callable[[], object]) -> None:
        self.asked = False
        self._descriptor = descriptor
        self._interrupt = interrupt
        self._ends_at = inf
        self._stirred = allocate_lock()
        self._stirred.acquire()

    def begin(self) -> None:
        """Begins to listen."""
        start_new_thread(self._listen, ())

    def seconds_left(self) -> float:
        """Returns how long the process may go on: from the second order on, to settle its message."""
        return self._ends_at - time()

    def now(self) -> float:
        return time()

    async def sleep(self, seconds: float) -> None:
        """Sleeps, until the first order at the latest. With `now` this is the process's clock."""
        if self._stirred.acquire(timeout=max(0.0, seconds)):
            self._stirred.release()

    def _listen(self) -> None:
        order = DRAIN
        while order != END:
            order = self._read()
            if not self.asked:
                self.asked = True
                self._stirred.release()
            if not order:
                return
        self._ends_at = time() + SOFT_SECONDS
        while True:
            self._interrupt()
            sleep(INTERRUPT_AGAIN_SECONDS)

    def _read(self) -> bytes:
        try:
            return read(self._descriptor, 1)
        except OSError:  # a task has closed it
            return b""

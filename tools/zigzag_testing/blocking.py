"""Lets code that is no `async def` take time in a sandbox: it runs in a thread of its own, which is parked.

Such code is an import, a check of a payload, a key function, or a task that is a plain function. On Lambda it
holds the process's main thread, while heartbeats come from another. Here each invocation runs step by step in
a thread, and `block` parks that thread until the virtual time has passed. Only one thread runs at any moment.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Literal, NamedTuple

from worker.host import SoftDeadline


class _Step(NamedTuple):
    """The state of a coroutine after a step. `what` is its future, seconds to block, result or error."""

    how: Literal["waits", "blocks", "returned", "raised"]
    what: Any


_THREAD: ContextVar[_Stepped | None] = ContextVar("thread", default=None)
_DEADLINE: ContextVar[float | None] = ContextVar("deadline", default=None)


def block(seconds: float, *, interruptible: bool = True) -> None:
    """Takes `seconds` of virtual time, as `time.sleep` takes real time.

    interruptible -- whether the soft deadline ends it at once. Code in C, for example, is interrupted only
                     when it returns. Raises SoftDeadline. Raises RuntimeError outside of a worker whose
                     sandbox has `blocking=True`.
    """
    thread = _THREAD.get()
    if thread is None:
        raise RuntimeError("only a worker can block, in a Sandbox(blocking=True)")
    deadline = _DEADLINE.get()
    left = float("inf") if deadline is None else max(0.0, deadline - thread.loop.time())
    thread.park(min(seconds, left) if interruptible else seconds)
    if seconds >= left:
        raise SoftDeadline


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Makes `block` raise SoftDeadline after `seconds`, as a timer's signal does."""
    thread = _THREAD.get()
    before = _DEADLINE.set(None if thread is None else thread.loop.time() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(before)


async def in_a_thread[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine whose code may block. If it is cancelled meanwhile, `block` raises CancelledError."""
    result: T = await _Stepped(coroutine)
    return result


def threaded[**P, T](work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Returns `work`, whose code may block then."""
    return lambda *given, **named: in_a_thread(work(*given, **named))


class _Stepped:
    """A coroutine that runs in a thread, step by step, and is awaited in the event loop's thread."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self._coroutine = coroutine
        self._go, self._came = threading.Semaphore(0), threading.Semaphore(0)
        self._next: Callable[[], Any] = lambda: coroutine.send(None)
        self._killed_by: BaseException | None = None
        self._step = _Step("waits", None)
        _THREAD.set(self)
        context = copy_context()
        threading.Thread(target=lambda: context.run(self._serve), daemon=True).start()

    def __await__(self) -> Generator[Any, Any, Any]:
        while True:
            how, what = self._advance()
            try:
                match how:
                    case "returned":
                        return what
                    case "blocks":
                        yield from asyncio.sleep(what).__await__()
                    case "waits":
                        yield what
                        self._next = lambda: self._coroutine.send(None)
            except BaseException as error:
                if how == "blocks":
                    self._killed_by = error
                else:
                    self._next = _throws(self._coroutine, error)
            if how == "raised":
                raise what

    def park(self, seconds: float) -> None:
        """Parks the thread that calls it until the time has passed."""
        self._step = _Step("blocks", seconds)
        self._came.release()
        self._go.acquire()
        killed_by, self._killed_by = self._killed_by, None
        if killed_by is not None:
            raise killed_by

    def _advance(self) -> _Step:
        self._go.release()
        self._came.acquire()
        return self._step

    def _serve(self) -> None:
        asyncio._set_running_loop(self.loop)
        while self._step.how not in ("returned", "raised"):
            self._go.acquire()
            try:
                self._step = _Step("waits", self._next())
            except StopIteration as stop:
                self._step = _Step("returned", stop.value)
            except BaseException as error:
                self._step = _Step("raised", error)
            self._came.release()


def _throws(coroutine: Coroutine[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: coroutine.throw(error)

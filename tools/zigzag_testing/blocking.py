"""Lets code that is no `async def` take time in a sandbox: it runs in a thread of its own, which is parked.

Such code is an import, a check of a payload, a key function, or a task that is a plain function. On Lambda it
holds the process's main thread, while heartbeats come from another. Here each invocation runs step by step in
a thread, and `block` parks that thread until the virtual time has passed. Only one thread runs at any moment.
A thread costs more than most invocations, so one thread serves many, one after the other.
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


type Work = Callable[[Any, Callable[[], float]], Coroutine[Any, Any, Any]]
"""An invocation: it takes the event, and a function that returns the seconds that are left."""

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


class Threads:
    """The threads of a sandbox whose code may block."""

    def __init__(self) -> None:
        self._idle: list[_Thread] = []

    def threaded(self, work: Work, may_block: Callable[[Any], bool]) -> Work:
        """Returns `work`, whose code may block where `may_block` says so of the event.

        If it is cancelled meanwhile, `block` raises that.
        """

        async def worked(event: Any, seconds_left: Callable[[], float]) -> Any:
            if not may_block(event):
                _THREAD.set(None)
                return await work(event, seconds_left)
            thread = self._idle.pop() if self._idle else _Thread()
            try:
                return await _Stepped(work(event, seconds_left), thread)
            finally:
                if thread.is_free:
                    self._idle.append(thread)

        return worked

    def close(self) -> None:
        """Ends them. None of them may be at work."""
        while self._idle:
            self._idle.pop().end()


class _Thread:
    """A thread that takes a step when it is told to, while the one that told it waits."""

    def __init__(self) -> None:
        self._go, self._came = _locked(), _locked()
        self._serve: Callable[[], None] | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def begin(self, serve: Callable[[], None]) -> None:
        """Has the next steps be those of `serve`, which calls `pause` between two of them."""
        self._serve = serve

    def advance(self) -> None:
        """Lets the thread take a step, and waits until it took it."""
        self._go.release()
        self._came.acquire()

    def pause(self) -> None:
        """Ends the step of this thread, and waits until it is told to take the next one."""
        self._came.release()
        self._go.acquire()

    @property
    def is_free(self) -> bool:
        return self._serve is None

    def end(self) -> None:
        """Ends the thread, which must be free."""
        self._go.release()

    def _work(self) -> None:
        self._go.acquire()
        while self._serve is not None:
            self._serve()
            self._serve = None
            self.pause()


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Stepped:
    """A coroutine that runs in a thread, step by step, and is awaited in the event loop's thread."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], thread: _Thread) -> None:
        self.loop = asyncio.get_running_loop()
        self._coroutine = coroutine
        self._thread = thread
        self._next: Callable[[], Any] = lambda: coroutine.send(None)
        self._killed_by: BaseException | None = None
        self._step = _Step("waits", None)
        _THREAD.set(self)
        context = copy_context()
        thread.begin(lambda: context.run(self._serve))

    def __await__(self) -> Generator[Any, Any, Any]:
        while True:
            self._thread.advance()
            how, what = self._step
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
        self._thread.pause()
        killed_by, self._killed_by = self._killed_by, None
        if killed_by is not None:
            raise killed_by

    def _serve(self) -> None:
        asyncio._set_running_loop(self.loop)
        while True:
            try:
                self._step = _Step("waits", self._next())
            except StopIteration as stop:
                self._step = _Step("returned", stop.value)
                return
            except BaseException as error:
                self._step = _Step("raised", error)
                return
            self._thread.pause()


def _throws(coroutine: Coroutine[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: coroutine.throw(error)

"""The lines that the functions of a hostile world write, and what an audit says of them."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any

import pytest

from consumer.consumer import Consumer
from consumer.summary import Summary
from shared import log
from worker.result import Report
from worker.worker import Worker
from zigzag_operate import audit
from zigzag_testing import Sandbox

_OF: ContextVar[Lines | None] = ContextVar("lines", default=None)
"""The lines of the world whose code runs."""


class Lines:
    """Keeps the lines of a sandbox, in the order of its time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.written: list[tuple[float, dict[str, Any]]] = []
        self.clock, do = sandbox.clock, sandbox._do

        def kept[R](coroutine: Coroutine[Any, Any, R]) -> R:
            before = _OF.set(self)
            try:
                return do(coroutine)
            finally:
                _OF.reset(before)

        sandbox._do = kept  # type: ignore[method-assign]
        _install()

    def add(self, message: str, fields: dict[str, Any]) -> None:
        known = {name: value for name, value in fields.items() if value is not None}
        self.written.append((self.clock.now(), {"message": message, **known}))

    def audit(self, known: audit.Known) -> audit.Report:
        """Returns what an audit of all lines says."""
        judge = audit.Judge(self.written[0][0] - 100 if self.written else 0.0, known)
        for at, said in self.written:
            judge.line(at, said)
        return judge.end(self.clock.now() + 3600)


def _install() -> None:
    """Has each line of a function in a world kept, for the rest of this process. Others are not touched."""
    if getattr(log.write, "keeps_lines", False):
        return
    write, tick, work = log.write, Consumer.tick, Worker.work

    def kept(level: int, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
        if (lines := _OF.get()) is not None:
            lines.add(message, fields)
        write(level, message, error=error, **fields)

    async def told(consumer: Consumer, seconds_left: float, event: object = None) -> Summary:
        """As the consumer's handler does."""
        with _ended():
            summary = await tick(consumer, seconds_left, event)
        if (lines := _OF.get()) is not None:
            lines.add("tick", {**asdict(summary), **consumer.limits})
        return summary

    async def worked(worker: Worker, *arguments: Any) -> list[Report]:
        with _ended():
            return await work(worker, *arguments)

    kept.keeps_lines = True  # type: ignore[attr-defined]
    patch = pytest.MonkeyPatch()
    patch.setattr(log, "write", kept)
    patch.setattr(Consumer, "tick", told)
    patch.setattr(Worker, "work", worked)


@contextmanager
def _ended() -> Iterator[None]:
    """Has a line of Lambda's for a process that does not come to its end."""
    try:
        yield
    except BaseException:
        if (lines := _OF.get()) is not None:
            lines.add("", {"type": "platform.report"})
        raise

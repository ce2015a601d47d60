"""An `async def` task starts parts of its work and leaves them to themselves. If one fails, so has the task.

Each part is of the task that started it, and of no later one that runs in the same loop.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.unit.worker.conftest import LONG, call

from worker.host import SoftDeadline
from worker.process import LambdaProcess

SOON = 0.05
kept: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    yield
    kept.clear()


async def fails() -> None:
    await asyncio.sleep(0)
    raise ValueError("not sent")


def fails_at_once(*_: object) -> None:
    raise ValueError("not sent")


def start(part: Awaitable[Any]) -> asyncio.Future[Any]:
    return asyncio.ensure_future(part)


async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())


async def under_a_timeout() -> None:
    async with asyncio.timeout(LONG) as limit:
        kept.append(limit.when())
        await fails()


async def who_knows_itself() -> None:
    me = asyncio.current_task()
    await fails()
    assert me is not None


class OddError(BaseException):
    """No Exception."""


async def odd() -> None:
    raise OddError


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def stop() -> None:
    loop().stop()


def interrupt() -> None:
    raise KeyboardInterrupt


async def leaves_later() -> None:
    await asyncio.sleep(0)
    sys.exit()


def exits_soon() -> None:
    loop().call_soon(lambda: loop().call_soon(sys.exit))


def exits_in_a_part() -> None:
    start(leaves_later())


def exits_when_it_is_told() -> None:
    loop().call_soon_threadsafe(sys.exit)


async def numbers() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        kept.append("closed")


async def reads() -> None:
    some = numbers()
    await anext(some)
    await asyncio.sleep(LONG)


PARTS: dict[str, Callable[[], object]] = {
    "a task": lambda: start(fails()),
    "a task in a cycle: a group": lambda: start(in_a_group()),
    "a task in a cycle: a time-out": lambda: start(under_a_timeout()),
    "a task in a cycle: itself": lambda: start(who_knows_itself()),
    "a task that is kept": lambda: kept.append(start(fails())),
    "a gather": lambda: start(asyncio.gather(fails(), asyncio.sleep(0))) and None,
    "a call in a thread": lambda: loop().run_in_executor(None, fails_at_once) and None,
    "a call in a thread that is kept": lambda: kept.append(loop().run_in_executor(None, fails_at_once)),
    "a callback": lambda: loop().call_soon(fails_at_once),
    "a future": lambda: loop().create_future().set_exception(ValueError("not sent")),
    "what is no Exception": lambda: start(odd()),
}


@pytest.mark.parametrize("before_its_end", [True, False], ids=["before its end", "after its end"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_fails_fails_its_task(process: LambdaProcess, part: str, before_its_end: bool) -> None:
    async def task() -> None:
        PARTS[part]()
        if before_its_end:
            await asyncio.sleep(SOON)

    with pytest.raises((ExceptionGroup, ValueError, RuntimeError), match=r"not sent|OddError|TaskGroup"):
        call(process, task)


def test_a_failure_that_another_part_has_dealt_with_is_none(process: LambdaProcess) -> None:
    async def deals_with() -> None:
        kept.extend(await asyncio.gather(start(fails()), return_exceptions=True))

    async def task() -> None:
        kept.append(start(deals_with()))

    call(process, task)
    assert str(kept[-1]) == "not sent"


def test_a_part_that_is_pending_when_it_leaves_by_sys_exit_ends_as_well(process: LambdaProcess) -> None:
    sent = []

    async def later() -> None:
        await asyncio.sleep(SOON)
        sent.append(True)

    async def task() -> None:
        kept.append(start(later()))
        sys.exit()

    with pytest.raises(SystemExit):
        call(process, task)
    assert sent == [True]


def test_a_part_that_fails_then_fails_its_task(process: LambdaProcess) -> None:
    async def task() -> None:
        kept.append(start(fails()))
        sys.exit(0)

    with pytest.raises(ValueError, match="not sent"):
        call(process, task)


def test_a_part_that_is_pending_when_it_leaves_by_sys_exit_1_is_cancelled(process: LambdaProcess) -> None:
    async def task() -> None:
        kept.append(start(asyncio.sleep(LONG)))
        sys.exit(1)

    with pytest.raises(SystemExit):
        call(process, task)
    assert kept[0].cancelled()


def test_a_call_in_a_thread_that_goes_on_is_named_at_the_deadline(process: LambdaProcess) -> None:
    go_on = threading.Event()

    async def task() -> None:
        kept.append(loop().run_in_executor(None, go_on.wait))

    with pytest.raises(SoftDeadline, match="a call in a thread"):
        call(process, task, SOON)
    go_on.set()


async def fails_in_it() -> None:
    some = numbers()
    raise ValueError(await anext(some))


async def fails_beside_it() -> None:
    part = start(reads())
    await asyncio.sleep(SOON)
    raise ValueError(str(part))


async def fails_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fails_in_it())
        group.create_task(reads())


@pytest.mark.parametrize("task", [fails_in_it, fails_beside_it, fails_in_a_group])
def test_a_generator_that_is_read_by_half_when_it_fails_is_closed(
    process: LambdaProcess, task: Callable[[], Awaitable[None]]
) -> None:
    with pytest.raises((ValueError, ExceptionGroup)):
        call(process, task)
    assert set(kept) == {"closed"}
    assert process.exit_reason is None


def test_a_generator_that_a_client_keeps_is_read_on_after_a_failure(process: LambdaProcess) -> None:
    some = numbers()

    async def fails_and_keeps_it() -> None:
        raise ValueError(await anext(some))

    with pytest.raises(ValueError, match="1"):
        call(process, fails_and_keeps_it)
    assert kept == []
    assert call(process, some.aclose) is None


class TestAnEarlierOnes:
    """A timer of an earlier task goes off in the next one, whose attempt has nothing to do with it."""

    def after(self, process: LambdaProcess, later: Callable[[], object], seconds: float = SOON) -> Any:
        async def first() -> None:
            loop().call_later(seconds, later)

        async def second() -> int:
            await asyncio.sleep(SOON * 4)
            return 7

        call(process, first)
        return call(process, second)

    def test_failure_is_none_of_its_own(
        self, process: LambdaProcess, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert self.after(process, lambda: start(fails())) == 7
        assert "not sent" in caplog.text

    def test_callback_that_fails_is_none_of_its_own(self, process: LambdaProcess) -> None:
        assert self.after(process, fails_at_once) == 7

    @pytest.mark.parametrize(
        "leaves", [stop, sys.exit, interrupt, exits_soon, exits_in_a_part, exits_when_it_is_told]
    )
    def test_callback_that_would_end_it_does_not(
        self, process: LambdaProcess, leaves: Callable[[], object]
    ) -> None:
        assert self.after(process, leaves) == 7
        assert process.exit_reason is None

    def test_descriptor_that_would_end_it_does_not(self, process: LambdaProcess) -> None:
        ours, theirs = os.pipe()

        async def first() -> None:
            loop().add_reader(ours, lambda: [loop().remove_reader(ours), interrupt()])

        async def second() -> int:
            os.write(theirs, b"x")
            await asyncio.sleep(SOON)
            return 7

        call(process, first)
        assert call(process, second) == 7
        os.close(ours)
        os.close(theirs)

    def test_callback_that_hangs_takes_its_time_and_no_more(
        self, process: LambdaProcess, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def first() -> None:
            loop().call_later(SOON, time.sleep, LONG)

        call(process, first)
        with pytest.raises(SoftDeadline):
            call(process, lambda: asyncio.sleep(LONG), SOON * 2)
        assert "SoftDeadline" not in caplog.text

    def test_part_is_not_waited_for(self, process: LambdaProcess) -> None:
        assert self.after(process, lambda: kept.append(start(asyncio.sleep(LONG)))) == 7
        assert kept[0].cancelled()
        assert process.exit_reason is None

    def test_error_that_is_found_late_is_none_of_its_own(self, process: LambdaProcess) -> None:
        async def first() -> None:
            kept.append(start(fails()))
            await asyncio.sleep(SOON)

        async def second() -> int:
            kept.clear()
            return 7

        with pytest.raises(ValueError, match="not sent"):
            call(process, first)
        assert call(process, second) == 7


class TestLoop:
    """The loop is as it was, or its process ends."""

    def test_a_factory_of_tasks_is_put_back(self, process: LambdaProcess) -> None:
        async def first() -> None:
            loop().set_task_factory(fails_at_once)  # type: ignore[arg-type]
            loop().set_debug(True)

        async def second() -> bool:
            await start(asyncio.sleep(0))
            return loop().get_debug()

        call(process, first)
        assert call(process, second) is False

    def test_after_a_task_that_broke_it_the_process_must_exit(self, process: LambdaProcess) -> None:
        async def first() -> Any:
            return loop()

        made = call(process, first)
        call(process, made._selector.close)

        made._selector = selectors.DefaultSelector()  # with which it can be closed
        assert str(process.exit_reason).startswith("what its task changed can't be put back: ValueError")

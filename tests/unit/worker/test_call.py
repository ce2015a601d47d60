"""Calling a task: here and now, in the main thread; an `async def` is awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest

from worker.host import call
from worker.process import LambdaProcess
from worker.raised import OutOfTimeError
from zigzag import Context, Task, task
from zigzag.in_place import run_in_place

seen: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


@task()
def plain(payload: dict[str, Any]) -> None:
    seen.append(payload)


@task()
def with_context(payload: dict[str, Any], context: Context) -> None:
    seen.append((payload, context.id))


@task()
def in_thread(payload: dict[str, Any]) -> None:
    seen.append(threading.current_thread() is threading.main_thread())


@task()
async def asynchronous(payload: dict[str, Any]) -> None:
    await asyncio.sleep(0)
    seen.append(payload)


@task()
async def failing(payload: dict[str, Any]) -> None:
    raise ValueError("from inside")


@task()
async def cancelled(payload: dict[str, Any]) -> None:
    raise asyncio.CancelledError


@task()
def a_generator(payload: dict[str, Any]) -> Iterator[int]:
    return (number for number in [1])


@task()
def an_async_generator(payload: dict[str, Any]) -> AsyncIterator[int]:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    return numbers()


@task()
async def a_generator_from_async(payload: dict[str, Any]) -> Iterator[int]:
    return (number for number in [1])


@task()
def a_coroutine(payload: dict[str, Any]) -> Awaitable[None]:
    return asynchronous({"by": "a decorator that hides the async def"})


@task()
async def forgetful(payload: dict[str, Any]) -> None:
    async def the_mail() -> None:
        await asyncio.sleep(60)

    asyncio.get_running_loop().create_task(the_mail())


def ran(task: Task[Any, Any, Any], seconds: float = 60) -> list[Any]:
    process = LambdaProcess()
    try:
        run_in_place(call(task, {"a": 1}, Context(id="id-1"), process, seconds))
    finally:
        process.close()
    return seen


def test_a_function_gets_its_payload() -> None:
    assert ran(plain) == [{"a": 1}]


def test_a_function_that_asks_for_a_context_gets_it() -> None:
    assert ran(with_context) == [({"a": 1}, "id-1")]


def test_a_function_runs_in_the_main_thread() -> None:
    assert ran(in_thread) == [True]


def test_an_async_function_is_awaited() -> None:
    assert ran(asynchronous) == [{"a": 1}]


def test_a_coroutine_that_a_plain_function_returns_is_awaited() -> None:
    assert ran(a_coroutine) == [{"by": "a decorator that hides the async def"}]


def test_what_an_async_function_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="from inside"):
        ran(failing)


def test_an_async_function_that_is_cancelled_failed_like_any_other() -> None:
    with pytest.raises(Exception, match="the task raised CancelledError, which is no Exception"):
        ran(cancelled)


@pytest.mark.parametrize("task", [a_generator, an_async_generator, a_generator_from_async])
def test_a_generator_is_refused_since_its_code_has_not_run(task: Task[Any, Any, Any]) -> None:
    with pytest.raises(TypeError, match=f"{task.name} returned a generator, whose code has not run"):
        ran(task)


def test_what_was_pending_when_the_time_was_over_is_in_the_reason() -> None:
    with pytest.raises(OutOfTimeError, match=r"it had returned, but not what it had started: .*the_mail$"):
        ran(forgetful, 0.05)

"""Calling a task: here and now, in the main thread. An `async def` is awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest
from tests.unit.worker.conftest import LONG, SOON

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
    seen.append((payload, threading.current_thread()))


@task()
async def asynchronous(payload: dict[str, Any]) -> None:
    await asyncio.sleep(0)
    plain(payload)


@task()
def a_coroutine(payload: dict[str, Any]) -> Awaitable[None]:
    return asynchronous(payload)  # as a decorator does that hides the async def


@task()
def with_context(payload: dict[str, Any], context: Context) -> None:
    seen.append((payload, context.id))


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
async def forgetful(payload: dict[str, Any]) -> None:
    async def the_mail() -> None:
        await asyncio.sleep(LONG)

    asyncio.get_running_loop().create_task(the_mail())


def ran(process: LambdaProcess, task: Task[Any, Any, Any], seconds: float = LONG) -> list[Any]:
    run_in_place(call(task, {"a": 1}, Context(id="id-1"), process, seconds))
    return seen


def test_a_function_gets_its_payload_in_the_main_thread(process: LambdaProcess) -> None:
    assert ran(process, plain) == [({"a": 1}, threading.main_thread())]


def test_an_async_function_is_awaited(process: LambdaProcess) -> None:
    assert ran(process, asynchronous) == [({"a": 1}, threading.main_thread())]


def test_a_coroutine_that_a_plain_function_returns_is_awaited(process: LambdaProcess) -> None:
    assert ran(process, a_coroutine) == [({"a": 1}, threading.main_thread())]


def test_a_function_that_asks_for_a_context_gets_it(process: LambdaProcess) -> None:
    assert ran(process, with_context) == [({"a": 1}, "id-1")]


@pytest.mark.parametrize("task", [a_generator, an_async_generator, a_generator_from_async])
def test_a_generator_is_refused_since_its_code_has_not_run(
    process: LambdaProcess, task: Task[Any, Any, Any]
) -> None:
    with pytest.raises(TypeError, match=f"{task.name} returned a generator, whose code has not run"):
        ran(process, task)


def test_the_reason_names_what_was_pending_when_the_time_was_over(process: LambdaProcess) -> None:
    with pytest.raises(OutOfTimeError, match=r"it had returned, but not what it had started: .*the_mail$"):
        ran(process, forgetful, SOON)

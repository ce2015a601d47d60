"""A task may return what has still to be run. The worker runs or refuses it. No run, no success."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any

import pytest

from worker.host import Host, call
from worker.process import LambdaProcess
from worker.raised import OutOfTimeError
from zigzag import Context, task
from zigzag.in_place import run_in_place
from zigzag_testing.virtual_host import VirtualHost

ran: list[str] = []
kept: list[Coroutine[Any, Any, None]] = []
"""Coroutines that are refused: Python complains of one that nobody awaits nor closes."""
SECONDS = 30.0


@pytest.fixture(autouse=True)
def _nothing_ran() -> Iterator[None]:
    ran.clear()
    yield
    for one in kept:
        one.close()
    kept.clear()


def on_lambda(function: Callable[[dict[str, Any]], Any], seconds: float = SECONDS) -> None:
    process = LambdaProcess()
    try:
        run_in_place(calls(function, process, seconds))
    finally:
        process.close()


def in_the_sandbox(function: Callable[[dict[str, Any]], Any]) -> None:
    asyncio.run(calls(function, VirtualHost()))


async def calls(function: Callable[[dict[str, Any]], Any], host: Host, seconds: float = SECONDS) -> None:
    await call(task()(function), {}, Context(id="id-1"), host, seconds)


@pytest.fixture(params=[on_lambda, in_the_sandbox], ids=["on Lambda", "in the sandbox"])
def run(request: pytest.FixtureRequest) -> Any:
    return request.param


async def helper() -> None:
    ran.append("helper")


class Client:
    """As some clients are: one opens it by `await`, and has the client itself."""

    def __await__(self) -> Generator[None, None, Client]:
        ran.append("opened")
        yield from ()
        return self


def test_a_coroutine_whose_await_an_async_task_forgot_is_awaited(run: Any) -> None:
    async def forgetful(payload: dict[str, Any]) -> Any:
        return helper()

    run(forgetful)
    assert ran == ["helper"]


def test_so_is_one_that_a_coroutine_of_a_plain_task_returns(run: Any) -> None:
    async def outer() -> Awaitable[None]:
        return helper()

    def plain(payload: dict[str, Any]) -> Any:
        return outer()

    run(plain)
    assert ran == ["helper"]


def test_an_object_that_gives_itself_is_not_awaited_for_ever(run: Any) -> None:
    async def opens(payload: dict[str, Any]) -> Any:
        return Client()

    run(opens)
    assert "opened" in ran


async def coroutines(payload: dict[str, Any]) -> Any:
    kept.extend([helper(), helper()])
    return kept.copy()


def a_map(payload: dict[str, Any]) -> Any:
    return map(ran.append, ["helper"])


def a_filter(payload: dict[str, Any]) -> Any:
    return filter(ran.append, ["helper"])


def a_dict(payload: dict[str, Any]) -> Any:
    kept.append(helper())
    return {"one": kept[0]}


def a_generator(payload: dict[str, Any]) -> Any:
    return (number for number in [1])


async def a_generator_from_async(payload: dict[str, Any]) -> Any:
    return (number for number in [1])


async def an_async_generator(payload: dict[str, Any]) -> Any:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    return numbers()


@pytest.mark.parametrize(
    "function",
    [coroutines, a_map, a_filter, a_dict, a_generator, a_generator_from_async, an_async_generator],
)
def test_several_are_refused_and_what_is_lazy_is(run: Any, function: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(TypeError, match=f"{function.__name__} returned a .*, whose code has not run"):
        run(function)


def test_a_list_of_what_has_run_is_let_be(run: Any) -> None:
    def plain(payload: dict[str, Any]) -> Any:
        ran.append("plain")
        return [{"number": 1}, range(3), "text"]

    run(plain)
    assert ran == ["plain"]


def test_the_reason_names_what_was_pending_when_the_time_was_over() -> None:
    async def the_mail() -> None:
        await asyncio.sleep(SECONDS)

    async def forgetful(payload: dict[str, Any]) -> None:
        asyncio.get_running_loop().create_task(the_mail())

    with pytest.raises(OutOfTimeError, match=r"it had returned, but not what it had started: .*the_mail$"):
        on_lambda(forgetful, 0.1)

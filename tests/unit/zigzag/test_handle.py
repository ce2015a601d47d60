"""A handle: sending a task by its name, without its module."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import pytest
from pydantic import BaseModel, model_validator
from tests.support import QUEUE_URL

from shared.ports.queue import Outgoing
from zigzag import BadPayloadError, TaskDefinitionError, remote, send, task
from zigzag.send import sending_to
from zigzag_testing import Sandbox


class Order(BaseModel):
    number: str


class Watched(Order):
    """Notes the threads that check it."""

    threads: ClassVar[list[int]] = []

    @model_validator(mode="after")
    def noted(self) -> Self:
        self.threads.append(threading.get_ident())
        return self


class Outbox:
    """Keeps each message, and the thread that brought it."""

    url = QUEUE_URL

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.threads: list[int] = []

    async def send(self, message: Outgoing) -> str:
        self.messages.append(message)
        self.threads.append(threading.get_ident())
        return "m-1"


def sent(call: Any) -> tuple[str, Outgoing]:
    """Returns the id that a send returned, and its message."""
    outbox = Outbox()
    with sending_to(outbox):
        returned = call()
        if isinstance(returned, Coroutine):
            returned = asyncio.run(returned)
    (message,) = outbox.messages
    return returned, message


@pytest.mark.parametrize(
    ("model", "payload"), [(Order, Order(number="A-1")), (dict[str, Any], {"number": "A-1"})]
)
def test_a_remote_task_is_sent_by_its_name(model: Any, payload: Any) -> None:
    _, message = sent(lambda: remote("take_order", model).send(payload))

    assert json.loads(message.body) == {"task": "take_order", "payload": {"number": "A-1"}}


def test_a_payload_of_a_remote_task_is_checked_before_it_is_sent() -> None:
    with sending_to(Outbox()), pytest.raises(BadPayloadError, match="number"):
        remote("take_order", Order).send({"number": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "model"), [("", Order), ("take_order", int), ("take_order", "Order")])
def test_a_remote_task_needs_a_name_and_a_model(name: str, model: Any) -> None:
    with pytest.raises(TaskDefinitionError):
        remote(name, model)


def test_send_async_sends_with_the_same_options_and_returns_the_message_id() -> None:
    handle = remote("take_order", Order)

    sync = sent(lambda: handle.send(Order(number="A-1"), id="a-1", delay_seconds=3))

    assert sent(lambda: handle.send_async(Order(number="A-1"), id="a-1", delay_seconds=3)) == sync


def test_send_async_checks_and_sends_without_the_loops_thread() -> None:
    outbox = Outbox()
    with sending_to(outbox):
        asyncio.run(remote("take_order", Watched).send_async({"number": "A-1"}))  # type: ignore[arg-type]

    assert threading.get_ident() not in {*outbox.threads, *Watched.threads}


def test_send_async_goes_on_while_the_loops_own_threads_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(send, "put", lambda *_: "m-1")

    async def with_one_thread() -> str:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, free.wait)
        try:
            return await asyncio.wait_for(remote("take_order", dict).send_async({}), 5)
        finally:
            free.set()
            await busy

    assert asyncio.run(with_one_thread()) == "m-1"


def test_in_a_sandbox_no_time_passes_while_it_sends() -> None:
    take_order = remote("take_order", dict)

    @task
    async def collect(payload: dict[str, Any]) -> None:
        await asyncio.wait_for(take_order.send_async({}), 5)

    with Sandbox({"collect": collect}) as sandbox:
        collect.send({})
        sandbox.run_for(2)

    assert sandbox.reports[0].outcome == "succeeded"

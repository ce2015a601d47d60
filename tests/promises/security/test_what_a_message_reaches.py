"""A message reaches the task that it names, if the table has it, and nothing else."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import pytest
from tests.support import a_delivery, body_of, text
from tests.transports import TRANSPORTS, as_on_lambda, in_place

from shared.aws.lean import streams
from shared.aws.sqs_queue import SqsQueue
from shared.ports.queue import Outgoing, QueueError
from zigzag import Context, Reject, task
from zigzag.in_place import run_in_place
from zigzag_testing import Sandbox

given: list[Any] = []


@task(attempts=1)
def take(payload: dict[str, Any], context: Context) -> None:
    given.append((payload, dict(context.attributes)))


@pytest.fixture(autouse=True)
def _nothing_given() -> None:
    given.clear()


class TestNames:
    """A name is looked up in the table of tasks, and nowhere else."""

    @pytest.mark.parametrize(
        "name",
        [
            "this",  # a module that prints when it is imported
            "turtledemo.clock",
            "tasks.hello",
            "os.system",
            "../tasks/hello",
            "__import__('this')",
            "__class__",
            "Greeting",
            "hello ",
            "hello\x00",
            "ｈｅｌｌｏ",  # noqa: RUF001 -- Python takes it for the name hello
        ],
    )
    def test_a_name_that_is_not_in_the_table_imports_nothing_and_calls_nothing(self, name: str) -> None:
        with Sandbox() as sandbox:
            sandbox.send_message(body_of(name))
            sandbox.send_message("{}", {"task": text(name)} if name.isprintable() else {})
            sandbox.run()

        assert {report.outcome for report in sandbox.reports} == {"retry later", "dead-letter"}
        assert {"this", "turtledemo.clock"} & set(sys.modules) == set()

    def test_in_a_tasks_module_only_the_task_is_reached(self) -> None:
        with Sandbox({"Greeting": "tasks.hello", "getLogger": "logging"}) as sandbox:
            for name in ("Greeting", "getLogger"):
                sandbox.send_message(body_of(name, {"name": "x"}))
            sandbox.run()

        assert ["has no function" in letter.reason for letter in sandbox.dead_letters] == [True, True]


@task()
def refuse(payload: dict[str, Any]) -> None:
    raise Reject(payload["text"])


def test_half_a_character_in_a_tasks_reason_does_not_end_lambdas_process() -> None:
    """Its Python writes a function's answer as UTF-8, and falls over what that can't hold."""
    with Sandbox({"refuse": refuse}) as sandbox:
        sandbox.send_message(body_of("refuse", {"text": "cut through an emoji: \ud83d"}))
        sandbox.run()

    assert len(sandbox.dead_letters) == 1
    json.dumps([report._asdict() for report in sandbox.reports], ensure_ascii=False).encode()


ELSEWHERE = "https://evil.example/"
LURES = {
    **dict.fromkeys(
        ["reply_to", "callback", "url", "queue", "queue_url", "QueueUrl", "endpoint_url"], ELSEWHERE
    ),
    "$ref": ELSEWHERE,
    "SubscribeURL": ELSEWHERE,
    "Message": {"Body": "{}", "ReceiptHandle": "x"},
    "Lease": {"ReceivedAt": 0, "StartBy": 0, "Ends": 0},
    "headers": {"reply-to": ELSEWHERE},
    "py/object": "os.system",
    "__class__": "os.system",
    "__reduce__": ["os.system", ["true"]],
}


class TestAddresses:
    """Of the addresses in a message, none is called: a task may do that, Zigzag never does."""

    @pytest.fixture(autouse=True)
    def _nobody_is_called(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def call(*where: Any) -> Any:
            raise AssertionError(f"somebody was called: {where}")

        for name in ("connect", "connect_ex", "sendto"):
            monkeypatch.setattr(socket.socket, name, call)
        for module in (socket, streams):
            monkeypatch.setattr(module, "getaddrinfo", call)

    def test_a_message_full_of_them_is_what_its_task_makes_of_it(self) -> None:
        attributes = {name: text(ELSEWHERE) for name in ("reply_to", "QueueUrl", "url", "zigzag")}

        with Sandbox({"take": take}) as sandbox:
            asks = {**LURES, "task": "take", "payload": LURES}
            sandbox.send_message(json.dumps(asks), attributes)  # it names where to reply to
            sandbox.send_message(json.dumps({**asks, "reply_to": None}), attributes)
            sandbox.send_message(json.dumps(LURES), {**attributes, "task": text("take")})
            sandbox.send_message(json.dumps(LURES), attributes)
            sandbox.run()

        outcomes = sorted(report.outcome for report in sandbox.reports)
        assert outcomes == ["dead-letter", "dead-letter", "succeeded", "succeeded"]
        assert [payload for payload, _ in given] == [LURES, LURES]
        assert all(set(seen) - {"task"} == {"reply_to", "QueueUrl", "url"} for _, seen in given)

    @pytest.mark.parametrize("wanted", TRANSPORTS)
    def test_a_call_goes_to_sqs_whatever_the_queues_url_says(
        self, monkeypatch: pytest.MonkeyPatch, wanted: str
    ) -> None:
        """A caller of the worker says which queue a message is from. No signature goes astray for that."""
        as_on_lambda(monkeypatch)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.setenv(name, "eu-west-1")
        asked: list[str] = []

        def nobody_is_found(host: str, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "not known")

        for module in (socket, streams):
            monkeypatch.setattr(module, "getaddrinfo", nobody_is_found)
        with in_place(wanted) as transport:
            queue = SqsQueue(transport, f"{ELSEWHERE}123456789012/tasks")
            for ask in (
                queue.delete([a_delivery()]),
                queue.change_visibility([a_delivery()], 1),
                queue.send(Outgoing("x")),
                queue.receive(1, 0, 120),
                queue.in_flight(),
            ):
                with pytest.raises(QueueError):
                    run_in_place(ask)

        assert set(asked) == {"sqs.eu-west-1.amazonaws.com"}

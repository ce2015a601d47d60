"""Both handlers in one process: SQS is moto's, and Lambda's endpoint keeps the dispatches for the worker."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import boto3
import pytest
from benchmarks.template import environment_of
from tests.certificates import make_certificate
from tests.http_endpoint import HttpEndpoint
from tests.integration.warm_worker import WarmWorker, warm_worker
from tests.stacks import empty_account, no_poll_waits
from tests.transports import as_on_lambda, moto_over_http

import consumer.app
import worker.app
import worker.on_aws
from shared import log
from shared.aws import choice
from shared.aws.choice import BOTO, LEAN
from shared.aws.dynamodb_records import KEY
from shared.aws.transport import Transport
from tasks import TASKS
from zigzag import Task, aws

LINES = Callable[[], list[dict[str, Any]]]

WARM = Callable[..., AbstractContextManager[WarmWorker]]


class LambdaContext:
    """The context that Lambda hands to a handler, as far as we use it."""

    aws_request_id = "the-request"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


class Stack:
    """The deployed stack, but that nobody wakes the consumer and nobody starts a worker by itself."""

    def __init__(self, sqs: Any, endpoint: HttpEndpoint, table: dict[str, Any]) -> None:
        self._sqs = sqs
        self._table = table
        self.endpoint = endpoint
        self.queue_url = self.create_queue("tasks")
        self.dead_letter_queue_url = self.create_queue("dead-letters")

    def knows(self, *tasks: Task[Any, Any, Any]) -> None:
        """Adds tasks to the project's table."""
        self._table.update({task.name: task for task in tasks})

    def create_queue(self, name: str, **attributes: str) -> str:
        return str(self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def send(
        self,
        body: str,
        attributes: Mapping[str, Any] | None = None,
        *,
        url: str | None = None,
        group: str | None = None,
    ) -> str:
        """Runs `aws sqs send-message`. Returns the MessageId."""
        more = {} if group is None else {"MessageGroupId": group}
        answer = self._sqs.send_message(
            QueueUrl=url or self.queue_url, MessageBody=body, MessageAttributes=attributes or {}, **more
        )
        return str(answer["MessageId"])

    def receive(self, url: str) -> dict[str, Any]:
        """Runs `aws sqs receive-message`. Returns the message."""
        answer = self._sqs.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        message: dict[str, Any] = answer["Messages"][0]
        return message

    def wake_consumer(self) -> dict[str, Any]:
        """Fires the schedule. Returns the consumer's answer."""
        return consumer.app.handler({"source": "aws.events"}, LambdaContext(90))

    def start_workers(self) -> list[dict[str, Any]]:
        """Starts a worker for each dispatch, as Lambda does. Returns their answers."""
        events = self.endpoint.requests[:]
        self.endpoint.requests.clear()
        return [self.start_worker(json.loads(event)) for event in events]

    def start_worker(self, event: Any) -> dict[str, Any]:
        return worker.app.handler(event, LambdaContext(60))

    def run(self) -> list[dict[str, Any]]:
        """Fires the schedule once, with all that follows. Returns the workers' answers."""
        self.wake_consumer()
        return self.start_workers()

    def visible(self, url: str | None = None) -> int:
        return self._count(url or self.queue_url, "ApproximateNumberOfMessages")

    def in_flight(self, url: str | None = None) -> int:
        return self._count(url or self.queue_url, "ApproximateNumberOfMessagesNotVisible")

    def dead_letters(self, url: str | None = None) -> list[dict[str, Any]]:
        """Messages of the dead-letter queue, each with its note."""
        answer = self._sqs.receive_message(
            QueueUrl=url or self.dead_letter_queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        )
        return [
            {**message, "note": json.loads(message["MessageAttributes"]["zigzag"]["StringValue"])}
            for message in answer.get("Messages", [])
        ]

    def _count(self, url: str, name: str) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[LINES]:
    """Yields a call that returns the lines of the functions since it was last made."""
    botocore = logging.getLogger("botocore")
    level = logging.getLogger().level, botocore.level
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logging.getLogger().setLevel(level[0])
    botocore.setLevel(level[1])


@pytest.fixture
def nothing_wired(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the functions wire themselves again, as in a new environment of Lambda's."""
    monkeypatch.setattr(log, "_function", None)
    monkeypatch.setattr(aws, "_identity", None)
    forget()
    yield
    forget()


@pytest.fixture
def _transports_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes connections, as Lambda does with a process. Here they would stay open."""
    made: list[Transport] = []

    def remembered(make: Callable[..., Transport]) -> Callable[..., Transport]:
        def remember(*arguments: Any, **named: Any) -> Transport:
            made.append(make(*arguments, **named))
            return made[-1]

        return remember

    for module, name in (
        (consumer.app, "transport_in_a_loop"),
        (worker.on_aws, "transport_in_place"),
        (choice, "transport_in_place"),  # which those use who send
    ):
        monkeypatch.setattr(module, name, remembered(getattr(module, name)))
    yield
    for transport in made:
        transport.close()


def forget() -> None:
    if consumer.app._consumer.cache_info().currsize:
        runner: asyncio.Runner = consumer.app._consumer()[0]
        runner.close()
    for cached in (consumer.app._consumer, worker.app._settings, worker.app._worker, worker.app._transports):
        cached.cache_clear()
    aws.forget()


def create_records_table() -> str:
    boto3.client("dynamodb").create_table(
        TableName="records",
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "records"


@pytest.fixture(params=[LEAN, pytest.param(BOTO, marks=pytest.mark.slow)])
def stack(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    nothing_wired: None,
    _transports_are_closed: None,
    lines: LINES,
) -> Iterator[Stack]:
    no_poll_waits(monkeypatch, 0.6)
    table: dict[str, Any] = dict(TASKS)
    monkeypatch.setattr(worker.app, "TASKS", table)
    with moto_over_http() as url, HttpEndpoint() as endpoint:
        as_on_lambda(monkeypatch, url)
        stack = Stack(boto3.client("sqs"), endpoint, table)
        given = {
            "TaskQueue": stack.queue_url,
            "DeadLetterQueue": stack.dead_letter_queue_url,
            "WorkerFunction": "worker",
            "RecordsTable": create_records_table(),
            "Transport": request.param,
            "LingerSeconds": "0",
            "BatchSize": "1",
            "Metrics": "false",
        }
        for function in ("ConsumerFunction", "WorkerFunction"):
            for name, value in environment_of(function, **given).items():
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint.url)
        yield stack


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> WARM:
    """Makes a worker that has a process of its own, by the transport that is named."""
    certified = make_certificate(tmp_path_factory.mktemp("certificate"))
    return lambda transport=LEAN: warm_worker(tmp_path_factory.mktemp("worker"), certified, transport)


@pytest.fixture(name="worker")
def _a_warm_worker(warm: WARM) -> Iterator[WarmWorker]:
    with warm() as worker:
        yield worker


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Yields an account of moto's."""
    with empty_account(monkeypatch):
        yield


@pytest.fixture(scope="session")
def _typers_command() -> Iterator[None]:
    """Has Typer make a command once for all calls: it is a third of their time."""
    from typer import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "get_command", functools.cache(main.get_command))
        yield


@pytest.fixture
def zigzag(_typers_command: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command. Returns its exit code, standard output and standard error."""
    from zigzag_cli import app, options  # loaded here: few tests need it
    from zigzag_cli.within import bounded

    # On a busy machine, AWS in memory takes the two seconds after which a command says that it waits.
    monkeypatch.setattr(options, "bounded", functools.partial(bounded, word=60))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zigzag", *arguments])
        with pytest.raises(SystemExit) as end:
            app.main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run

"""A process that was forked off a sender sends for itself: over connections of its own, each message once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda, in_place
from tests.unit.shared.aws.ways import GOOD

from shared.aws.boto import BotoTransport
from shared.aws.transport import NotSentError
from zigzag.in_place import run_in_place

ROOT = Path(__file__).parents[2]

SENDER = """
import json, os
from zigzag import task

@task
def count(payload: dict) -> None: ...

def send(name):
    for number in range(3):
        id = f"{name}-{number}"
        told = [id, count.send({"process": os.getpid()}, id=id)]
        os.write(1, json.dumps(told).encode() + b"\\n")  # whole, whoever else writes

def fork(name, generations):
    send(name)
    go, begin = os.pipe()
    born = []
    for number in range(2 if generations else 0):
        child = os.fork()
        if child == 0:
            os.close(begin)
            os.read(go, 1)  # until all are there: nobody is alone on a connection
            fork(f"{name}.{number}", generations - 1)
            os._exit(0)
        born.append(child)
    os.close(begin)
    for child in born:
        assert os.waitpid(child, 0)[1] == 0
    os.close(go)
    send(name + "-after")

fork("parent", 2)
"""
"""Seven processes of three generations: each sends, forks, and sends, and tells the MessageId of each id."""


def answered(body: bytes) -> bytes:
    """Answers a send as SQS does. The MessageId tells which message it is of."""
    sent = json.loads(body)["MessageBody"]
    time.sleep(0.005)  # so that the processes' calls overlap
    said = {
        "MessageId": f"of {json.loads(sent)['id']}",
        "MD5OfMessageBody": hashlib.md5(sent.encode(), usedforsecurity=False).hexdigest(),
    }
    written = json.dumps(said).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(written), written)


class Sent:
    """The messages of a family of processes: as the senders were told of them, and as they arrived."""

    def __init__(self, endpoint: HttpEndpoint) -> None:
        done = ended(SENDER, ZIGZAG_QUEUE_URL=f"{endpoint.url}/1/tasks")
        assert done.returncode == 0, done.stderr[-2000:]
        self.told: list[tuple[str, str]] = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
        self.arrived = sorted(_body(request)["id"] for request in endpoint.requests)
        self.senders = [
            {_body(request)["payload"]["process"] for request in requests}
            for requests in endpoint.by_port.values()
        ]
        """Of each connection, the processes that used it."""


def ended(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs this in a process, with these variables as well, to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}/tools", **more},
        capture_output=True,
        text=True,
        check=False,
    )


def _body(request: bytes) -> Any:
    return json.loads(json.loads(request)["MessageBody"])


@pytest.fixture(scope="module", params=TRANSPORTS)
def sent(request: pytest.FixtureRequest) -> Iterator[Sent]:
    with pytest.MonkeyPatch.context() as patch, HttpEndpoint(answered) as endpoint:
        as_on_lambda(patch, endpoint.url)
        patch.setenv("ZIGZAG_TRANSPORT", request.param)
        yield Sent(endpoint)


class TestForkedChildren:
    def test_their_messages_and_their_parents_arrive_once_and_none_is_lost(self, sent: Sent) -> None:
        assert len(sent.told) == 7 * 2 * 3
        assert sent.arrived == sorted(id for id, _ in sent.told)
        assert [(id, told) for id, told in sent.told if told != f"of {id}"] == []

    def test_no_two_processes_share_a_connection(self, sent: Sent) -> None:
        assert len(set().union(*sent.senders)) == 7
        assert [senders for senders in sent.senders if len(senders) > 1] == []

    def test_a_call_of_another_process_opens_a_connection(
        self, endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch, wanted: str
    ) -> None:
        def become(process: int) -> None:
            for where in ("os.getpid", "shared.aws.lean.transport.getpid"):  # the lean one has bound it
                monkeypatch.setattr(where, lambda: process)

        endpoint.answer = GOOD
        with in_place(wanted) as transport:
            for process in (7, 7, 8, 7):
                become(process)
                run_in_place(transport.call("sqs", "GetQueueAttributes", {"QueueUrl": endpoint.url}))
            for process in (7, 8):
                become(process)
                transport.close()

        assert sorted(map(len, endpoint.by_port.values())) == [1, 3]


def test_a_client_that_was_given_is_its_own_processs_alone(
    endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = BotoTransport(attempts=1, clients={"sqs": boto3.client("sqs")})
    monkeypatch.setattr(os, "getpid", lambda: 8)

    with pytest.raises(NotSentError, match="the client is the parent process's"):
        run_in_place(transport.call("sqs", "GetQueueAttributes", {"QueueUrl": endpoint.url}))

    assert endpoint.requests == []


def test_one_that_is_forked_while_a_client_is_made_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a thread that makes a client, when the process is forked: in the child it does not go on
    transport, begun, leave = BotoTransport(attempts=1), threading.Event(), threading.Event()
    got: list[Any] = []

    def made(self: BotoTransport, service: str, waits: bool) -> str:
        if os.getpid() != 8:
            begun.set()
            leave.wait()
        return service

    monkeypatch.setattr(BotoTransport, "_made", made)
    monkeypatch.setattr(os, "getpid", lambda: 7)
    threads = [threading.Thread(target=transport.client, args=["sqs"])]
    threads[0].start()
    begun.wait()

    # When the child needs that client
    monkeypatch.setattr(os, "getpid", lambda: 8)
    threads.append(threading.Thread(target=lambda: got.append(transport.client("sqs"))))
    threads[1].start()
    threads[1].join(timeout=5)
    waits = threads[1].is_alive()

    leave.set()
    for thread in threads:
        thread.join()
    assert not waits
    assert got == ["sqs"]


SENDER_IN_A_SANDBOX = """
import os
from zigzag import task
from zigzag_testing import Sandbox

@task
def count(payload: dict) -> None: ...

with Sandbox({"count": count}):
    if (child := os.fork()) == 0:
        count.send({})
        os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def test_a_child_does_not_send_to_its_copy_of_a_sandbox() -> None:
    done = ended(SENDER_IN_A_SANDBOX)

    assert "zigzag.errors.SendError: this process was forked in a test's sandbox" in done.stderr
    assert int(done.stdout) != 0

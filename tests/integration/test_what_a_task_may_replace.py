"""A task replaces what the standard library has, as gevent, eventlet and PySocks do. The worker goes on."""

from __future__ import annotations

import pytest
from tests.integration.warm_worker import WarmWorker

REPLACED = """
import builtins, select, signal, socket, ssl, sys, threading, time, _thread

def refuse(*_, **__):
    raise RuntimeError("replaced")

class Socket(socket.socket):
    '''PySocks: whoever asks for a socket gets one that goes elsewhere.'''
    def connect(self, *_):
        refuse()

class SSLContext(ssl.SSLContext):
    '''truststore, gevent: another class under the same name.'''

class SSLSocket(ssl.SSLSocket):
    '''gevent, eventlet.'''

SLEEP = time.sleep

def sockets():
    socket.socket = socket.SocketType = Socket
    socket.create_connection = socket.getaddrinfo = refuse

def methods_of_sockets():
    for name in ("connect", "send", "sendall", "recv", "settimeout", "close"):
        setattr(socket.socket, name, refuse)

def tls():
    ssl.SSLContext, ssl.SSLSocket = SSLContext, SSLSocket
    ssl.create_default_context = refuse

def methods_of_tls():
    ssl.SSLContext.wrap_socket = ssl.SSLContext.wrap_bio = refuse
    ssl.SSLContext.sslsocket_class = ssl.SSLContext.sslobject_class = None

def waiting():
    select.select = refuse
    del select.poll, select.epoll

def clocks():
    time.sleep = time.time = time.monotonic = refuse

def threads():
    threading.Thread = threading.Event = threading.Lock = threading.RLock = refuse
    threading.Condition = threading.current_thread = threading._start_joinable_thread = refuse
    _thread.start_new_thread = _thread.start_joinable_thread = refuse

def signals():
    signal.signal = signal.setitimer = signal.getsignal = refuse

def output():
    builtins.print = refuse
    sys.stdout = sys.stderr = None

@task()
def next_one(payload: dict[str, Any]) -> None: ...
"""
KINDS = (
    "sockets",
    "methods_of_sockets",
    "tls",
    "methods_of_tls",
    "waiting",
    "clocks",
    "threads",
    "signals",
    "output",
)


def test_its_message_is_settled_and_the_next_one_does_not_notice(worker: WarmWorker) -> None:
    # Given a task for each kind, one after the other in one process: at last all is replaced
    replaces = "@task\ndef task_of_{0}(payload: dict[str, Any]) -> None:\n    {0}()\n\n"
    names = [*(f"task_of_{kind}" for kind in KINDS), "next_one"]

    ran = worker.runs(REPLACED + "".join(map(replaces.format, KINDS)), *names)

    assert [line["task"] for line in ran.said("delivery")] == names
    assert (ran.outcomes, ran.errors) == ([("succeeded", True)] * len(names), "")
    assert worker.called == ["DeleteMessageBatch"] * len(names)


BREAKS = """
from shared.aws.lean import http11

def refuse(*_):
    raise RuntimeError("replaced")

@task()
def breaks(payload: dict[str, Any]) -> None:
    http11.request = refuse

@task()
def next_one(payload: dict[str, Any]) -> None: ...
"""


BEFORE_THE_TASK = {
    "import": "raise asyncio.CancelledError",
    "check": """
class Odd(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def check(cls, payload):
        raise asyncio.CancelledError

@task
def bad(payload: Odd) -> None: ...
""",
    "key": """
def key(payload):
    raise KeyboardInterrupt

@task(idempotent=key)
def bad(payload: dict[str, Any]) -> None: ...
""",
}


@pytest.mark.parametrize("where", BEFORE_THE_TASK)
def test_an_error_before_a_task_that_is_no_exception_fails_that_task(worker: WarmWorker, where: str) -> None:
    code = "import asyncio\nfrom pydantic import BaseModel, model_validator\n" + BEFORE_THE_TASK[where]

    ran = worker.runs(code, "bad", "bad")

    assert (ran.outcomes, ran.status) == ([("retry later", True)] * 2, 0)
    for line in ran.said("delivery"):
        assert line["task"] == "bad"
        assert "which is no Exception" in line["reason"]
        assert ("can't be imported" in line["reason"]) is (where == "import")


def test_an_error_that_escapes_from_the_worker_is_logged_and_ends_its_process(worker: WarmWorker) -> None:
    ran = worker.runs(BREAKS, "breaks", "next_one")

    assert (ran.answers, ran.status, ran.errors) == ([], 1, "")
    (line,) = ran.said("the worker failed")
    assert (line["level"], line["request"]) == ("ERROR", "the-request")
    assert line["traceback"].endswith("RuntimeError: replaced")


def test_a_process_that_could_not_settle_a_message_ends(worker: WarmWorker) -> None:
    """The cause may be the process itself: the next message finds another one."""
    worker.endpoint.answer = 400

    ran = worker.runs(BREAKS, "next_one", "next_one")

    assert (ran.answers, ran.status) == ([], 1)
    assert ran.deliveries == ["succeeded"]
    assert ran.lines[-1]["reason"] == "a message could not be settled"


def test_a_process_whose_worker_came_too_late_goes_on(worker: WarmWorker) -> None:
    worker.more["RECEIVED_AGO"] = "100"

    ran = worker.runs(BREAKS, "next_one", "next_one")

    assert ran.outcomes == [("left alone", False), ("succeeded", True)]

"""A stack whose functions are processes of any version of Zigzag, and whose AWS is in this process.

Their calls come by HTTP, and Lambda keeps each dispatch until the test starts a worker for it. Time can be
moved on between two invocations, so nobody waits for a backoff or the end of a lease.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty
from queue import Queue as Waiting
from random import Random
from typing import Any, NamedTuple, Self

from tests.promises.versions import function
from tests.promises.wire.aws import FUNCTION, Aws, Request, Response

from shared.delivery import Delivery
from shared.ports.gates import HELD
from shared.ports.queue import Outgoing
from shared.ports.workers import Answer, Meaning
from zigzag_operate.redriven import redriven
from zigzag_testing.faults import Faults
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.memory_records import MemoryRecords

QUEUE = "default"
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/{}"
TICK = {"source": "aws.events"}
SECONDS = {"ConsumerFunction": 20, "WorkerFunction": 60}
"""Until the end of an invocation."""


class Version(NamedTuple):
    """A version of Zigzag.

    source    -- the folder of its modules.
    variables -- of its functions, by their names in the template, with the defaults of the parameters.
    """

    name: str
    source: Path
    variables: Mapping[str, Mapping[str, str]]


class Clock:
    """This machine's clock, and how far that of the stack is ahead."""

    ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Nothing waits here: a long poll of an empty queue is answered at once."""
        raise AssertionError("nothing waits")


class Kept:
    """The `Workers` port: keeps each dispatch."""

    def __init__(self) -> None:
        self.events: Waiting[bytes] = Waiting()

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        for event in events:
            self.events.put(event)
        return [Answer(Meaning.SENT) for _ in events]


class Stack:
    """A stack with gates.

    tasks  -- the folder of the package `tasks`, which every version imports.
    held   -- how many permits were held at each start.
    errors -- what handlers raised: an event that they do not understand.
    """

    def __init__(self, tasks: Path, **variables: str) -> None:
        self.clock = Clock()
        clock: Any = self.clock
        self.dead_letters = MemoryQueue(clock, URL.format("dead-letters"))
        self.queue = MemoryQueue(clock, URL.format("tasks"))
        self.gates = MemoryGates()
        self.held, self.errors = list[int](), list[str]()
        self._kept = Kept()
        in_memory = (self.queue, self.dead_letters), self._kept, MemoryRecords(), self.gates
        self._aws = Aws(clock, Faults(Random(0), {}, Random(0)), *in_memory)
        self._lock = threading.Lock()  # one call at a time: nothing of it expects another thread
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stack": self}))
        self._server.daemon_threads = True
        self._tasks = tasks
        self._variables = variables
        self._processes: dict[tuple[str, str], Process] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.end()
        self._server.shutdown()
        self._server.server_close()

    def does[R](self, call: Callable[[], Awaitable[R]]) -> R:
        """Does something with the stack's queues or gates, as a sender or an operator does."""

        async def once() -> R:
            return await call()

        with self._lock:
            return asyncio.run(once())

    def answer(self, request: Request) -> Response:
        if request.operation == "ReceiveMessage":  # without a wait
            asked = json.loads(request.body) | {"WaitTimeSeconds": 0}
            request = request._replace(body=json.dumps(asked).encode())
        return self.does(lambda: self._aws.answer(request))

    def tick(self, consumer: Version, workers: Callable[[], Version]) -> None:
        """Fires the schedule, and starts a worker for each dispatch as soon as it comes."""
        function = self._process(consumer, "ConsumerFunction")
        with ThreadPoolExecutor(1) as thread:
            ticking = thread.submit(function.invoke, TICK)
            while not ticking.done() or not self._kept.events.empty():
                with suppress(Empty):
                    event = self._kept.events.get(timeout=0.02)
                    self.held.append(len(self.gates.attributes[QUEUE].get(HELD, ())))
                    self._process(workers(), "WorkerFunction").invoke(json.loads(event))
            ticking.result()

    def send(self, message: Outgoing) -> str:
        return self.does(lambda: self.queue.send(message))

    def redrive(self, *, killed: bool = False) -> int:
        """Redrives all dead letters, as the command does. Returns how many there are.

        killed -- whether the command is killed before it deletes the letters.
        """

        async def each() -> int:
            letters = await self.dead_letters.receive(10, 0, 1)
            for letter in letters:
                message = redriven(Delivery(letter.message, self.dead_letters.url))
                assert message is not None
                await self.queue.send(message)
            if letters and not killed:
                await self.dead_letters.delete(letters)
            return len(letters)

        return self.does(each)

    def _process(self, version: Version, name: str) -> Process:
        process = self._processes.get((version.name, name))
        if process is None or process.ended:
            process = self._processes[version.name, name] = Process(self, version, name)
        return process

    def variables(self, version: Version, name: str) -> dict[str, str]:
        """Returns the environment of a function of that version."""
        return {
            **version.variables[name],
            "ZIGZAG_QUEUE_URL": self.queue.url,
            "ZIGZAG_DEAD_LETTER_QUEUE_URL": self.dead_letters.url,
            "ZIGZAG_RECORDS_TABLE": "records",
            "ZIGZAG_FLOW_CONTROL": "true",
            "ZIGZAG_LINGER_SECONDS": "0",
            "ZIGZAG_WORKER": FUNCTION,
            **self._variables,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{self._tasks}:{version.source}",
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION if name == "WorkerFunction" else "consumer",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*self._server.server_address),
        }


class Process:
    """A warm process of a function."""

    def __init__(self, stack: Stack, version: Version, name: str) -> None:
        module = {"ConsumerFunction": "consumer.app", "WorkerFunction": "worker.app"}[name]
        self._clock, self._seconds, self._errors = stack.clock, SECONDS[name], stack.errors
        receiving, giving = os.pipe()
        self._log = (stack._tasks / f"{name}-{version.name}.log").open("a")
        self._process = subprocess.Popen(
            [sys.executable, "-B", str(function.__file__), module, str(giving)],
            env=stack.variables(version, name),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=[giving],
            text=True,
        )
        os.close(giving)
        self._answers = os.fdopen(receiving)
        self.ended = False

    def invoke(self, event: Any) -> Any:
        """Returns the handler's answer; None if it raised, or the process ended."""
        assert self._process.stdin is not None
        asked = {"event": event, "ahead": self._clock.ahead, "seconds": self._seconds}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        line = self._answers.readline()
        if not line:
            self.end()
            return None
        said = json.loads(line)
        self._errors += [said["error"]] if "error" in said else []
        return said.get("answer")

    def end(self) -> None:
        assert self._process.stdin is not None
        if not self.ended:
            self._process.stdin.close()
            self._process.wait(30)
            self._answers.close()
            self._log.close()
        self.ended = True


class _Handler(BaseHTTPRequestHandler):
    stack: Stack
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.stack.answer(Request(self.path, headers, body))
        self.wfile.write(answer.to_bytes(chunked=False))

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""

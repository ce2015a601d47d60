"""One warm process of the worker function, as Lambda has it: its handler, calls by TLS, a standard output.

A task's traces in its process stay there, and the process's end is a real one.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from benchmarks.stub.answers import sent
from benchmarks.template import QUEUE_URL, environment_of
from tests.http_endpoint import HttpEndpoint
from tests.project.architecture.modules import ROOT

SECONDS = 60
"""For all of a test's deliveries: far more than they take."""

INVOKE = '''
"""Lambda's runtime: one event after the other, as long as the process lives."""
import json, os, sys, time, uuid

folder, answers, left, *names = sys.argv[1:]
sys.path.append(folder)
import tasks
import worker.app

monotonic, now = time.monotonic, time.time

class Context:
    aws_request_id = "the-request"

    def __init__(self):
        self.ends = monotonic() + float(left)

    def get_remaining_time_in_millis(self):
        return int((self.ends - monotonic()) * 1000)

for name in names:
    tasks.TASKS[name] = "given"
    received = now() - float(os.environ.pop("RECEIVED_AGO", 0))  # the first alone
    event = {
        "QueueUrl": "%(queue_url)s",
        "Message": {
            "MessageId": str(uuid.uuid4()),
            "ReceiptHandle": "handle",
            "Body": json.dumps({"task": name, "payload": {}}),
            "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(now() * 1000))},
        },
        "Lease": {"ReceivedAt": received, "StartBy": received + 90, "Ends": received + 120},
    }
    answer = worker.app.handler(event, Context())
    with open(answers, "a") as file:
        file.write(json.dumps(answer) + "\\n")
'''

IMPORTS = """
from typing import Any
from zigzag import Context, task
"""


@dataclass(frozen=True)
class Ran:
    """The results of a process.

    answers -- of the handler, one an event, as far as the process got.
    output  -- the lines of its standard output.
    errors  -- its standard error.
    status  -- with which it ended.
    """

    answers: list[dict[str, Any]]
    output: list[str]
    errors: str
    status: int

    @property
    def outcomes(self) -> list[tuple[str, bool]]:
        """Of each answer, the outcome, and whether it was settled."""
        return [(answer["outcome"], answer["settled"]) for answer in self.answers]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Those of the output that are JSON."""
        return [json.loads(line) for line in self.output if line.startswith("{")]

    def said(self, message: str) -> list[dict[str, Any]]:
        """Returns the lines with that message."""
        return [line for line in self.lines if line.get("message") == message]

    @property
    def deliveries(self) -> list[str]:
        """The outcomes, as the log has them."""
        return [line["outcome"] for line in self.said("delivery")]


@dataclass(frozen=True)
class WarmWorker:
    """Starts such processes. `called` is the operations of AWS that they called."""

    folder: Path
    endpoint: HttpEndpoint
    variables: dict[str, str]
    more: dict[str, str] = field(default_factory=dict)

    def runs(self, code: str, *names: str, seconds_left: float = 60, one_pipe: bool = False) -> Ran:
        """Runs a process whose tasks' module has that code. It gets an event for each of the names in turn.

        seconds_left -- until the function is ended, at the beginning of each event.
        one_pipe     -- whether standard output and standard error are one.
        """
        (self.folder / "given.py").write_text(IMPORTS + dedent(code))
        answers = self.folder / "answers"
        answers.write_text("")
        script = INVOKE % {"queue_url": QUEUE_URL}
        done = subprocess.run(
            [sys.executable, "-B", "-c", script, str(self.folder), str(answers), str(seconds_left), *names],
            env={**self.variables, **self.more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if one_pipe else subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = [json.loads(line) for line in answers.read_text().splitlines()]
        return Ran(said, done.stdout.splitlines(), done.stderr or "", done.returncode)

    @property
    def called(self) -> list[str]:
        return [headers["x-amz-target"].partition(".")[2] for headers in self.endpoint.headers]


def body(code: str) -> str:
    """Returns the code as the body of a function."""
    return indent(dedent(code).strip("\n"), "    ")


def _yes(asked: bytes) -> int | bytes:
    """Answers yes to a call. To a send SQS says as well of what it took."""
    if b'"MessageBody"' not in asked:
        return 200
    said = json.dumps(sent(json.loads(asked))).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
    return head % len(said) + said


@contextmanager
def warm_worker(
    folder: Path, certified: tuple[Path, ssl.SSLContext], transport: str = "lean"
) -> Iterator[WarmWorker]:
    """Opens a worker whose AWS says yes to every call, by TLS.

    certified -- as `tests.certificates.make_certificate` gives it.
    """
    certificate, tls = certified
    with HttpEndpoint(_yes, tls) as endpoint:
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "AWS_LAMBDA_FUNCTION_NAME": "worker",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": endpoint.url,
            "AWS_CA_BUNDLE": str(certificate),
            **environment_of("WorkerFunction", Transport=transport),
        }
        yield WarmWorker(folder, endpoint, variables)

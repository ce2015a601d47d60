"""The largest payload from S3 is read within the worker's memory, no matter what is in it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support import slow

from consumer.memory import RUNTIME_MB
from zigzag.extra.pointers import most_bytes, written

ROOT = Path(__file__).parents[2]
WORKER_MB = 256
MOST = most_bytes(WORKER_MB)

WORKS = """
import json, sys
from math import inf
from random import Random
from typing import Any
from pydantic import BaseModel
from shared.delivery import Batch, Delivery
from shared.ports.clock import WallClock
from worker.process import LambdaProcess
from worker.on_aws import reader_of
from worker.worker import Worker
from zigzag import task
from zigzag.in_place import run_in_place

class Anything(BaseModel):
    x: Any
class Numbers(BaseModel):
    x: list[int]
class Text(BaseModel):
    x: str
Foreign = dict[str, Any]

def take(payload):
    if sys.argv[2] == "fails":
        raise ValueError("broken")
take.__annotations__ = {"payload": globals()[sys.argv[1]]}
process = LambdaProcess(int(sys.argv[3]))
worker = Worker(None, None, None, {"take": task(take)}, WallClock(), Random(0), process,
                reader=reader_of("large", int(sys.argv[3]), lambda: inf))
raw = {"task": {"DataType": "String", "StringValue": "take"}}
message = {"Body": sys.argv[4], "MessageAttributes": {} if sys.argv[1] == "Foreign" else raw}
told = run_in_place(worker.work(Batch((Delivery(message),) * int(sys.argv[5])), lambda: inf))
with open("/proc/self/status") as status:
    (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(json.dumps([[one.outcome for one in told], [one.reason for one in told], int(peak) / 1024]))
"""

EMOJI = '"\N{SLIGHTLY SMILING FACE}"'
"""One of them makes every character of a text take four bytes."""


def filled(start: str, each: str, end: str) -> bytes:
    """Returns a body that is `each` again and again, up to the largest that is read."""
    number = (MOST - len((start + end).encode())) // len(each.encode())
    return (start + each * number + end).encode()


def by_celery_and_sns(each: str) -> bytes:
    """Returns an envelope of SNS with a call of Celery, whose argument is `each` again and again."""
    call = {"content-type": "application/json", "headers": {"task": "take", "id": EMOJI}, "properties": {}}
    body = "[[[" + each * ((MOST - 1_000) // len(each)) + "0]], {}, null]"
    said = json.dumps({**call, "body": body}, ensure_ascii=False)
    envelope = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:t", "Message": said}
    return json.dumps(envelope, ensure_ascii=False).encode()


BODIES = {
    "numbers": filled('{"x": [0', ",999", "]}"),
    "numbers after an emoji": filled(f'{{"y": {EMOJI}, "x": [0', ",1e9", "]}"),
    "short texts after an emoji": filled(f'{{"y": {EMOJI}, "x": ["a"', ',"ab"', "]}"),
    "a text with an emoji": filled(f'{{"y": {EMOJI}, "x": "', "a", '"}'),
    "a text of quotes": filled('{"x": "', r"\"", '"}'),
    "empty arrays after an emoji": filled(f'{{"y": {EMOJI}, "x": [[]', ",[]", "]}"),
    "an array of empty arrays": filled(f"[{EMOJI}", ",[]", "]"),
    "an array of numbers": filled(f"[{EMOJI}", ",999", "]"),
    "empty arrays by Celery and SNS": by_celery_and_sns("[],"),
    "numbers by Celery and SNS": by_celery_and_sns("999,"),
    "no JSON": b"x" * MOST,
    "too large": b"x" * (MOST + 1),
}


class Bucket(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = BODIES[self.path.rpartition("/")[2].partition("?")[0].replace("%20", " ")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Ignores a connection that was closed: what is too large is not read."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Bucket) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says the peak")
@pytest.mark.parametrize(
    ("model", "what", "ends", "times", "outcome"),
    [
        *slow(("Numbers", "numbers", "succeeds", 1, "succeeded")),
        *slow(("Numbers", "numbers", "fails", 3, "retry later")),
        *slow(("Anything", "numbers after an emoji", "succeeds", 1, "succeeded")),
        *slow(("Anything", "short texts after an emoji", "succeeds", 3, "succeeded")),
        *slow(("Text", "a text with an emoji", "fails", 10, "retry later")),
        *slow(("Text", "a text of quotes", "succeeds", 1, "succeeded")),
        ("Anything", "empty arrays after an emoji", "succeeds", 1, "dead-letter"),
        *slow(("Foreign", "an array of empty arrays", "succeeds", 3, "dead-letter")),
        *slow(("Foreign", "an array of numbers", "succeeds", 3, "dead-letter")),
        *slow(("Foreign", "empty arrays by Celery and SNS", "succeeds", 1, "dead-letter")),
        ("Foreign", "numbers by Celery and SNS", "succeeds", 3, "dead-letter"),
        *slow(("Numbers", "no JSON", "succeeds", 10, "dead-letter")),
        ("Numbers", "too large", "succeeds", 10, "dead-letter"),
    ],
)
def test_a_batch_of_the_largest_stays_within_it(
    url: str, model: str, what: str, ends: str, times: int, outcome: str
) -> None:
    variables = {
        "PYTHONPATH": f"{ROOT}/src",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    arguments = [model, ends, str(WORKER_MB), written("large", what), str(times)]
    done = subprocess.run(
        [sys.executable, "-c", WORKS, *arguments], env=variables, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    outcomes, reasons, peak_mb = json.loads(done.stdout.splitlines()[-1])
    assert outcomes == [outcome] * times, reasons
    assert peak_mb < WORKER_MB - RUNTIME_MB

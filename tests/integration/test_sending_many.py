"""Ten thousand payloads over HTTP to an endpoint that fails in the ways that SQS and networks have: each is
accounted for."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.support import slow
from tests.transports import BOTO, LEAN, as_on_lambda

from shared.aws.checksums import md5_of_body
from zigzag import aws, delivering, remote

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
NUMBER = 10_000
count = remote("count", dict[str, Any])


class Sqs:
    """Stores what it takes. `stored` counts each payload's number."""

    def __init__(self, seed: int) -> None:
        self.stored: Counter[int] = Counter()
        self._random = Random(seed)
        self._lock = threading.Lock()

    def __call__(self, body: bytes) -> int | bytes:
        with self._lock:
            match self._random.randrange(20):
                case 0:
                    return "close"  # type: ignore[return-value] -- HttpEndpoint closes the connection
                case 1:
                    self._taken(body, fails=0.2)
                    return "half"  # type: ignore[return-value]
                case 2:
                    return 429
                case 3:
                    return _answer(self._taken(body, fails=0.5))
                case _:
                    return _answer(self._taken(body, fails=0.0))

    def _taken(self, body: bytes, fails: float) -> dict[str, list[dict[str, Any]]]:
        said: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        for entry in json.loads(body)["Entries"]:
            text = entry["MessageBody"]
            number = json.loads(text)["payload"]["number"]
            if self._random.random() < fails:
                ours = self._random.random() < 0.2
                failed = {"Id": entry["Id"], "Code": "InternalError", "SenderFault": ours}
                said["Failed"].append(failed)
            else:
                self.stored[number] += 1
                taken = {"Id": entry["Id"], "MessageId": f"m-{number}", "MD5OfMessageBody": md5_of_body(text)}
                said["Successful"].append(taken)
        return said


def _answer(said: object) -> bytes:
    body = json.dumps(said).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sqs]:
    sqs = Sqs(seed=7)
    with HttpEndpoint(sqs) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        monkeypatch.setenv("ZIGZAG_QUEUE_URL", URL)
        monkeypatch.setattr(delivering, "FIRST_TRY_AGAIN_SECONDS", 0.001)
        aws.forget()
        yield sqs
        aws.transport_to(URL, attempts=1, usual=LEAN).close()
        aws.forget()


@pytest.mark.parametrize("transport", [LEAN, *slow(BOTO)])
@pytest.mark.parametrize(
    "once",
    [
        pytest.param(False, id="may run twice if sent twice"),
        pytest.param(True, id="idempotent, with an id", marks=pytest.mark.slow),
    ],
)
def test_each_of_ten_thousand_is_accounted_for(
    monkeypatch: pytest.MonkeyPatch, sqs: Sqs, once: bool, transport: str
) -> None:
    monkeypatch.setenv("ZIGZAG_TRANSPORT", transport)
    options: dict[str, Any] = {"id": lambda one: f"n-{one['number']}", "idempotent": True} if once else {}

    results = list(count.send_many(({"number": number} for number in range(NUMBER)), **options))

    wrong = [
        (result, sqs.stored[number])
        for number, result in enumerate(results)
        if result.index != number
        or (result.status == "accepted" and not sqs.stored[number])
        or (result.status == "refused" and sqs.stored[number])
        or (not once and sqs.stored[number] > 1)
    ]
    found = Counter(result.status for result in results)
    assert wrong == []
    assert sum(found.values()) == NUMBER
    assert found["refused"] > 10
    assert (found["unknown"] > 500) != once

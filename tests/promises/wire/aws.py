"""AWS's HTTP APIs in front of what the sandbox has in memory: what is asked on a wire, and what is answered.

As much of them as the adapters use: SQS's JSON protocol, Lambda's Invoke, DynamoDB's UpdateItem and
BatchGetItem.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any, NamedTuple

from tests.promises.wire.table import Item, Table

from shared.aws.checksums import md5_of_attributes, md5_of_body
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.queue import Outgoing, QueueError, Refused
from shared.ports.workers import Meaning, Workers
from zigzag_testing.faults import Faults
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.memory_records import MemoryRecords

FUNCTION = "worker"


class Request(NamedTuple):
    """What came. Names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """AWS's name of what is asked for."""
        return self.headers.get("x-amz-target", "Invoke").rpartition(".")[2]


def request_of(head: bytes, body: bytes) -> Request:
    """Makes a request of its first line and headers, and of its body."""
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(first.split()[1], headers, body)


class Response(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def to_bytes(self, *, chunked: bool) -> bytes:
        """Writes the response by HTTP/1.1: with its length, or in two chunks."""
        if chunked and len(self.body) > 1:
            halves = self.body[: len(self.body) // 2], self.body[len(self.body) // 2 :]
            body = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves) + b"0\r\n\r\n"
            length = "transfer-encoding: chunked"
        else:
            body, length = self.body, f"content-length: {len(self.body)}"
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([f"HTTP/1.1 {self.status} As It Is", *lines, length, "", ""]).encode() + body


class Aws:
    """Answers for queues, for one function, and for one table.

    arrived -- how often each invoke's event has come here; `taken`, how often it was accepted.
    """

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        queues: Sequence[MemoryQueue] = (),
        workers: Workers | None = None,
        records: MemoryRecords | None = None,
        gates: MemoryGates | None = None,
    ) -> None:
        self.arrived: Counter[bytes] = Counter()
        self.taken: Counter[bytes] = Counter()
        self._clock = clock
        self._faults = faults
        self._queues = {queue.url: queue for queue in queues}
        self._workers = workers
        self._records = records
        self._table = Table(records, gates)

    async def answer(self, request: Request) -> Response:
        """Does the request, and answers it. Raises ConnectionResetError if there is to be no answer."""
        match request.headers.get("x-amz-target", "").partition(".")[0]:
            case "AmazonSQS":
                return await self._sqs(request)
            case "DynamoDB_20120810":
                return await self._dynamodb(request)
            case _:
                return await self._invoke(request)

    def error(self, status: int, code: str, reason: str, **more: Any) -> Response:
        """Makes an error in the words of all three: each client looks for its service's code."""
        said = {"__type": f"com.amazonaws#{code}", "message": reason, **more}
        headers = {"x-amzn-errortype": code, "x-amzn-query-error": f"{code};Sender"}
        return self._response(status, said, **headers)

    def _response(self, status: int, said: Mapping[str, Any] | None = None, **headers: str) -> Response:
        date = formatdate(math.floor(self._clock.now()), usegmt=True)  # to the second, and not ahead
        body = b"" if said is None else json.dumps(said, default=_base64).encode()
        kind = "application/x-amz-json-1.0"
        return Response(status, body, {"Date": date, "Content-Type": kind, **headers})

    async def _sqs(self, request: Request) -> Response:
        asked = json.loads(request.body)
        queue = self._queues[asked["QueueUrl"]]
        try:
            match request.operation:
                case "ReceiveMessage":
                    said = await _receive(queue, asked)
                case "ChangeMessageVisibilityBatch":
                    said = await self._batch(queue, asked["Entries"], postpones=True)
                case "DeleteMessageBatch":
                    said = await self._batch(queue, asked["Entries"], postpones=False)
                case "SendMessage":
                    sent = _outgoing(asked)
                    said = {
                        "MessageId": await queue.send(sent),
                        **_md5(sent.body, sent.attributes, "Message"),
                    }
                case "GetQueueAttributes":
                    (name,) = asked["AttributeNames"]
                    counts = {
                        "ApproximateNumberOfMessagesNotVisible": queue.in_flight,
                        "ApproximateNumberOfMessages": queue.waiting,
                    }
                    said = {"Attributes": {name: str(await counts[name]())}}
                case other:
                    raise AssertionError(f"SQS is asked for {other}")
        except QueueError as error:
            return self.error(400, error.code, error.reason)
        return self._response(200, said)

    async def _batch(
        self, queue: MemoryQueue, entries: Sequence[Mapping[str, Any]], *, postpones: bool
    ) -> dict[str, Any]:
        deliveries = {entry["Id"]: _by_handle(entry, queue) for entry in entries}
        refused = [delivery for delivery in deliveries.values() if self._faults.strike("entry failed")]
        for delivery in refused:
            self._faults.note_unheld(delivery.message_id, self._clock.now(), math.inf)
        failed = [Refused(delivery, "InternalError", "a fault") for delivery in refused]
        sound = [delivery for delivery in deliveries.values() if delivery not in refused]
        if sound or not entries:
            if postpones:
                (seconds,) = {int(entry["VisibilityTimeout"]) for entry in entries}
                failed += await queue.change_visibility(sound, seconds)
            else:
                failed += await queue.delete(sound)
        why = {id(one.delivery): one for one in failed}
        lost = {name: why[id(delivery)] for name, delivery in deliveries.items() if id(delivery) in why}
        return {
            "Successful": [{"Id": name} for name in deliveries if name not in lost],
            "Failed": [
                {"Id": name, "Code": one.code, "Message": one.reason, "SenderFault": True}
                for name, one in lost.items()
            ],
        }

    async def _invoke(self, request: Request) -> Response:
        assert self._workers is not None
        assert request.path == f"/2015-03-31/functions/{FUNCTION}/invocations"
        assert request.headers["x-amz-invocation-type"] == "Event"
        self.arrived[request.body] += 1
        (answer,) = await self._workers.dispatch([request.body])
        match answer.meaning:
            case Meaning.SENT:
                self.taken[request.body] += 1
                return self._response(202)
            case Meaning.TOO_LARGE:
                return self.error(413, "RequestEntityTooLargeException", answer.detail)
            case Meaning.TRANSIENT:
                return self.error(429, "TooManyRequestsException", answer.detail)
        if answer.detail == "reset":  # it may have been taken
            raise ConnectionResetError("the answer is lost")
        return self.error(500, "ServiceException", answer.detail)

    async def _dynamodb(self, request: Request) -> Response:
        asked = json.loads(request.body)
        if request.operation == "BatchGetItem":
            return self._response(200, self._table.read(asked))
        assert request.operation == "UpdateItem"
        held, item = await self._update(asked)
        if held:
            return self._response(200, {"Attributes": item})
        reason = "The conditional request failed"
        return self.error(400, "ConditionalCheckFailedException", reason, Item=item)

    async def _update(self, asked: Mapping[str, Any]) -> tuple[bool, Item]:
        return self._table.update(asked)


async def _receive(queue: MemoryQueue, asked: Mapping[str, Any]) -> dict[str, Any]:
    received = await queue.receive(
        asked["MaxNumberOfMessages"], asked["WaitTimeSeconds"], asked["VisibilityTimeout"]
    )
    wanted = ["MessageId", "ReceiptHandle", "Body"]
    if asked.get("MessageSystemAttributeNames") == ["All"]:
        wanted.append("Attributes")
    if asked.get("MessageAttributeNames") == ["All"]:
        wanted.append("MessageAttributes")
    messages = [{name: one.message[name] for name in wanted if name in one.message} for one in received]
    for message in messages:
        message.update(_md5(message["Body"], message.get("MessageAttributes", {}), ""))
    return {"Messages": messages} if messages else {}


def _md5(body: str, attributes: Mapping[str, Mapping[str, Any]], of: str) -> dict[str, str]:
    """Returns the checksums of the body, under `MD5OfBody` or `MD5OfMessageBody`, and of any attributes."""
    said = {f"MD5Of{of}Body": md5_of_body(body)}
    found = md5_of_attributes(attributes)
    return said if found is None else {**said, "MD5OfMessageAttributes": found}


def _by_handle(entry: Mapping[str, Any], queue: MemoryQueue) -> Delivery:
    handle = entry["ReceiptHandle"]
    return Delivery({"MessageId": handle.rpartition("-receive-")[0], "ReceiptHandle": handle}, queue.url)


def _outgoing(asked: Mapping[str, Any]) -> Outgoing:
    attributes = {
        name: {
            key: base64.b64decode(value) if key == "BinaryValue" else value
            for key, value in attribute.items()
        }
        for name, attribute in asked.get("MessageAttributes", {}).items()
    }
    trace = asked.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {}).get("StringValue")
    return Outgoing(
        asked["MessageBody"],
        attributes,
        asked.get("MessageGroupId"),
        asked.get("MessageDeduplicationId"),
        trace,
        asked.get("DelaySeconds", 0),
    )


def _base64(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()

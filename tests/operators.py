"""An operator of a sandbox: what `zigzag_operate` needs of boto3, on its queues and virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import formatdate
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.checksums import md5_of_attributes, md5_of_body
from shared.delivery import Delivery
from shared.ports.queue import Outgoing, QueueError
from shared.queues import DEFAULT
from zigzag.in_place import run_in_place
from zigzag_operate.target import Stack
from zigzag_testing import Sandbox
from zigzag_testing.memory_queue import MemoryQueue


class Killed(BaseException):
    """Ends an operator's process."""


class Operator:
    """A `Target` that is its own client of each service.

    happens -- called with each operation before it is done, and with its name and ` done` after it: there,
               other things may happen, and the operator may be killed by Killed. Then no call of its goes out
               any more.
    """

    stack = "sandbox"

    def __init__(self, sandbox: Sandbox, happens: Callable[[str], object] = lambda call: None) -> None:
        self._sandbox = sandbox
        self._happens = happens
        self._lock = Lock()
        self._is_dead = False
        letters = sandbox._stack.letter_queues
        self._queues = {queue.url: queue for queue in (*sandbox.queues.values(), *letters)}
        more = " ".join(f"{name}={one.url}" for name, one in sandbox.queues.items() if name != DEFAULT)
        names = ("DeadLetterQueueUrl", "OtherDeadLetterQueueUrl")
        self._outputs = {"QueueUrl": sandbox.queue.url, "Queues": more, "RecordsTableName": "records"}
        self._outputs |= {name: one.url for name, one in zip(names, letters, strict=False)}

    def client(self, service: str, patience: object = None) -> Operator:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::123456789012:user/ann"}

    def outputs(self) -> dict[str, str]:
        return self._outputs

    def stack_as_it_is(self) -> Stack:
        return Stack(self._outputs, {})

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        queue = self._queues[QueueUrl]
        counts = run_in_place(queue.waiting()), run_in_place(queue.in_flight()), 0
        return {"Attributes": dict(zip(AttributeNames, map(str, counts), strict=True))}

    def receive_message(self, **asked: Any) -> Any:
        def receive(queue: MemoryQueue) -> Any:
            self._sandbox.run_for(0.1)
            found = run_in_place(queue.receive(asked["MaxNumberOfMessages"], 0, asked["VisibilityTimeout"]))
            if not found:
                self._sandbox.run_for(asked["WaitTimeSeconds"])
            return {"Messages": [dict(one.message) for one in found]} if found else {}

        return self._call("receive", asked, receive)

    def send_message_batch(self, **asked: Any) -> Any:
        def send(queue: MemoryQueue) -> Any:
            return {"Successful": [_sent(queue, entry) for entry in asked["Entries"]], "Failed": []}

        return self._call("send", asked, send)

    def send_message(self, **asked: Any) -> Any:
        return self._call("send", asked, lambda queue: _sent(queue, asked))

    def get_item(self, Key: Any, **asked: Any) -> Any:  # noqa: N803
        record = self._sandbox.records.records.get(Key["key"]["S"])
        if record is None:
            return {}
        done = {"done": {"BOOL": True}} if record.done else {}
        return {"Item": {"expires": {"N": str(int(record.expires))}, **done}}

    def delete_message_batch(self, **asked: Any) -> Any:
        return self._call("delete", asked, lambda queue: _each(asked, queue.delete))

    def change_message_visibility_batch(self, **asked: Any) -> Any:
        return self._call(
            "give back", asked, lambda queue: _each(asked, lambda some: queue.change_visibility(some, 0))
        )

    def _call(self, name: str, asked: Mapping[str, Any], do: Callable[[MemoryQueue], Any]) -> Any:
        with self._lock:  # what is hidden is given back by several threads
            self._may_be_killed(name)
            answer = do(self._queues[asked["QueueUrl"]])
            self._may_be_killed(f"{name} done")
        date = formatdate(self._sandbox.clock.now(), usegmt=True)
        return {**answer, "ResponseMetadata": {"HTTPHeaders": {"date": date}, "HTTPStatusCode": 200}}

    def _may_be_killed(self, call: str) -> None:
        if self._is_dead:
            raise Killed
        try:
            self._happens(call)
        except Killed:
            self._is_dead = True
            raise


def _sent(queue: MemoryQueue, entry: Mapping[str, Any]) -> dict[str, Any]:
    attributes = entry.get("MessageAttributes", {})
    message = Outgoing(
        entry["MessageBody"], attributes, entry.get("MessageGroupId"), entry.get("MessageDeduplicationId")
    )
    told = {"MD5OfMessageBody": md5_of_body(message.body)}
    told |= {"MD5OfMessageAttributes": md5_of_attributes(attributes)} if attributes else {}
    return {"Id": entry.get("Id"), "MessageId": run_in_place(queue.send(message)), **told}


def _each(asked: Mapping[str, Any], call: Callable[[list[Delivery]], Any]) -> Any:
    some = [
        Delivery({"ReceiptHandle": one["ReceiptHandle"], "MessageId": one["Id"]}) for one in asked["Entries"]
    ]
    try:
        failed = run_in_place(call(some))
    except QueueError as error:
        raise ClientError({"Error": {"Code": error.code, "Message": error.reason}}, "Batch") from error
    return {
        "Failed": [
            {"Id": one.delivery.message_id, "Code": one.code, "Message": one.reason, "SenderFault": True}
            for one in failed
        ]
    }

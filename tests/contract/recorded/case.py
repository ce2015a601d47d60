"""A recorded case: what AWS did with a queue, its source, and whether MiniStack does so.

A case is a function whose name is the sentence that is true on AWS. It is given a queue, and takes the
steps of our `Queue` port. `test_recorded.py` plays it on the sandbox's queue, and at MiniStack if that
does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.worlds import DEFAULT, Given, WholeWorld

from shared.delivery import Delivery
from shared.ports.queue import Outgoing, QueueError, Refused

LOCALSTACK = "https://github.com/localstack/localstack/blob/8b9a79f/tests/aws/services/sqs/test_sqs.py"
"""Tests that LocalStack runs against AWS itself, and marks `aws.validated`."""

MOTO_4655 = "https://github.com/getmoto/moto/pull/4655 (`All tests have been verified against AWS`)"
API = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"

LEASE = 2
"""A short lease, in seconds: where time is real, a case waits for its end."""

AFTER_LEASE = 2.2


class Aws:
    """The steps of a case."""

    def __init__(self, world: WholeWorld) -> None:
        self._world = world

    def send(self, body: str, **options: Any) -> str:
        """Sends a message. Returns its MessageId."""
        return self._world.run(self._world.queue.send(Outgoing(body, **options)))

    def send_in_groups(self, *bodies: str) -> list[str]:
        """Sends messages such as "a1", whose group is their first letter. Returns their MessageIds."""
        return [self.send(body, group=body[0]) for body in bodies]

    def send_later(self, seconds: float, body: str) -> None:
        self._world.send_later(seconds, body)

    def receive(self, most: int = 10, lease_seconds: int = 60, wait_seconds: int = 0) -> list[Delivery]:
        return self._world.run(self._world.queue.receive(most, wait_seconds, lease_seconds))

    def receive_one(self, lease_seconds: int = 60, wait_seconds: int = 0) -> Delivery:
        received = self.receive(1, lease_seconds, wait_seconds)
        assert len(received) == 1, "nothing was received"
        return received[0]

    def bodies(self, most: int = 10, lease_seconds: int = 60, wait_seconds: int = 0) -> list[str]:
        """Returns the bodies that a receive brings."""
        return [delivery.body for delivery in self.receive(most, lease_seconds, wait_seconds)]

    def dead_letter(self, lease_seconds: int = 60) -> Delivery:
        """Returns the only message that a receive from the dead-letter queue brings."""
        (letter,) = self.dead_letters(lease_seconds)
        return letter

    def dead_letters(self, lease_seconds: int = 60) -> list[Delivery]:
        return self._world.run(self._world.dead_letters.receive(10, 0, lease_seconds))

    def postpone(self, seconds: int, *deliveries: Delivery) -> list[str]:
        """Returns the codes of the refusals, of the call or of its entries: [] if there is none."""
        return self._codes(self._world.queue.change_visibility(deliveries, seconds))

    def delete(self, *deliveries: Delivery) -> list[str]:
        """Returns the codes of the refusals, of the call or of its entries: [] if there is none."""
        return self._codes(self._world.queue.delete(deliveries))

    def in_flight(self) -> int:
        return self._world.run(self._world.queue.in_flight())

    def waiting(self) -> int:
        return self._world.run(self._world.queue.waiting())

    def pass_time(self, seconds: float) -> None:
        self._world.pass_time(seconds)

    def refused(self, body: str, **options: Any) -> str:
        """Returns the code with which a message is refused; "" if it is taken."""
        return self._code(self._world.queue.send(Outgoing(body, **options)))

    def refused_receive(self, most: int = 10, wait_seconds: int = 0) -> str:
        """Returns the code with which a receive is refused; "" if it is answered."""
        return self._code(self._world.queue.receive(most, wait_seconds, LEASE))

    def _code(self, call: Coroutine[Any, Any, Any]) -> str:
        try:
            self._world.run(call)
        except QueueError as error:
            return error.code
        return ""

    def _codes(self, call: Coroutine[Any, Any, list[Refused]]) -> list[str]:
        try:
            return [failed.code for failed in self._world.run(call)]
        except QueueError as error:
            return [error.code]


@dataclass(frozen=True)
class Case:
    """What AWS did.

    source       -- where it is written down.
    at_ministack -- whether MiniStack does as AWS did.
    """

    play: Callable[[Aws], None]
    source: str
    given: Given
    at_ministack: bool

    def __str__(self) -> str:
        return self.play.__name__.replace("_", " ")


CASES: list[Case] = []


def recorded(
    source: str, given: Given = DEFAULT, *, at_ministack: bool = True
) -> Callable[[Callable[[Aws], None]], Callable[[Aws], None]]:
    """Makes a case of a function."""

    def keep(play: Callable[[Aws], None]) -> Callable[[Aws], None]:
        CASES.append(Case(play, source, given, at_ministack))
        return play

    return keep


def system(delivery: Delivery, name: str) -> str | None:
    """Returns a system attribute of the message."""
    value: str | None = delivery.message["Attributes"].get(name)
    return value


def with_handle(handle: str) -> Delivery:
    """Returns a delivery that nobody received."""
    return Delivery({"MessageId": "unknown", "ReceiptHandle": handle, "Body": ""})

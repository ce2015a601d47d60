"""A look at queues: each message once, and all of them given back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from zigzag_operate import OperateError
from zigzag_operate.dead_letters import DeadLetters, Filter, _Groups
from zigzag_operate.looking import HIDDEN_SECONDS, LOOK_SECONDS, Look, look

LETTERS, OTHERS = "https://sqs.test/dead-letters", "https://sqs.test/dead-letters.fifo"
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ReceiveMessage")


class Queues:
    """SQS with some letters in two queues, on a clock that a poll which waits moves by a second."""

    def __init__(self, letters: int, others: int = 0, *, poll_seconds: float = 0.0) -> None:
        self.now = 0.0
        self.poll_seconds = poll_seconds
        self.gives_back = True
        self.visible = {LETTERS: [self.name(at) for at in range(letters)]}
        self.visible[OTHERS] = [self.name(1_000_000 + at) for at in range(others)]
        self.hidden: dict[str, tuple[str, float]] = {}
        self.receives = 0

    def name(self, number: int) -> str:
        return str(UUID(int=number))

    def get_queue_attributes(self, **asked: Any) -> Any:
        hidden = sum(url == asked["QueueUrl"] for url, _ in self.hidden.values())
        numbers = (len(self.visible[asked["QueueUrl"]]), hidden, 0)
        return {"Attributes": dict(zip(asked["AttributeNames"], map(str, numbers), strict=True))}

    def receive_message(self, **asked: Any) -> Any:
        queue = asked["QueueUrl"]
        self.receives += 1
        self.now += self.poll_seconds
        for name, (url, until) in list(self.hidden.items()):
            if until <= self.now:
                del self.hidden[name]
                self.visible[url].append(name)
        names = [self.visible[queue].pop() for _ in range(min(10, len(self.visible[queue])))]
        self.now += 0 if names else asked["WaitTimeSeconds"]
        self.hidden |= dict.fromkeys(names, (queue, self.now + asked["VisibilityTimeout"]))
        return {"Messages": [self.message(name) for name in names]} if names else {}

    def message(self, name: str) -> dict[str, Any]:
        """Returns a message with a handle as long as SQS's."""
        return {"MessageId": name, "ReceiptHandle": f"{name}{'x' * 400}", "Body": "{}"}

    def change_message_visibility_batch(self, **asked: Any) -> Any:
        if not self.gives_back:
            raise REFUSED
        failed = []
        for one in asked["Entries"]:
            name = one["ReceiptHandle"][:36]
            if self.hidden.pop(name, None) is None:
                failed.append({"Id": one["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": True})
            else:
                self.visible[asked["QueueUrl"]].append(name)
        return {"Failed": failed}

    def look(self, each: Callable[[Mapping[str, Any]], bool] = lambda message: False, **asked: Any) -> Look:
        return look(self, [LETTERS, OTHERS], each, clock=lambda: self.now, **asked)


def test_each_letter_of_both_queues_is_seen_once_and_given_back() -> None:
    queues, seen = Queues(100, 23), list[str]()

    said = queues.look(lambda message: bool(seen.append(message["MessageId"])))

    assert (len(seen), len(set(seen))) == (123, 123)
    assert (said.seen, said.about, said.ended, said.fifo, said.not_given_back) == (123, 123, "all", True, 0)
    assert (len(queues.visible[LETTERS]), len(queues.visible[OTHERS]), queues.hidden) == (100, 23, {})


def test_of_two_who_look_the_second_is_told_that_it_did_not_see_all() -> None:
    queues, second = Queues(100), list[Look]()

    def each(message: Mapping[str, Any]) -> bool:
        if message["MessageId"] == queues.name(50):
            second.append(queues.look())
        return False

    first = queues.look(each)

    assert (first.seen, second[0].seen, second[0].about) == (100, 50, 100)
    assert (len(queues.visible[LETTERS]), queues.hidden) == (100, {})


def test_letters_that_come_again_are_nothing_new() -> None:
    """Somebody gives back at once what this look has seen: it would go on without an end."""
    queues = Queues(5)

    def each(message: Mapping[str, Any]) -> bool:
        name = message["MessageId"]
        queues.visible[queues.hidden.pop(name)[0]].append(name)
        return False

    assert (queues.look(each).seen, queues.receives) == (5, 7)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), REFUSED], ids=["^C", "refused"])
def test_a_look_that_is_ended_gives_back(error: BaseException) -> None:
    queues = Queues(100)

    def each(message: Mapping[str, Any]) -> bool:
        if message["MessageId"] == queues.name(20):
            raise error
        return False

    with pytest.raises((KeyboardInterrupt, OperateError)) as raised:
        queues.look(each)

    assert (len(queues.visible[LETTERS]), queues.hidden) == (100, {})
    if error is REFUSED:
        said = "the messages can't be read: the AWS credentials do not allow ReceiveMessage: not you"
        assert str(raised.value) == said


def test_what_can_not_be_given_back_is_told() -> None:
    queues = Queues(12)
    queues.gives_back = False

    said = queues.look()

    assert (said.not_given_back, said.why) == (12, "the AWS credentials do not allow ReceiveMessage: not you")


def test_a_letter_that_somebody_deleted_meanwhile_is_not_missed() -> None:
    queues = Queues(12)

    said = queues.look(lambda message: bool(queues.hidden.pop(queues.name(0), None)))

    assert said.not_given_back == 0


def test_a_look_ends_when_its_time_is_over_and_when_there_is_enough() -> None:
    slow = Queues(1000, poll_seconds=1.0)  # a poll of the other queue takes a second

    said = slow.look()
    enough = slow.look(lambda message: True)

    assert (said.seen, said.ended, slow.hidden) == (190, "time", {})
    assert (enough.seen, enough.ended) == (1, "enough")


def test_a_longer_look_hides_for_longer_so_that_nothing_comes_again() -> None:
    queues, seen = Queues(3000, poll_seconds=0.5), list[float]()

    said = queues.look(
        lambda message: bool(seen.append(queues.hidden[message["MessageId"]][1] - queues.now)), seconds=600
    )

    assert (said.seen, said.ended, set(seen)) == (3000, "all", {HIDDEN_SECONDS - LOOK_SECONDS + 600})


def test_a_handle_that_has_aged_is_not_given_back() -> None:
    """Its letter may be hidden by somebody else by now."""
    queues = Queues(10)

    def each(message: Mapping[str, Any]) -> bool:
        queues.now += HIDDEN_SECONDS  # a call hangs
        return True

    said = queues.look(each)

    assert (said.seen, len(queues.hidden)) == (1, 10)


def test_reasons_that_are_all_different_are_bounded_and_hide_no_trouble() -> None:
    """Groups, and the tasks of a group, are made of what a sender may write. A trouble may come last."""
    found = _Groups(Filter(), None)
    for number in range(3_000):
        word = "".join(chr(97 + int(digit)) for digit in str(number))
        for reason, task in ((word, "pay"), *([("no", f"task-{number}")] if number >= 1_500 else ())):
            found.each(
                {
                    "MessageId": "x",
                    "MessageAttributes": {
                        "zigzag": {"StringValue": f'{{"reason": "{reason}", "task": "{task}"}}'}
                    },
                }
            )

    said = DeadLetters(Queues(0).look(), found.matched, list(found.groups.values()), found.more)

    assert (len(said.groups), said.more > 0, max(len(one.tasks) for one in said.groups)) == (1000, True, 50)
    assert sum(one.letters for one in said.groups) + said.more == said.matched == 4_500
    assert (found.sorted()[0].reason, found.sorted()[0].letters) == ("no", 1_500)

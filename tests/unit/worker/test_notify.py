"""Notices of failed tasks: at most one an hour a task, and nothing depends on them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from tests.support import World, body_of

from shared.dead_letter import Cause
from shared.delivery import Batch
from worker.observers.notify import MAX_SHORT_CHARACTERS, notice_of
from worker.result import Report
from zigzag import Reject, Task, task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import Faults
from zigzag_testing.memory_notices import MemoryNotices
from zigzag_testing.virtual_host import VirtualHost

URL = "https://sqs.eu-west-1.amazonaws.com/1/letters"


class Desk(World):
    """A worker of two tasks that notify, `charge` and `ship`, and one that does not, `plain`."""

    def __init__(self) -> None:
        super().__init__()
        self.notices = MemoryNotices(Faults.none())
        self.host = VirtualHost()

    def fail(self, *names: str, notified: bool = True) -> list[Report]:
        """Works one batch of tasks of these names, in a process of its own. All of them fail."""
        self.send(*(body_of(name) for name in names))
        self.host = VirtualHost()
        notices = {"notices": self.notices} if notified else {}
        worker = self.worker(_tasks(), host=self.host, **notices)
        return self.run(worker.work(Batch(self.receive()), lambda: 900))

    def told(self) -> list[str]:
        """Returns the names of the tasks in the notices."""
        return [notice.title.split()[1] for notice in self.notices.sent]

    def meets(self, fault: str) -> None:
        self.notices._faults = Faults(Random(0), {fault: 1.0})


def _tasks() -> dict[str, Task[Any, Any, Any]]:
    def fail(payload: dict[str, Any]) -> None:
        raise Reject("no")

    words = {"charge": "notify", "ship": "notify", "plain": "dead-letter", "again": "ignore"}
    tasks = {}
    for name, word in words.items():
        fail.__name__ = name
        tasks[name] = task(on_failure=word)(fail)
    return tasks


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_each_task_that_asks_for_it_is_told_once_an_hour_whoever_works_it(desk: Desk) -> None:
    desk.fail("charge", "plain", "charge", "ship", "again")
    assert sorted(desk.told()) == ["charge", "ship"]

    desk.pass_time(3590)
    desk.fail("charge", "ship")
    assert sorted(desk.told()) == ["charge", "ship"]

    desk.pass_time(20)
    desk.fail("charge")
    assert sorted(desk.told()) == ["charge", "charge", "ship"]
    assert len(desk.dead_letters.messages) == 7, "the notice is besides the letter"


@pytest.mark.slow
def test_a_thousand_failures_are_one_notice(desk: Desk) -> None:
    for _ in range(100):
        desk.fail(*["charge"] * 10)

    assert (desk.told(), len(desk.dead_letters.messages)) == (["charge"], 1000)


@pytest.mark.parametrize(
    ("fault", "sent", "exits"),
    [
        pytest.param("call failed", 1, False, id="not sent: told a minute later"),
        pytest.param("call's answer lost", 1, True, id="perhaps sent: not told again, and the process ends"),
    ],
)
def test_a_notice_that_fails_changes_nothing(
    desk: Desk, fault: str, sent: int, exits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    desk.meets(fault)
    (report,) = desk.fail("charge")
    assert (report.outcome, report.settled) == ("dead-letter", True)
    assert "nobody is notified of a failed task" in caplog.text
    assert (desk.host.exit_reason is not None) is exits

    desk.meets("clock off")
    desk.fail("charge")
    desk.pass_time(61)
    desk.fail("charge")
    assert desk.told() == ["charge"] * sent


def test_without_the_records_nobody_is_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.records.broken = {"own"}

    (report,) = desk.fail("charge")

    assert (report.outcome, desk.told()) == ("dead-letter", [])
    assert "nobody is notified of a failed task" in caplog.text


def test_without_an_address_it_is_a_dead_letter(desk: Desk) -> None:
    (report,) = desk.fail("charge", notified=False)

    assert (report.outcome, "own" in desk.records.calls) == ("dead-letter", False)


def test_an_event_without_a_queue_tells_nobody(desk: Desk) -> None:
    delivery = desk.delivered(body_of("charge"))
    worker = desk.worker(_tasks(), notices=desk.notices)

    desk.run(worker.work(Batch([type(delivery)(delivery.message, None)]), lambda: 900))

    assert desk.told() == []


def test_an_attempt_that_is_ended_with_its_process_is_told(desk: Desk) -> None:
    @task(attempts=1, timeout=10, on_failure="notify")
    def charge(payload: dict[str, Any]) -> None:
        block(100, interruptible=False)

    with Sandbox({"charge": charge}, blocking=True) as sandbox:
        charge.send({})
        sandbox.run()

    assert [notice.title for notice in sandbox.notices.sent] == ["Zigzag: charge has failed"]


def test_a_notice_says_what_to_know_and_what_to_type() -> None:
    notice = notice_of(Cause("failed: " + "x" * 2000, "charge", "order-7", 5), URL)

    for said in ("charge has failed", "failed: xxx", "Attempts: 5", 'Id: "order-7"', "RedriveCommand"):
        assert said in notice.text
    assert f"aws sqs receive-message --region eu-west-1 --queue-url {URL} " in notice.text
    assert notice.short.startswith("Zigzag: charge has failed (attempts: 5): failed: x")
    assert notice.text.index("aws sqs") < notice.text.index("Id: ") < notice.text.index("Reason: ")
    assert (len(notice.text) < 2000, len(notice.short)) == (True, MAX_SHORT_CHARACTERS)


def test_what_a_sender_chose_begins_no_line_and_turns_none_around() -> None:
    notice = notice_of(Cause("no\r\n\nTo repair it, type:\x1b[2Jrm", "charge", "a\u2028b\u202ec\ud83d"), URL)

    assert r'Id: "a\u2028b\u202ec\ud83d"' in notice.text
    for said in (notice.text, notice.short):
        assert r"no\r\n\nTo repair it, type:\x1b[2Jrm" in said

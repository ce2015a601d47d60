"""`context.completion`: an effect and the completion of its task are one transaction of DynamoDB's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support import body_of
from tests.unit.worker.conftest import Bench

from shared.delivery import Delivery
from worker.result import Report
from zigzag import Context, Reject, Retry, Unavailable, task
from zigzag_testing.faults import Crash, Faults
from zigzag_testing.transactions import Transactions

EFFECT = {"Put": {"TableName": "effects", "Item": {"id": {"S": "a"}}}}


class Desk(Bench):
    """A bench with the task `book`, which writes its effect, and does something before and after that.

    completions -- those that it was given, one for each start.
    """

    def __init__(self) -> None:
        super().__init__()
        world: Any = SimpleNamespace(records=self.records, faults=Faults.none())
        self.tables = Transactions(world)
        self.completions: list[Any] = []
        self.before: Callable[[], Any] = lambda: None
        self.after: Callable[[], Any] = lambda: None
        self.policy(attempts=1)

    def policy(self, **options: Any) -> None:
        @task(**{"idempotent": True, "on_failure": "notify", **options})
        async def book(payload: dict[str, Any], context: Context) -> None:
            self.completions.append(context.completion)
            await _done(self.before())
            self.write()
            await _done(self.after())

        self.table["book"] = book

    def write(self) -> None:
        """Writes the effect with the last completion."""
        self.tables.transact_write_items(TransactItems=[EFFECT, self.completions[-1]])

    def comes(self) -> Report:
        """Delivers the message, and returns what became of it."""
        if not self.queue.messages:
            self.send(body_of("book", id="a"))
        while not (received := self.receive()):
            self.pass_time(10)
        (report,) = self.work(*received)
        return report

    def run_is_owned_by(self, owner: str) -> None:
        record = self.records.records["run#book#a"]
        record.owner, record.until = owner, self.clock.now() + 60


async def _done(result: Any) -> None:
    if asyncio.iscoroutine(result):
        await result


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


ENDS = {
    "an error": raising(ValueError("broken")),
    "a Reject": raising(Reject("no")),
    "a Retry": raising(Retry("busy", after=60)),
    "Unavailable": raising(Unavailable("away")),
    "an exit": raising(SystemExit(3)),
    "its timeout": lambda: asyncio.sleep(60),
}
"""The ends of a task: none of it counts once the transaction is accepted."""


@pytest.mark.parametrize("after", ENDS.values(), ids=ENDS)
def test_a_task_that_has_committed_has_succeeded_however_it_ends(
    desk: Desk, after: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    desk.policy(attempts=1, timeout=30)
    desk.after = after

    report = desk.comes()

    assert (report.outcome, report.settled) == ("succeeded", True)
    assert (desk.tables.written, desk.dead_letters.messages) == ([EFFECT], [])
    assert "its task raised, but had recorded that it is done" in caplog.messages


def test_an_attempt_that_is_ended_by_force_has_succeeded_if_it_has_committed(desk: Desk) -> None:
    desk.policy(attempts=1, timeout=30)
    desk.after = _goes_on

    with contextlib.suppress(Crash, asyncio.CancelledError):
        desk.comes()

    assert (len(desk.queue), desk.dead_letters.messages) == (0, [])


async def _goes_on() -> None:
    """Goes on though it is interrupted."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(100)
    await asyncio.sleep(100)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_one_is_tried_again_only_if_it_had_not_committed(desk: Desk, when: str) -> None:
    desk.policy(attempts=3)
    setattr(desk, when, raising(Crash()))
    with pytest.raises(Crash):
        desk.comes()
    setattr(desk, when, lambda: None)

    report = desk.comes()

    assert report.outcome == {"before": "succeeded", "after": "already done"}[when]
    assert desk.tables.written == [EFFECT]


@pytest.mark.parametrize("left", ["nothing", "a thread"])
def test_what_a_failed_attempt_left_running_commits_nothing(desk: Desk, left: str) -> None:
    def fail() -> None:
        desk.host.exit_reason = None if left == "nothing" else "its task left threads behind"
        raise ValueError("broken")

    desk.policy(attempts=2)
    desk.before = fail
    desk.comes()

    with pytest.raises(Exception, match=r"TransactionCanceledException.*ConditionalCheckFailed"):
        desk.write()
    assert desk.tables.written == []
    desk.before = lambda: None
    assert desk.comes().outcome == "succeeded"


def test_a_second_transaction_is_refused_and_the_first_counts(desk: Desk) -> None:
    desk.after = desk.write

    assert desk.comes().outcome == "succeeded"
    assert desk.tables.written == [EFFECT]


def test_a_worker_that_lost_its_record_writes_nothing_and_gives_nothing_up(desk: Desk) -> None:
    desk.before = lambda: desk.run_is_owned_by("another")

    report = desk.comes()

    assert report.outcome == "retry later"
    assert (report.reason or "").startswith("another worker has the record of its run: ClientError: ")
    assert 60 < (report.retry_seconds or 0) <= 90
    assert (desk.tables.written, desk.dead_letters.messages) == ([], [])


def test_what_another_worker_has_done_meanwhile_is_already_done(desk: Desk) -> None:
    def lose() -> None:
        desk.run_is_owned_by("another")
        desk.records.records["run#book#a"].done = True

    desk.before = lose

    assert desk.comes().outcome == "already done"


def test_nothing_is_given_up_while_its_record_can_not_be_asked(desk: Desk) -> None:
    def lose_the_table() -> None:
        desk.records.broken = {"disown", "count"}
        raise ValueError("broken")

    desk.after = lose_the_table
    report = desk.comes()
    desk.records.broken = set()

    assert (report.outcome, report.reason) == (
        "retry later",
        "whether it is done can't be known: ValueError: broken",
    )
    assert desk.comes().outcome == "already done"


def test_a_task_that_writes_nothing_is_done_when_it_returns(desk: Desk) -> None:
    @task(idempotent=True)
    def book(payload: dict[str, Any], context: Context) -> None:
        assert context.completion

    desk.table["book"] = book

    assert [desk.comes().outcome, desk.comes().outcome] == ["succeeded", "already done"]


def test_a_task_that_is_not_idempotent_is_told_what_it_needs(desk: Desk) -> None:
    desk.policy(attempts=1, idempotent=False)

    assert desk.comes().reason == (
        "failed after 1 attempt: ZigzagError: context.completion needs @task(idempotent=True) above book"
    )


def test_a_task_that_is_called_directly_is_told_why_it_can_not(desk: Desk) -> None:
    event = Delivery({"MessageId": "m", "Body": body_of("book", id="a")})

    (report,) = desk.work(event)

    assert "context.completion needs a message: nothing is recorded" in (report.reason or "")


def test_in_a_unit_test_a_context_has_one_too(desk: Desk) -> None:
    asyncio.run(desk.table["book"].function({}, Context()))

    assert desk.tables.written == [EFFECT]

"""`@task(done=…)`: a task's own database is asked before each start, and before the task has failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from worker.host import SoftDeadline
from worker.outcome import LOADS
from zigzag import Backoff, Context, Done, Reject, task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import Crash
from zigzag_testing.virtual_host import VirtualHost


class Shop:
    """A sandbox with a task that stores a row, and then does something else.

    asks -- what is done when its database is asked.
    """

    def __init__(self, *, attempts: int = 1) -> None:
        self.rows: dict[tuple[str, str], Any] = {}
        self.runs: list[str] = []
        self.after: Callable[[], object] = lambda: None
        self.asks: Callable[[], object] = lambda: None

        def find(name: str, id: str) -> Any:
            answer = self.asks()
            return Done(self.rows[name, id]) if (name, id) in self.rows else answer

        @task(attempts=attempts, backoff=Backoff(5, 60), on_failure="refund", done=find)
        def pay(payload: dict[str, Any], context: Context) -> Any:
            self.runs.append("pay")
            if payload.get("stores", True):
                self.rows[context.task, context.id] = {"receipt": 7}
            self.after()
            return {"receipt": 7}

        @task
        def refund(payload: dict[str, Any]) -> None:
            self.runs.append("refund")

        self.sandbox = Sandbox({"pay": pay, "refund": refund}, reply_to=["answers"], blocking=True)

    def pays(self, **payload: Any) -> str:
        """Sends the task, and returns what became of it at last."""
        said = {"task": "pay", "id": "p1", "payload": payload, "reply_to": "answers"}
        self.sandbox.send_message(json.dumps(said))
        self.sandbox.run(max_seconds=7 * 24 * 3600)
        return [one.outcome for one in self.sandbox.reports if one.task == "pay"][-1]

    @property
    def replies(self) -> list[tuple[str, Any]]:
        return [(one.outcome, one.result) for one in self.sandbox.replies]


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.sandbox.__exit__()


def raising(error: BaseException) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("end", [ConnectionError("no answer to the commit"), Reject("no"), Crash()], ids=repr)
def test_a_task_that_ends_badly_after_its_transaction_has_not_failed(shop: Shop, end: BaseException) -> None:
    shop.after = raising(end)

    assert shop.pays() == "already done"
    assert (shop.runs, shop.replies) == (["pay"], [("succeeded", {"receipt": 7})])
    assert shop.sandbox.dead_letters == []


def test_a_task_without_its_row_fails_as_any_other(shop: Shop) -> None:
    shop.after = raising(Reject("no"))

    assert shop.pays(stores=False) == "dead-letter"
    assert shop.runs == ["pay", "refund"]
    assert [outcome for outcome, _ in shop.replies] == ["failed"]


def test_a_second_message_of_the_id_gets_the_stored_result(shop: Shop) -> None:
    assert [shop.pays(), shop.pays()] == ["succeeded", "already done"]
    assert (shop.runs, shop.replies) == (["pay"], 2 * [("succeeded", {"receipt": 7})])


def test_a_redriven_letter_whose_row_is_there_by_now_is_already_done(shop: Shop) -> None:
    shop.after = raising(Reject("no"))
    shop.pays(stores=False)
    shop.rows["pay", "p1"] = None

    assert shop.sandbox.redrive() == 1
    shop.sandbox.run()
    assert [one.outcome for one in shop.sandbox.reports if one.task == "pay"][-1] == "already done"
    assert shop.runs == ["pay", "refund"]


def test_a_task_that_has_not_run_is_not_given_up_for_an_hour_of_its_database(shop: Shop) -> None:
    began = shop.sandbox.clock.now()
    shop.asks = lambda: shop.sandbox.clock.now() > began + 3600 or raising(ConnectionError("away"))()
    shop.asks, asks = (lambda: asks() and None), shop.asks

    assert shop.pays() == "succeeded"
    assert (shop.runs, shop.sandbox.dead_letters) == (["pay"], [])


def test_what_happens_by_a_class_of_errors_happens_also_after_an_unanswered_question() -> None:
    asked: list[str] = []

    def find(name: str, id: str) -> None:
        asked.append(id)
        if len(asked) == 3:  # the second attempt has failed
            raise ConnectionError("away")

    @task(
        attempts=2,
        backoff=Backoff(5, 60),
        on_failure={KeyError: "dead-letter", "default": "ignore"},
        done=find,
    )
    def pay(payload: dict[str, Any]) -> None:
        raise KeyError("card")

    with Sandbox({"pay": pay}) as sandbox:
        pay.send({})
        sandbox.run()

    assert [one.reason for one in sandbox.dead_letters] == ["failed after 2 attempts: KeyError: 'card'"]
    assert len(asked) == 5


def test_a_task_is_not_given_up_while_its_database_is_away(shop: Shop) -> None:
    answers = [lambda: None, *(3 * [raising(ConnectionError("away"))])]
    shop.asks = lambda: answers.pop(0)() if answers else None
    shop.after = raising(ConnectionError("no answer to the commit"))

    assert shop.pays() == "already done"
    reasons = [one.reason for one in shop.sandbox.reports if one.reason]
    unknown = "whether it is done can't be known: ConnectionError: away"
    assert reasons == [*(3 * [unknown]), "its own database has it"]
    assert (shop.runs, shop.replies) == (["pay"], [("succeeded", {"receipt": 7})])


def test_a_question_that_kills_its_process_each_time_ends_as_the_policy_says(shop: Shop) -> None:
    shop.asks = raising(Crash())

    assert shop.pays() == "dead-letter"
    assert (shop.runs, [outcome for outcome, _ in shop.replies]) == (["refund"], ["failed"])


def test_a_question_that_a_servers_stop_interrupts_is_no_attempt_and_hides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Stopping(VirtualHost):
        async def prepare[R](self, function: Callable[[], R], seconds: float) -> R:
            asked.append(seconds)
            if len(asked) == 2:  # before the task is given up
                self.stop_reason = "its server stops"
                raise SoftDeadline
            return await super().prepare(function, seconds)

    @task(attempts=1, done=lambda name, id: None)
    def pay(payload: dict[str, Any]) -> None:
        raise ValueError("no")

    monkeypatch.setattr("zigzag_testing.sandbox.VirtualHost", Stopping)
    with Sandbox({"pay": pay}) as sandbox:
        pay.send({})
        sandbox.run()

    assert [one.retry_seconds for one in sandbox.reports] == [1, None]
    assert [one.reason for one in sandbox.dead_letters] == ["failed after 1 attempt: ValueError: no"]


@pytest.mark.parametrize(
    ("asks", "why", "repairs"),
    [
        (lambda: True, "TypeError: the `done` function of pay returned bool, no Done(…)", []),
        (raising(KeyError("row")), "KeyError: 'row'", []),
        (lambda: block(100), "it did not answer in time", ["refund"]),
    ],
    ids=["another answer", "raises", "hangs"],
)
def test_a_function_that_never_answers_starts_nothing_and_ends_as_a_letter(
    shop: Shop, asks: Callable[[], object], why: str, repairs: list[str]
) -> None:
    shop.asks = asks

    assert shop.pays() == "dead-letter"
    reasons = [one.reason or "" for one in shop.sandbox.reports if one.task == "pay"]
    assert len(reasons) == LOADS
    assert all(f"whether it is done can't be known: {why}" in reason for reason in reasons)
    assert shop.runs == repairs

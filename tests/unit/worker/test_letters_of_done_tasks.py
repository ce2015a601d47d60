"""Follow-ups, redrives and completions together: what one part keeps, no other part loses or repeats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
from pydantic import BaseModel
from tests.support import delay, text
from tests.unit.worker.conftest import kill_at

from shared.delivery import Delivery
from shared.ports.queue import QueueError
from worker.deadline import Deadline
from worker.finish import NOWHERE, UNSENT, Finish
from worker.no_queue import NoFollowUps
from worker.outcome import Attempt, Succeeded
from worker.result import Start
from zigzag import Context, Next, Reject, task
from zigzag.extra import pointers
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import Crash
from zigzag_testing.replies import _Box
from zigzag_testing.transactions import Transactions

TOKEN = "0f" * 32
SENT = {"zigzag": text(json.dumps({"id": "order-7", "message_id": "m-0", "token": TOKEN}))}
plain = json.dumps({"task": "after"})
ran: list[str] = []


@task
def after(payload: dict[str, Any]) -> None:
    ran.append("after")


@task
def first(payload: dict[str, Any]) -> Any:
    ran.append("first")
    return after.then({}, queue="bulk")


@task(idempotent=True)
def first_once(payload: dict[str, Any]) -> Any:
    return first(payload)


@task(idempotent=True)
def to_a_missing_one(payload: dict[str, Any]) -> Any:
    ran.append("first")
    return Next("missing", {"text": '"' * payload["many"]})


@task(attempts=1, on_failure="repair")
def broken(payload: dict[str, Any]) -> None:
    raise ValueError("broken")


@task(attempts=1, on_failure="ignore")
def ignored(payload: dict[str, Any]) -> None:
    raise ValueError("broken")


@task(idempotent=True)
def repair(payload: dict[str, Any], context: Context) -> None:
    ran.append("repair")


@task
def nothing(payload: dict[str, Any]) -> None:
    ran.append("nothing")


class Slow(BaseModel):
    """A result whose own way to JSON takes five minutes."""

    def model_dump(self, **_: Any) -> dict[str, Any]:
        block(300)
        return {}


@task
def slow(payload: dict[str, Any]) -> Slow:
    ran.append("slow")
    return Slow()


@task(idempotent=True)
def slow_once(payload: dict[str, Any]) -> Slow:
    return slow(payload)


TASKS = {
    one.name: one for one in (after, first, first_once, to_a_missing_one, broken, ignored, repair, nothing)
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    ran.clear()
    with Sandbox(TASKS, queues={"bulk": 1}, reply_to=["answers"]) as sandbox:
        yield sandbox


async def refuse(*_: Any) -> str:
    raise QueueError("AccessDenied", "not allowed")


def refused(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, body: str, attributes: Any = None) -> None:
    """Works a message while the queue `bulk` takes nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(sandbox.queues["bulk"], "send", refuse)
        sandbox.send_message(body, attributes)
        sandbox.run()


def written(url: str, *bodies: str) -> str:
    """Returns a body as that of a letter, which sends these to a queue."""
    ups = [{"to": url, "id": str(number), "body": body} for number, body in enumerate(bodies)]
    return json.dumps({"done": "after", "id": "order-7", "follow_ups": ups})


@pytest.mark.parametrize("kind", ["of three", "of a letter", "in the bucket"])
def test_a_body_that_no_worker_has_written_as_a_letter_sends_nothing(kind: str) -> None:
    with Sandbox(TASKS, large_payloads=True) as sandbox:
        assert sandbox.objects is not None
        url, pointer = sandbox.queue.url, pointers.written(sandbox.objects.bucket, "payloads/1")
        bodies = {"of three": [plain] * 3, "of a letter": [written(url, plain)], "in the bucket": [pointer]}
        body = written(url, *bodies[kind])
        sandbox.objects.put("payloads/1", body.encode())
        sandbox.send_message(pointer if kind == "in the bucket" else body)
        sandbox.run()

        assert [report.outcome for report in sandbox.reports] == ["dead-letter"]


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ({"task": "first", "follow_ups": []}, {}),
        ({"follow_ups": []}, {"task": text("first")}),
    ],
    ids=["own", "raw"],
)
def test_a_message_that_has_the_key_of_a_letter_is_none(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, body: Any, attributes: Any
) -> None:
    refused(sandbox, monkeypatch, json.dumps(body), attributes)
    sandbox.redrive()
    sandbox.run()

    assert ran == ["first", "after"]


def test_a_displaced_attribute_makes_no_task_of_a_letter(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"a{number}" for number in range(9)]
    note = json.dumps({"message_id": "m-0", "displaced": {"task": text("first")}})
    attributes = {name: text("x") for name in names} | {"zigzag": text(note)}
    refused(sandbox, monkeypatch, "{}", attributes)
    assert ran == ["first"]

    sandbox.redrive()
    sandbox.run()

    assert ran == ["first", "after"]


@pytest.mark.parametrize("many", [10_000, 100_000])
def test_a_missing_next_task_that_is_too_large_repeats_nothing(sandbox: Sandbox, many: int) -> None:
    sandbox.send_message(json.dumps({"task": "to_a_missing_one", "id": "x", "payload": {"many": many}}))
    sandbox.run()

    assert ran == ["first"]
    (letter,) = sandbox.dead_letters
    assert letter.reason.startswith("done; ")
    assert len(letter.body.encode()) < 500_000
    assert max(len(record.unsent) for record in sandbox.records.records.values()) <= 70_000


def test_what_a_letter_holds_is_not_sent_with_each_later_message(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"task": "first_once", "id": "x"})
    refused(sandbox, monkeypatch, body)
    sandbox.redrive()
    for _ in range(3):
        sandbox.send_message(body)
    sandbox.run()

    assert ran == ["first", "after"]


def test_two_copies_of_a_redriven_message_have_one_repair(sandbox: Sandbox) -> None:
    body = json.dumps({"task": "broken"})
    kill_at(sandbox.dead_letter_queue, "send")
    sandbox.send_message(body, SENT)
    sandbox.tick()
    sandbox.run_for(110)  # its record is free, and it is still hidden
    sandbox.send_message(body, SENT)
    sandbox.tick()
    sandbox.run()

    assert ran == ["repair"]


def test_a_redriven_failure_that_is_ignored_replies(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Box, "send", _Box.send)  # which is put back afterwards
    kill_at(_Box, "send")
    sandbox.send_message(json.dumps({"task": "ignored", "reply_to": "answers"}), SENT)
    sandbox.run()

    assert [reply.outcome for reply in sandbox.replies] == ["failed"]


def test_a_large_next_task_is_not_put_into_the_bucket() -> None:
    ran.clear()
    with Sandbox(TASKS | {"missing": after}, large_payloads=True) as sandbox:
        sandbox.send_message(json.dumps({"task": "to_a_missing_one", "payload": {"many": 600_000}}))
        sandbox.run()

        assert (ran, sandbox.objects and len(sandbox.objects.contents)) == (["first"], 0)
        (letter,) = sandbox.dead_letters
        assert letter.reason.startswith(
            "done; its next task is not sent: the payload for missing has 1,200,0"
        )


def test_a_task_that_raises_after_its_transaction_does_not_reply_that_it_returned_nothing() -> None:
    @task(idempotent=True)
    def books(payload: dict[str, Any], context: Context) -> dict[str, int]:
        client.transact_write_items(TransactItems=[context.completion])
        raise ValueError("too late")

    with Sandbox({"books": books}, reply_to=["answers"]) as sandbox:
        client = Transactions(sandbox)
        sandbox.send_message(json.dumps({"task": "books", "reply_to": "answers"}))
        sandbox.run()

        assert [(reply.outcome, reply.error) for reply in sandbox.replies] == [
            ("succeeded", "its result is not known: it is done, and then raised ValueError: too late")
        ]
        assert sandbox.dead_letters == []


class Ends:
    """Tasks that commit a transaction, then come to an end, and would at last name the next task.

    ends -- what they do after their first transaction.
    """

    def __init__(self) -> None:
        @task(idempotent=True, attempts=1)
        def names(payload: dict[str, Any], context: Context) -> Next | None:
            self.client.transact_write_items(TransactItems=[context.completion])
            self.ends()
            return after.then({}) if payload.get("chains", True) else None

        @task(idempotent=True, attempts=1)
        def counts(payload: dict[str, Any], context: Context) -> dict[str, Any]:
            self.client.transact_write_items(TransactItems=[context.completion])
            self.ends()
            return {"pages": 3}

        @task(idempotent=True, attempts=1)
        def says(payload: dict[str, Any], context: Context) -> Any:
            following = after.then({}) if payload.get("chains") else {"pages": 3}
            self.client.transact_write_items(TransactItems=[context.completion_with(following)])
            self.ends()
            return following

        ran.clear()
        tasks = {one.name: one for one in (names, counts, says, after)}
        self.sandbox = Sandbox(tasks, reply_to=["answers"], blocking=True)
        self.client = Transactions(self.sandbox)
        self.ends: Any = lambda: None

    def once(self, end: Any) -> None:
        def ends() -> None:
            self.ends = lambda: None
            end()

        self.ends = ends

    def comes(self, name: str, *, asks: bool = False, **payload: Any) -> None:
        body = {"task": name, "id": "a", "payload": payload} | ({"reply_to": "answers"} if asks else {})
        self.sandbox.send_message(json.dumps(body))
        self.sandbox.run()

    @property
    def letters(self) -> list[str]:
        return [one.reason for one in self.sandbox.dead_letters]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.sandbox.__exit__()


def crash() -> None:
    raise Crash


ENDS: dict[str, Any] = {
    "killed": crash,
    "interrupted": lambda: block(100),
    "ended by force": lambda: block(100, interruptible=False),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_follows_a_transaction_and_is_not_known_is_a_letter_that_says_so(ends: Ends, end: str) -> None:
    why = "it is done, and its worker did not come to record what it returned"
    why = {"interrupted": "it is done, and then raised FunctionEndsError: "}.get(end, why)
    ends.once(ENDS[end])
    ends.comes("names", asks=True)

    assert [one.startswith(f"done; what follows it is not known: {why}") for one in ends.letters] == [True]
    (reply,) = ends.sandbox.replies
    assert reply.outcome == "succeeded"
    assert (reply.error or "").startswith(f"its result is not known: {why}")

    ends.sandbox.redrive()
    ends.comes("names")
    assert (ran, ends.letters, len(ends.client.written)) == ([], [], 0)


@pytest.mark.parametrize(("name", "end"), [("names", lambda: None), ("counts", crash), ("says", crash)])
def test_a_task_after_which_nothing_comes_leaves_no_letter(ends: Ends, name: str, end: Any) -> None:
    ends.once(end)
    ends.comes(name, chains=False)
    ends.comes(name, chains=False)

    assert [one.outcome for one in ends.sandbox.reports][-1] == "already done"
    assert ends.letters == []


@pytest.mark.parametrize("chains", [True, False], ids=["next", "reply"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_a_transaction_says_to_follow_is_not_lost(ends: Ends, end: Any, chains: bool) -> None:
    ends.once(end)
    ends.comes("says", asks=not chains, chains=chains)

    assert (ran, ends.letters) == (["after"] if chains else [], [])
    assert [one.result for one in ends.sandbox.replies] == ([] if chains else [{"pages": 3}])


def test_a_second_message_waits_while_what_follows_the_transaction_is_not_known() -> None:
    @task(idempotent=True)
    async def names(payload: dict[str, Any], context: Context) -> Next:
        client.transact_write_items(TransactItems=[context.completion])
        await asyncio.sleep(200)
        return after.then({})

    ran.clear()
    with Sandbox({"names": names, "after": after}, worker_timeout_seconds=900) as sandbox:
        client = Transactions(sandbox)
        for _ in range(2):
            names.send({}, id="a")
        sandbox.run()

        assert (ran, sandbox.dead_letters) == (["after"], [])
        assert [one.outcome for one in sandbox.reports if one.task == "names"][-1] == "already done"


@pytest.mark.parametrize("once", [True, False], ids=["idempotent", "plain"])
def test_a_result_that_never_becomes_json_leaves_a_letter_and_repeats_nothing(once: bool) -> None:
    class Deaf(BaseModel):
        def model_dump(self, **_: Any) -> dict[str, Any]:
            block(1_000, interruptible=False)
            return {}

    @task(idempotent=once)
    def deaf(payload: dict[str, Any]) -> Any:
        ran.append("deaf")
        return Deaf()

    ran.clear()
    with Sandbox({"deaf": deaf}, reply_to=["answers"], blocking=True) as sandbox:
        sandbox.send_message(body := json.dumps({"task": "deaf", "id": "x", "reply_to": "answers"}))
        sandbox.run()
        letters = [letter.reason for letter in sandbox.dead_letters]
        if once:
            sandbox.send_message(body)
            sandbox.run()

    assert (ran, letters) == (["deaf"], ["done; what follows it was not sent in the function's time"])


@pytest.mark.parametrize(("name", "attributes"), [("slow_once", {}), ("slow", SENT)], ids=["run", "redrive"])
def test_while_a_result_becomes_json_nobody_else_runs_its_task(name: str, attributes: Any) -> None:
    ran.clear()
    tasks = {"slow": slow, "slow_once": slow_once}
    with Sandbox(tasks, reply_to=["answers"], blocking=True, worker_timeout_seconds=900) as sandbox:
        for _ in range(2):
            body = {"task": name, "id": "x", "reply_to": "answers"}
            sandbox.send_message(json.dumps(body), attributes)
        sandbox.run()

        assert (ran, len(sandbox.replies)) == (["slow"], 1)


def test_a_reply_of_an_ignored_failure_that_cant_be_sent_is_told_by_a_letter(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("zigzag_testing.replies._Box.send", refuse)
        for attributes in ({}, SENT):
            sandbox.send_message(json.dumps({"task": "ignored", "reply_to": "answers"}), attributes)
        sandbox.run()
    assert ["its reply is not sent" in letter.reason for letter in sandbox.dead_letters] == [True, True]

    sandbox.redrive()
    sandbox.run()
    assert ([reply.outcome for reply in sandbox.replies], sandbox.dead_letters) == (["failed"] * 2, [])


@pytest.mark.parametrize("name", ["nothing", "ignored", "broken"])
def test_a_reply_that_cant_even_be_tried_neither_repeats_its_task_nor_stays(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def missing(*_: Any) -> str:
        raise ImportError("No module named 'boto3'")

    monkeypatch.setattr("zigzag_testing.replies._Box.send", missing)
    sandbox.send_message(json.dumps({"task": name, "reply_to": "answers"}))
    sandbox.run(max_seconds=600)

    assert ran == {"nothing": ["nothing"], "ignored": [], "broken": ["repair"]}[name]
    (letter,) = sandbox.dead_letters
    assert "the message to answers is not sent: ImportError: No module" in letter.reason


@pytest.mark.parametrize("chains", [True, False], ids=["next", "reply"])
def test_a_task_that_ends_after_its_hard_end_has_begun_sends_nothing(chains: bool) -> None:
    @task(idempotent=True)
    async def deaf(payload: dict[str, Any], context: Context) -> Any:
        if context.attempt > 1:
            raise Reject("no")
        ends = asyncio.get_running_loop().time() + 57.5
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(left)
        return after.then({}) if chains else "done"

    ran.clear()
    with Sandbox({"deaf": deaf, "after": after}, reply_to=["answers"]) as sandbox:
        delay(sandbox, sandbox.records, "disown", after=1)
        sandbox.send_message(json.dumps({"task": "deaf", "id": "x", "reply_to": "answers"}))
        sandbox.run()

        assert (ran, [reply.outcome for reply in sandbox.replies]) == ([], ["failed"])


def test_a_hard_end_while_what_follows_is_loaded_loses_nothing() -> None:
    delivery = Delivery({"MessageId": "m", "ReceiptHandle": "r", "Body": "{}"}, "https://sqs/queue")
    start = Start(delivery, Attempt(), cast("Any", None), 0.0)
    start.attempt.returned = after.then({})

    finish = Finish(cast("Any", None), NOWHERE, cast("Any", None), Deadline(lambda: 60))

    assert finish.if_time_ends(start, Succeeded()) == UNSENT
    start.attempt.returned = None
    assert finish.if_time_ends(start, outcome := Succeeded()) is outcome


def test_at_a_hard_end_a_direct_call_has_nothing_to_send() -> None:
    start = Start(Delivery({"MessageId": "m", "Body": "{}"}), Attempt(), cast("Any", None), 0.0)
    start.attempt.returned = after.then({})

    finish = NoFollowUps(cast("Any", None), NOWHERE, cast("Any", None), Deadline(lambda: 60))

    assert finish.if_time_ends(start, outcome := Succeeded()) is outcome

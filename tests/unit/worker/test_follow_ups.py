"""The follow-ups of a task: the next one, or a reply. Nothing that goes wrong there repeats the task."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, Field
from tests.support import watch
from tests.unit.worker.conftest import kill_at

from shared.delivery import Delivery
from shared.ports.queue import QueueError
from shared.ports.records import RecordsError
from worker.decode import ReplyTo
from worker.follow.compose import MAX_HOPS, composed
from worker.follow.letters import NOT_FINISHED, letter
from worker.outcome import Attempt
from zigzag import Context, Done, Next, Reject, SendError, remote, task
from zigzag.then import as_text
from zigzag_testing import Reply, Sandbox

ran: list[tuple[str, str, Any]] = []


class Page(BaseModel):
    url: str


class Sum(BaseModel):
    total: int = Field(serialization_alias="Total")


class Odd(BaseModel):
    """A result whose own way to JSON ends its thread."""

    def model_dump(self, **_: Any) -> dict[str, Any]:
        raise SystemExit(3)


class Pair(NamedTuple):
    """A result of two parts."""

    one: Any
    other: Any


@task(idempotent=True)
def index(page: Page, context: Context) -> Page:
    ran.append(("index", context.id, page.url))
    return page


RETURNS: dict[str, Any] = {
    "next": index.then(Page(url="u")),
    "elsewhere": index.then(Page(url="u"), queue="bulk"),
    "no queue": index.then(Page(url="u"), queue="nowhere"),
    "missing": remote("indx", dict).then({}),
    "two": [index.then(Page(url="u"))] * 2,
    "a dict": {"next": index.then(Page(url="u"))},
    "a list in it": [0, {"next": [index.then(Page(url="u"))]}],
    "a tuple": Pair(index.then(Page(url="u")), None),
    "no then": index,
    "a Done": Done(index.then(Page(url="u"))),
    "a view": {"next": index.then(Page(url="u"))}.values(),
    "large": Next("index", {"url": "x" * 70_000}),
    "page": Page(url="u"),
    "bytes": b"x",
    "much": "x" * 70_000,
    "odd": Odd(),
    "half": "\ud83d",
    "alias": Sum(total=3),
    "keys": {1: "a", "1": "b"},
    "nothing": None,
}


@task(attempts=2)
def crawl(payload: dict[str, Any], context: Context) -> Any:
    ran.append(("crawl", context.id, payload["gives"]))
    if payload["gives"] == "rejects":
        raise Reject("no such page")
    return RETURNS[payload["gives"]]


@task(idempotent=True)
def crawl_once(payload: dict[str, Any], context: Context) -> Any:
    return crawl(payload, context)


@task(attempts=1, on_failure="ignore")
def forget(payload: dict[str, Any]) -> None:
    raise ValueError("broken")


@task(attempts=1, on_failure="log_in")
def fetch(payload: dict[str, Any]) -> None:
    raise ConnectionError("401")


@task(idempotent=True)
def log_in(payload: dict[str, Any], context: Context) -> Next | None:
    ran.append(("log_in", context.id, None))
    return fetch.then(payload) if len(ran) < 9 else None  # in the sandbox, no time would end the loop


TASKS = {one.name: one for one in (index, crawl, crawl_once, forget, fetch, log_in)}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    ran.clear()
    with Sandbox(TASKS, queues={"bulk": 1}, reply_to=["answers"]) as sandbox:
        yield sandbox


async def refuse(*_: Any) -> str:
    raise QueueError("AccessDenied", "not allowed")


def asks(sandbox: Sandbox, gives: str, name: str = "crawl", **more: Any) -> None:
    """Sends a task that gives that, and runs until all is done."""
    body = {"task": name, "id": "page-1", "payload": {"gives": gives}, **more}
    sandbox.send_message(json.dumps(body))
    sandbox.run()


@pytest.mark.parametrize("name", ["crawl", "crawl_once"])
@pytest.mark.parametrize("gives", ["next", "elsewhere"])
def test_the_task_that_is_returned_runs_next(sandbox: Sandbox, name: str, gives: str) -> None:
    asks(sandbox, gives, name)

    assert [(task, what) for task, _, what in ran] == [("crawl", gives), ("index", "u")]
    assert sandbox.dead_letters == []
    assert all(record.unsent == "" for record in sandbox.records.records.values())


@pytest.mark.parametrize(
    ("name", "gives", "more", "calls"),
    [
        ("crawl", "nothing", {}, []),
        ("crawl", "page", {"reply_to": "answers"}, []),
        ("crawl_once", "nothing", {}, ["own", "finish"]),
        ("crawl_once", "page", {"reply_to": "answers"}, ["own", "finish", "sent"]),
        ("crawl", "rejects", {}, []),
        ("crawl", "rejects", {"reply_to": "answers"}, ["conclude"]),
    ],
)
def test_only_what_follows_costs_a_write_more(
    sandbox: Sandbox, name: str, gives: str, more: dict[str, Any], calls: list[str]
) -> None:
    made: list[str] = []
    for method in ("own", "count", "conclude", "finish", "sent", "allow", "excuse", "disown"):
        watch(sandbox.records, method, lambda *_, method=method: made.append(method))

    asks(sandbox, gives, name, **more)

    assert made == calls


def test_its_id_is_the_same_however_often_the_first_one_runs(sandbox: Sandbox) -> None:
    asks(sandbox, "next")
    asks(sandbox, "next")

    assert [task for task, _, _ in ran] == ["crawl", "index", "crawl"]


def test_of_an_idempotent_task_that_is_done_nothing_is_sent_again(sandbox: Sandbox) -> None:
    for _ in range(2):
        asks(sandbox, "nothing", "crawl_once", reply_to="answers")

    assert [reply.outcome for reply in sandbox.replies] == ["succeeded"]


def test_it_stays_in_the_group_and_on_the_queue_of_the_one_before(sandbox: Sandbox) -> None:
    with Sandbox(TASKS, queues={"bulk": 1}, fifo=["bulk"]) as fifo:
        sent: list[tuple[str | None, str | None]] = []
        watch(fifo.queues["bulk"], "send", lambda _, one: sent.append((one.group, one.deduplication_id)))
        crawl.send({"gives": "next"}, id="page-1", queue="bulk", group="g")
        fifo.run()

    assert [group for group, _ in sent] == ["g", "g"]
    assert all(deduplication_id for _, deduplication_id in sent)


def test_on_a_standard_queue_it_has_no_group(sandbox: Sandbox) -> None:
    sent: list[tuple[str, str | None]] = []
    watch(sandbox.queue, "send", lambda _, one: sent.append((json.loads(one.body)["task"], one.group)))
    crawl.send({"gives": "next"}, id="page-1", group="g")
    sandbox.run()

    assert sent == [("crawl", "g"), ("index", None)]


@pytest.mark.parametrize(
    ("gives", "outcome", "result", "error"),
    [
        ("nothing", "succeeded", None, None),
        ("page", "succeeded", {"url": "u"}, None),
        ("alias", "succeeded", {"Total": 3}, None),
        ("keys", "succeeded", None, "its result can't be told: ValueError: two keys of a dict are the same"),
        ("half", "succeeded", None, "its result can't be told: UnicodeEncodeError"),
        ("next", "succeeded", {"url": "u"}, None),
        ("rejects", "failed", None, "rejected: no such page"),
        ("missing", "failed", None, "its next task is not sent: no task is called 'indx'; see tasks/"),
        ("bytes", "succeeded", None, "its result can't be told: TypeError: bytes is no JSON; return JSON"),
        (
            "much",
            "succeeded",
            None,
            "its result can't be told: it has 70,002 bytes, and a reply takes 65,536",
        ),
        ("odd", "succeeded", None, "its result can't be told: SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("address", ["answers", "https://sqs.eu-west-1.amazonaws.com/000000000000/answers"])
def test_who_asked_gets_one_reply(
    sandbox: Sandbox, gives: str, outcome: str, result: Any, error: str | None, address: str
) -> None:
    asks(sandbox, gives, reply_to=address, correlation_id="c-7")

    (reply,) = sandbox.replies
    assert reply == Reply("answers", reply.id, "c-7", outcome, result, reply.error)
    assert (reply.error or "").startswith(error or "")
    assert bool(reply.error) == bool(error)


def test_a_reply_is_known_by_the_tasks_id_and_an_ignored_failure_has_one(sandbox: Sandbox) -> None:
    asks(sandbox, "", "forget", reply_to="arn:aws:sqs:us-east-1:000000000000:answers")

    (reply,) = sandbox.replies
    assert (reply.correlation_id, reply.outcome) == ("page-1", "failed")
    assert reply.error == "failed after 1 attempt: ValueError: broken"
    assert sandbox.dead_letters == []


def test_two_that_ask_for_one_task_get_two_replies(sandbox: Sandbox) -> None:
    for name in "ab":
        asks(sandbox, "page", reply_to="answers", correlation_id=name)

    assert len({reply.id for reply in sandbox.replies}) == 2


@pytest.mark.parametrize(
    "more",
    [
        {"reply_to": "other"},
        {"reply_to": "https://evil.example/000000000000/other"},
        {"reply_to": ["answers"]},
        {"reply_to": "answers", "correlation_id": 7},
        {"reply_to": "answers", "correlation_id": "x" * 1_001},
        {"reply_to": "answers", "id": "x" * 1_001},
    ],
    ids=str,
)
def test_a_reply_that_may_not_be_sent_is_a_dead_letter_before_the_start(
    sandbox: Sandbox, more: dict[str, Any]
) -> None:
    asks(sandbox, "nothing", **more)

    assert ran == sandbox.replies == []
    (letter,) = sandbox.dead_letters
    assert letter.reason.startswith(("`reply_to` ", "`correlation_id` ", "`id` has 1,001 characters, and a"))


@pytest.mark.parametrize("name", ["crawl", "crawl_once"])
@pytest.mark.parametrize(
    ("gives", "reason", "later"),
    [
        ("missing", "done; its next task is not sent: no task is called 'indx'", "indx"),
        ("no queue", "done; its next task is not sent: 'nowhere' is no queue of this stack", None),
        ("two", "done; its next task is not sent: it is within a list: return one alone, and send", None),
        ("a dict", "done; its next task is not sent: it is within a dict: return one alone", None),
        ("a list in it", "done; its next task is not sent: it is within a list: return one alone", None),
        ("a tuple", "done; its next task is not sent: it is within a Pair: return one alone", None),
        ("a Done", "done; its next task is not sent: it is within a Done: return one alone", None),
        ("no then", "done; its next task is not sent: it returned the task itself: return index.then", None),
        ("a view", "done; its next task is not sent: it is within a dict_values: return one", None),
        (
            "large",
            "done; its next task is not sent: the payload for index has 70,011 bytes as JSON, and",
            None,
        ),
    ],
)
def test_a_next_task_that_cant_be_sent_is_a_letter_that_never_runs_the_first_one_again(
    sandbox: Sandbox, name: str, gives: str, reason: str, later: str | None
) -> None:
    asks(sandbox, gives, name)

    (letter,) = sandbox.dead_letters
    assert letter.reason.startswith(reason)
    assert json.loads(letter.body)["message"].startswith('{"task": "crawl')
    # Once the table has it, the letter is moved back.
    sent: list[str] = []
    watch(sandbox.queue, "send", lambda _, one: sent.append(json.loads(one.body).get("task", "")))
    sandbox.redrive()
    sandbox.run_for(120)
    assert [task for task, _, _ in ran] == ["crawl"]
    assert [one for one in sent if one] == ([later] if later else [])


def test_after_a_hundred_tasks_a_person_decides_whether_they_go_on(sandbox: Sandbox) -> None:
    asks(sandbox, "next", hops=MAX_HOPS, reply_to="answers")

    (letter,) = sandbox.dead_letters
    assert letter.reason == (
        "done; its next task is not sent: 100 tasks have followed one another: move this letter back if they "
        "should go on"
    )
    sandbox.redrive()
    sandbox.run()
    assert [task for task, _, _ in ran] == ["crawl", "index"]
    assert [reply.outcome for reply in sandbox.replies] == ["failed", "succeeded"]


def test_a_task_and_its_repair_that_name_each_other_count_as_a_chain(sandbox: Sandbox) -> None:
    asks(sandbox, "", "fetch", hops=MAX_HOPS - 2)

    assert len(ran) == 3
    assert "100 tasks have followed one another" in sandbox.dead_letters[-1].reason


def test_a_reply_that_cant_be_sent_delays_no_next_task(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zigzag_testing.replies._Box.send", refuse)
    asks(sandbox, "missing", reply_to="answers")
    sent: list[str] = []
    watch(sandbox.queue, "send", lambda _, one: sent.append(json.loads(one.body).get("task", "")))
    sandbox.redrive()
    sandbox.run_for(120)

    assert "indx" in sent


def test_a_task_that_names_itself_under_the_key_that_is_done_leaves_a_letter() -> None:
    @task(idempotent=lambda payload: payload["order"] if payload["page"] < 3 else "other")
    def pages(payload: dict[str, Any]) -> Next:
        page = payload["page"] + 1
        return pages.then({"order": "o-1", "page": page} if page < 4 else {})

    with Sandbox({"pages": pages}) as sandbox:
        for page in (1, 2, 3):
            sandbox.send_message(
                json.dumps({"task": "pages", "payload": {"order": f"o-{page}", "page": page}})
            )
            sandbox.run()
        reasons = [letter.reason.partition("sent: ")[2] for letter in sandbox.dead_letters]

    assert reasons == ["its key function gives it the key that is done: it would not run", "KeyError: 'page'"]


def test_a_chain_that_comes_back_to_a_key_that_is_done_leaves_a_letter() -> None:
    def of_order(payload: dict[str, Any]) -> str:
        return str(payload["key"])

    @task(idempotent=of_order)
    def pack(payload: dict[str, Any]) -> Next | None:
        return ship.then(payload | {"key": payload.get("then", payload["key"])}) if payload["more"] else None

    @task(idempotent=of_order)
    def ship(payload: dict[str, Any]) -> Next:
        return pack.then(payload | {"more": False})

    with Sandbox({"pack": pack, "ship": ship}, reply_to=["answers"]) as sandbox:
        for number, more in enumerate(({}, {"then": "another"})):
            payload = {"key": f"o-{number}", "more": True, **more}
            said = {"task": "pack", "payload": payload, "reply_to": "answers", "correlation_id": str(number)}
            sandbox.send_message(json.dumps(said))
            sandbox.run()

    (letter,) = sandbox.dead_letters
    assert letter.reason.endswith("its key function gives it the key that is done: it would not run")
    assert [(one.correlation_id, one.outcome) for one in sandbox.replies] == [
        ("0", "failed"),
        ("1", "succeeded"),
    ]


@pytest.mark.parametrize("trouble", ["a missing task", "its key function"])
def test_a_check_of_a_chains_keys_that_fails_loses_no_next_task(trouble: str) -> None:
    away: list[bool] = []

    def of_order(payload: dict[str, Any]) -> str:
        if away and trouble == "its key function":
            raise ConnectionError("for a moment")
        return str(payload["number"])

    @task(idempotent=of_order)
    def pack(payload: dict[str, Any]) -> Next | None:
        began.append(payload["number"])
        return ship.then(payload) if payload["number"] < 2 else None

    @task(idempotent=True)
    def ship(payload: dict[str, Any]) -> Next:
        away.append(True)
        if trouble == "a missing task":
            del table["pack"]
        return pack.then({"number": payload["number"] + 1})

    began: list[int] = []
    table = {"pack": pack, "ship": ship}
    with Sandbox(table) as sandbox:
        sandbox._table = table
        pack.send({"number": 1})
        sandbox.run()
        away.clear()
        table["pack"] = pack
        sandbox.redrive()
        sandbox.run()

    assert (began, sandbox.dead_letters) == ([1, 2], [])


def test_a_chain_that_comes_back_by_a_repair_leaves_a_letter_as_well() -> None:
    @task(idempotent=lambda payload: "one order")
    def pack(payload: dict[str, Any]) -> Next:
        return ship.then({})

    @task(on_failure="find")
    def ship(payload: dict[str, Any]) -> None:
        raise Reject("no")

    @task(idempotent=True)
    def find(payload: dict[str, Any]) -> Next:
        return pack.then({})

    with Sandbox({"pack": pack, "ship": ship, "find": find}) as sandbox:
        pack.send({})
        sandbox.run()

    assert any(one.reason.endswith("it would not run") for one in sandbox.dead_letters)


def test_keys_that_only_a_sender_can_have_written_are_not_recorded() -> None:
    @task(idempotent=True)
    def ship(payload: dict[str, Any]) -> Next:
        return pack.then({})

    @task
    def pack(payload: dict[str, Any]) -> None: ...

    finished: list[str] = []
    with Sandbox({"pack": pack, "ship": ship}) as sandbox:
        watch(sandbox.records, "finish", lambda _, *said: finished.append(str(said)))
        said = {"task": "ship", "payload": {}, "hops": 1, "keys": 100 * ["x" * 9_000]}
        sandbox.send_message(json.dumps(said))
        sandbox.run()

    assert [one.outcome for one in sandbox.reports] == ["succeeded", "succeeded"]
    assert len(finished) == 1
    assert len(finished[0]) < 10_000


class TestWhatCantBeSent:
    """The letter holds it; moved back, it is sent, and the task does not run again."""

    @pytest.fixture(autouse=True)
    def _refused(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("zigzag_testing.replies._Box.send", refuse)
            patch.setattr(sandbox.queues["bulk"], "send", refuse)
            for name in ("crawl", "crawl_once"):
                for gives in ("page", "elsewhere"):
                    body = {"task": name, "id": f"{name} {gives}", "payload": {"gives": gives}}
                    text = {"DataType": "String", "StringValue": name}
                    sandbox.send_message(json.dumps({**body, "reply_to": "answers"}), {"other": text})
            sandbox.run()

    def test_is_in_its_letter(self, sandbox: Sandbox) -> None:
        reasons = {letter.reason for letter in sandbox.dead_letters}

        assert reasons == {
            "done; the message to answers is not sent: AccessDenied: not allowed",
            "done; the message to tasks-bulk is not sent: AccessDenied: not allowed",
        }
        assert len(sandbox.dead_letters) == 4

    @pytest.mark.parametrize("by", ["a redrive", "the body alone"])
    def test_is_sent_when_the_letter_is_moved_back(self, sandbox: Sandbox, by: str) -> None:
        before = len(ran)
        if by == "a redrive":
            sandbox.redrive()
        else:
            for letter in sandbox.dead_letters:
                sandbox.send_message(letter.body)
            sandbox.dead_letter_queue.purge()
        sandbox.run()

        assert [task for task, _, _ in ran[before:]] == ["index", "index"]
        assert [reply.outcome for reply in sandbox.replies] == ["succeeded"] * 4
        assert sandbox.dead_letters == []

    def test_goes_nowhere_that_is_not_allowed(self, sandbox: Sandbox) -> None:
        (body, *_) = [letter.body for letter in sandbox.dead_letters]
        sandbox.dead_letter_queue.purge()
        sandbox.send_message(body.replace(":answers", ":others"))
        sandbox.run()

        (letter,) = sandbox.dead_letters
        assert "it is no queue of this stack, and ReplyTo does not name it" in letter.reason


class TestTheWorst:
    """It comes between the task's end and the delete of its message. The task does not run again."""

    def test_a_call_that_hangs_until_the_functions_end_leaves_a_letter(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hang(*_: Any) -> str:
            await sandbox.clock.sleep(600)
            return "never"

        with monkeypatch.context() as patch:
            patch.setattr(sandbox.queues["bulk"], "send", hang)
            asks(sandbox, "elsewhere")

        assert [letter.reason for letter in sandbox.dead_letters] == [
            "done; what follows it was not sent in the function's time"
        ]
        sandbox.redrive()
        sandbox.run()
        assert [task for task, _, _ in ran] == ["crawl", "index"]

    def test_a_kill_between_the_reply_of_a_failure_and_its_letter_repeats_the_reply_alone(
        self, sandbox: Sandbox
    ) -> None:
        kill_at(sandbox.dead_letter_queue, "send")
        asks(sandbox, "rejects", reply_to="answers")

        assert [task for task, _, _ in ran] == ["crawl"]
        assert [reply.error for reply in sandbox.replies] == ["rejected: no such page"] * 2
        assert len({reply.id for reply in sandbox.replies}) == len(sandbox.dead_letters) == 1

    def test_a_kill_before_the_letter_of_a_done_task_repeats_nothing(self, sandbox: Sandbox) -> None:
        kill_at(sandbox.dead_letter_queue, "send")
        asks(sandbox, "two")

        assert [task for task, _, _ in ran] == ["crawl"]
        assert [letter.reason.partition(":")[0] for letter in sandbox.dead_letters] == [
            "done; its next task is not sent"
        ]

    def test_a_worker_that_has_lost_its_record_sends_nothing(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        finish, asked = sandbox.records.finish, list[str]()

        async def lose(key: str, owner: str, now: float, unsent: str = "") -> bool:
            asked.append(key)
            return len(asked) > 1 and await finish(key, owner, now, unsent)

        monkeypatch.setattr(sandbox.records, "finish", lose)
        asks(sandbox, "page", "crawl_once", reply_to="answers")

        assert [report.outcome for report in sandbox.reports] == ["left alone", "succeeded"]
        assert len(sandbox.replies) == 1

    def test_without_the_table_what_follows_is_sent_all_the_same(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: Any) -> bool:
            raise RecordsError("away")

        monkeypatch.setattr(sandbox.records, "finish", away)
        monkeypatch.setattr(sandbox.records, "sent", away)
        asks(sandbox, "page", "crawl_once", reply_to="answers")

        assert [reply.outcome for reply in sandbox.replies] == ["succeeded"]


def test_a_body_that_only_looks_like_such_a_letter_is_a_dead_letter(sandbox: Sandbox) -> None:
    bodies = ("7", '[{"to": 1}]', '[], "done": "page", "id": 7', "[]")
    for body in bodies:
        sandbox.send_message(f'{{"follow_ups": {body}}}')
    sandbox.run()

    assert len(sandbox.dead_letters) == len(bodies)
    assert {"no letter of a task that is done" in letter.reason for letter in sandbox.dead_letters} == {True}


def test_then_checks_the_payload_as_send_does() -> None:
    assert index.then(Page(url="u"), group="g") == Next("index", {"url": "u"}, None, "g")
    with pytest.raises(Exception, match="the payload does not fit index: url"):
        index.then({"url": 7})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "more", "says"),
    [
        ({"x": "x" * 65_528}, {}, "the payload for any has 65,537 bytes as JSON, and a next task"),
        (json.loads('{"x":' * 120 + "0" + "}" * 120), {}, "the body is nested too deeply"),
        ({}, {"group": "a b"}, "group may be 1 to 128 of ASCII's letters"),
        ({}, {"queue": "bulkk"}, "there is no queue 'bulkk', only default, bulk"),
    ],
    ids=["size", "levels", "group", "queue"],
)
def test_then_refuses_what_could_not_be_sent(
    sandbox: Sandbox, payload: dict[str, Any], more: dict[str, str], says: str
) -> None:
    with pytest.raises(SendError, match=says):
        remote("any", dict).then(payload, **more)


def test_a_change_of_the_payload_after_then_changes_nothing() -> None:
    follows = remote("any", dict).then(payload := {"texts": ["a"]})
    payload["texts"].append("b")

    assert follows.payload == {"texts": ["a"]}


LONG = "\N{GRINNING FACE}" * 1_000


@pytest.mark.parametrize("text", ['"', "\\", "\n", "x", "é", "€", LONG[0], "\x7f"], ids=ascii)
@pytest.mark.parametrize("more", ["", "\ufffe"], ids=["", "with a character that SQS refuses"])
def test_what_follows_fits_its_record_and_a_letters(text: str, more: str) -> None:
    size = len(as_text(text + more).encode()) - len(as_text(more).encode())
    large = text * (65_500 // size) + more
    attempt = Attempt(1, "crawl", LONG)
    attempt.reply_to, attempt.tasks = ReplyTo(LONG[:256], LONG), TASKS
    delivery = Delivery({"Body": "{}"}, "https://sqs.eu-west-1.amazonaws.com/0/q")
    for returned in (large, Next("none", {"url": large})):
        ups = composed(attempt, delivery, returned, {})
        assert ("none" in ups.why, len(ups.held)) == ((True, 1) if returned is not large else (False, 0))
        cause = letter(attempt, ups, ups.send, NOT_FINISHED).cause
        written = cause.to_text(), ups.to_text(), ups.to_text("é" * 524_288)
        assert max(len(one.encode()) for one in written) < 400_000

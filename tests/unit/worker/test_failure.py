"""When a task fails: the word of its policy decides, and nothing is lost but what is ignored."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tests.support import World, body_of
from tests.unit.worker.conftest import note

from shared.delivery import Batch
from shared.ports.objects import ObjectsError
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning
from tasks import EVENTS
from worker.lookup import NoSuchTaskError
from worker.outcome import Attempt, DeadLetter, Ignored, Limits, RetryLater, decide, used_up
from worker.raised import OutOfTimeError
from worker.result import Report
from zigzag import Context, Failed, Reject, Retry, task
from zigzag.body import BadMessageError
from zigzag.policy import OnFailure, Policy
from zigzag_testing import Sandbox
from zigzag_testing.faults import Crash

SHOWN = {"default": "notify", ConnectionError: "ignore", OSError: "repair", TimeoutError: "ignore"}
NAMES = ("charge", "repair", "other")


class SlowError(ConnectionResetError):
    """One of a user's own."""


def decided(
    error: BaseException, word: OnFailure, attempt: int = 3, failed: Failed | None = None
) -> tuple[str, str]:
    """Returns the outcome with what else is asked for, and the reason."""
    made = Attempt(attempt, "charge", "id-1", Policy(attempts=3, on_failure=word))
    made.tasks, made.failed = NAMES, failed
    outcome = decide(error, made, Random(0), Limits())
    if isinstance(outcome, RetryLater):
        return "retry", outcome.reason
    return ("ignored" if isinstance(outcome, Ignored) else outcome.cause.on_failure or "letter"), (
        outcome.cause.reason
    )


@pytest.mark.parametrize(
    ("word", "error", "becomes"),
    [
        pytest.param("dead-letter", ValueError(), "letter", id="a person decides"),
        pytest.param("ignore", ValueError(), "ignored", id="ignored"),
        pytest.param("ignore", Reject("no"), "ignored", id="a Reject, too"),
        pytest.param("notify", Retry("busy"), "notify", id="the last Retry, too"),
        pytest.param("repair", ValueError(), "repair", id="another task"),
        pytest.param(SHOWN, ValueError(), "notify", id="no class of the mapping"),
        pytest.param(SHOWN, OSError(), "repair", id="a class of the mapping"),
        pytest.param(SHOWN, SlowError(), "ignored", id="the most specific one"),
        pytest.param(SHOWN, PermissionError(), "repair", id="a subclass"),
        pytest.param(SHOWN, OutOfTimeError("30 s"), "ignored", id="its own timeout is a TimeoutError"),
        pytest.param(SHOWN, SystemExit(1), "notify", id="no Exception is the default"),
        pytest.param({ValueError: "ignore"}, KeyError(), "letter", id="without a default, a dead letter"),
        pytest.param("ignore", BadMessageError("bad"), "letter", id="a bad body has no policy"),
    ],
)
def test_the_word_of_the_policy_decides(word: OnFailure, error: BaseException, becomes: str) -> None:
    assert decided(error, word)[0] == becomes


@pytest.mark.parametrize("word", ["ignore", "notify", "repair", SHOWN], ids=str)
def test_a_task_that_may_be_tried_again_has_not_failed(word: OnFailure) -> None:
    assert decided(OSError(), word, attempt=2)[0] == "retry"


def test_a_task_that_is_not_found_has_no_policy() -> None:
    attempt = Attempt(1, "none", "id-1")
    attempt.unloaded = 99

    assert isinstance(decide(NoSuchTaskError("none"), attempt, Random(0), Limits()), DeadLetter)


def test_a_start_that_never_ended_has_no_class() -> None:
    attempt = Attempt(4, "charge", "id-1", Policy(attempts=3, on_failure={"default": "ignore"}))

    assert isinstance(used_up(attempt), Ignored)


@pytest.mark.parametrize(
    ("word", "failed", "says"),
    [
        ("repare", None, "on_failure of charge names 'repare', and no task is called so"),
        ("charge", None, "on_failure names charge, which failed before: charge"),
        ("other", Failed("other"), "on_failure names other, which failed before: other, charge"),
        ("repair", Failed("z", before=tuple("abcdefgh")), "10 tasks failed one after the other"),
    ],
)
def test_a_task_that_cant_repair_leaves_a_letter_that_says_so(
    word: str, failed: Failed | None, says: str
) -> None:
    becomes, reason = decided(ValueError("x" * 2000), word, failed=failed)

    assert (becomes, len(reason) <= 1000) == ("letter", True)
    assert reason.startswith("failed after 3 attempts: ValueError: x")
    assert says in reason


@pytest.mark.parametrize("word", ["", "dead letter", None, {}, {int: "ignore"}, {ValueError: "a-b"}], ids=str)
def test_another_word_is_refused_where_the_task_is_written(word: Any) -> None:
    with pytest.raises(ValueError, match="it may be 'dead-letter', 'ignore', 'notify', the name of another"):
        Policy(on_failure=word)


class Desk:
    """A worker of tasks that fail, each with its word."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.repaired: list[tuple[Any, Failed | None, str]] = []
        self.table = {one.name: one for one in self._tasks()}

    def work(self, *names: str) -> list[Report]:
        """Works one batch of such tasks, in the order of a FIFO group if the queue is FIFO."""
        for n, name in enumerate(names):
            self.world.send(
                body_of(name, {"n": n}, id=f"id-{n}"),
                **({"group": "g", "deduplication_id": str(n)} if self.fifo else {}),
            )
        return self.once()

    def once(self) -> list[Report]:
        deliveries = self.world.receive()
        if not deliveries:
            return []
        return self.world.run(self.world.worker(self.table).work(Batch(deliveries), lambda: 900))

    @property
    def fifo(self) -> bool:
        return self.world.queue.url.endswith(".fifo")

    def sent(self) -> list[Outgoing]:
        return [call[0] for call in self.world.queue.asked("send")]

    def _tasks(self) -> Any:
        def fail(payload: dict[str, Any]) -> None:
            raise Reject("no")

        for name, word in {"ignored": "ignore", "repaired": "repair", "left": "dead-letter"}.items():
            fail.__name__ = name
            yield task(on_failure=word)(fail)

        @task(attempts=1, on_failure="repaired")
        def repair(payload: dict[str, Any], context: Context) -> None:
            self.repaired.append((payload, context.failed, context.id))
            raise ValueError("neither")

        yield repair


@pytest.fixture(params=["", ".fifo"], ids=["standard", "fifo"])
def desk(request: pytest.FixtureRequest) -> Any:
    world = World(request.param)
    yield Desk(world)
    world.close()


def test_an_ignored_message_is_deleted_and_the_next_one_starts(desk: Desk) -> None:
    reports = desk.work("ignored", "left")

    assert [(one.outcome, one.reason, one.settled) for one in reports] == [
        ("ignored", "rejected: no", True),
        ("dead-letter", "rejected: no", True),
    ]
    assert (len(desk.world.queue), len(desk.world.dead_letters.messages)) == (0, 1)


def test_an_ignored_message_whose_delete_fails_holds_its_group_and_runs_no_more(desk: Desk) -> None:
    desk.world.queue.broken = {"delete"}
    reports = desk.work("ignored", "left")
    desk.world.queue.broken = set()
    desk.world.pass_time(120)

    assert (reports[0].outcome, reports[0].settled) == ("ignored", False)
    assert not desk.fifo or reports[1].outcome == "left alone"
    assert desk.once()[0].outcome == "already done"


def test_a_repair_gets_payload_and_reason_and_the_letter_stays(desk: Desk) -> None:
    desk.work("repaired")
    letter = note(desk.world)

    desk.once()

    assert (letter["reason"], letter["on_failure"]) == ("rejected: no", "repair")
    failed = Failed("repaired", "id-0", "rejected: no", 1)
    ((payload, context_failed, id),) = desk.repaired
    assert (payload, context_failed) == ({"n": 0}, failed)
    assert id.startswith("failed:repaired:id-0:")  # and the failed message's own id


def test_two_tasks_that_repair_each_other_come_to_an_end(desk: Desk) -> None:
    desk.work("repaired")
    desk.once()

    assert desk.once() == []
    reasons = [one.attributes["zigzag"]["StringValue"] for one in desk.world.dead_letters.messages]
    assert len(reasons) == 2
    assert "on_failure names repaired, which failed before: repaired, repair" in reasons[1]


@pytest.mark.parametrize(
    ("breaks", "repairs"),
    [
        pytest.param("move", 1, id="the letter is refused: the repair is not sent again"),
        pytest.param("crash", 2, id="its process is killed before the letter: the same repair again"),
    ],
)
def test_what_happens_between_repair_and_letter(desk: Desk, breaks: str, repairs: int) -> None:
    world = desk.world
    if breaks == "crash":
        world.dead_letters.send = None  # type: ignore[assignment,method-assign]
        with pytest.raises(TypeError):
            desk.work("repaired")
        del world.dead_letters.send
    else:
        world.dead_letters.broken = {"send"}
        desk.work("repaired")
        world.dead_letters.broken = set()
    sent = desk.sent()
    world.pass_time(200)
    desk.once()
    sent += desk.sent()

    first = world.dead_letters.messages[0].attributes["zigzag"]["StringValue"]
    assert '"reason": "rejected: no"' in first, "the task did not start again"
    assert len(sent) == repairs
    assert len({one.body for one in sent}) == 1


@pytest.mark.parametrize(
    ("meaning", "letters"),
    [
        pytest.param(Meaning.TRANSIENT, 0, id="for now: the message comes again"),
        pytest.param(Meaning.DEFINITE, 1, id="for good: the letter says so"),
    ],
)
def test_a_repair_that_the_queue_refuses(desk: Desk, meaning: Meaning, letters: int) -> None:
    world = desk.world
    send = world.queue.send

    async def refuse(message: Outgoing) -> str:
        if "failed" in message.body:
            raise QueueError("AccessDenied", "no", meaning)
        return await send(message)

    world.queue.send = refuse  # type: ignore[method-assign]
    desk.work("repaired")

    assert len(world.dead_letters.messages) == letters
    if letters:
        assert note(world)["reason"] == "rejected: no; not repaired: AccessDenied: no"
    else:
        world.queue.send = send  # type: ignore[method-assign]
        world.pass_time(200)
        desk.once()
        assert (note(world)["reason"], len(world.queue)) == ("rejected: no", 1)


@task(attempts=1, on_failure="other")
def forgets(payload: dict[str, Any]) -> None:
    """Fails, and its message can't be read again: an upgrade takes the line away, say."""
    EVENTS.clear()
    raise ValueError("no")


@task(on_failure="other")
def fails(payload: dict[str, Any]) -> None:
    raise Reject("no")


@task
def other(payload: dict[str, Any]) -> None:
    pass


@pytest.mark.parametrize("trigger", ["schedule", "events"])
def test_a_message_that_cant_be_read_for_its_repair_is_a_letter_and_its_batch_goes_on(
    monkeypatch: pytest.MonkeyPatch, trigger: str
) -> None:
    monkeypatch.setitem(EVENTS, "alarm", "forgets")
    with Sandbox({"forgets": forgets, "other": other}, batch_size=10, trigger=trigger) as sandbox:
        sandbox.send_message('{"AlarmName": "a", "NewStateValue": "ALARM", "StateChangeTime": "x"}')
        other.send({})
        sandbox.run()

    assert sorted((report.task, report.outcome) for report in sandbox.reports) == [
        ("forgets", "dead-letter"),
        ("other", "succeeded"),
    ]
    (letter,) = sandbox.dead_letters
    assert "not repaired: " in str(letter.reason)


@pytest.mark.parametrize("attempts", [5, 20, 30])
@pytest.mark.parametrize(("word", "letters"), [("other", 1), ("notify", 1), ("ignore", 0)])
def test_the_word_counts_for_a_task_that_kills_its_process_however_many_attempts_it_has(
    word: OnFailure, letters: int, attempts: int
) -> None:
    @task(attempts=attempts, on_failure=word)
    async def kills(payload: dict[str, Any]) -> None:
        starts.append(1)
        raise Crash

    starts: list[int] = []
    with Sandbox({"kills": kills, "other": other}) as sandbox:
        kills.send({})
        sandbox.run()

    assert len(starts) == attempts + 1  # the first one of a message is not counted
    assert len(sandbox.dead_letters) == letters
    assert len(sandbox.notices.sent) == (word == "notify")
    assert [one.task for one in sandbox.reports if one.outcome == "succeeded"] == ["other"] * (
        word == "other"
    )


@pytest.mark.slow
def test_while_s3_is_away_a_large_message_keeps_its_repair() -> None:
    with Sandbox({"fails": fails, "other": other}, large_payloads=True) as sandbox:
        fails.send({"text": "x" * 1_200_000})
        assert sandbox.objects is not None
        taken = sandbox.objects.put
        refusals = iter(["SlowDown"])

        def put(key: str, content: bytes) -> None:
            if code := next(refusals, None):
                raise ObjectsError(code)
            taken(key, content)

        sandbox.objects.put = put  # type: ignore[method-assign]
        sandbox.run()

    assert [report.task for report in sandbox.reports if report.outcome == "succeeded"] == ["other"]
    (letter,) = sandbox.dead_letters
    assert letter.reason == "rejected: no"

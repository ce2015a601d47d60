"""The sandbox: a whole Zigzag in memory, for those who test their tasks."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support import body_of, text

from shared.dead_letter import MAX_MESSAGE_BYTES
from zigzag import Context, Reject, Retry, SendError, task
from zigzag_testing import DeadLetter, Sandbox
from zigzag_testing.schedules import every

ran: list[Any] = []


@task()
def collect(payload: dict[str, Any], context: Context) -> None:
    ran.append((payload, context.attempt))


@task()
async def doze(payload: dict[str, Any]) -> None:
    await asyncio.sleep(30)
    ran.append(payload)


@task()
async def lasting(payload: dict[str, Any]) -> None:
    """Takes longer than some heartbeats."""
    await asyncio.sleep(100)
    ran.append(payload)


@task(attempts=3)
def fail(payload: dict[str, Any]) -> None:
    ran.append(payload)
    raise ValueError("broken")


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject("no such user")


@task()
def once_more(payload: dict[str, Any], context: Context) -> None:
    ran.append(context.attempt)
    if context.attempt == 1:
        raise Retry("in an hour", after=3600)


TABLE = {task.name: task for task in (collect, doze, fail, reject, once_more)}


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(TABLE) as sandbox:
        yield sandbox


def test_a_task_that_is_sent_runs_once(sandbox: Sandbox) -> None:
    collect.send({"a": 1})

    sandbox.run()

    assert ran == [({"a": 1}, 1)]
    assert [report.outcome for report in sandbox.reports] == ["succeeded"]
    assert sandbox.dead_letters == []
    assert len(sandbox.queue) == 0


def test_a_task_may_run_a_loop_of_its_own_as_in_a_worker() -> None:
    @task(attempts=1)
    def runs_one(payload: dict[str, Any]) -> None:
        asyncio.run(asyncio.sleep(0))

    with Sandbox({"runs_one": runs_one}) as sandbox:
        runs_one.send({})
        sandbox.run()

    assert [one.outcome for one in sandbox.reports] == ["succeeded"]


async def part_fails() -> None:
    await asyncio.sleep(1)
    raise ValueError("a part")


@pytest.mark.parametrize(
    ("starts", "reason"),
    [
        (lambda: asyncio.create_task(part_fails()), "ValueError: a part"),
        (lambda: asyncio.get_running_loop().run_in_executor(None, lambda: 1 / 0), "ZeroDivisionError"),
        (lambda: asyncio.create_task(asyncio.sleep(3600)), "timeout"),
    ],
    ids=["an asyncio task", "a call in a thread", "a part that does not end"],
)
def test_a_part_that_a_task_does_not_await_is_waited_for_as_in_a_worker(starts: Any, reason: str) -> None:
    @task(attempts=1, timeout=20)
    async def starts_it(payload: dict[str, Any]) -> None:
        starts()

    with Sandbox({"starts_it": starts_it}) as sandbox:
        starts_it.send({})
        sandbox.run()

    assert [reason in letter.reason for letter in sandbox.dead_letters] == [True]


def test_leaving_it_while_tasks_run_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    @task
    async def goes_on(payload: dict[str, Any]) -> None:
        await asyncio.sleep(50)

    with Sandbox({"goes_on": goes_on}) as sandbox:
        for _ in range(30):
            goes_on.send({})
        sandbox.run_for(5)

    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_the_parts_of_a_failed_task_are_cancelled_as_in_a_worker() -> None:
    did: list[str] = []

    async def does() -> None:
        await asyncio.sleep(1)
        did.append("it")

    @task(attempts=1)
    async def fails(payload: dict[str, Any]) -> None:
        payload["part"] = asyncio.create_task(does())
        raise ValueError

    with Sandbox({"fails": fails}) as sandbox:
        fails.send({})
        sandbox.run()
        sandbox.run_for(60)

    assert (len(sandbox.dead_letters), did) == (1, [])


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit], ids=lambda error: error.__name__)
@pytest.mark.parametrize("where", ["the task", "what comes before the task"])
def test_an_error_that_is_no_exception_fails_an_attempt_as_in_a_worker(error: Any, where: str) -> None:
    def raises(*_: object) -> Any:
        raise error

    @task(attempts=1, idempotent=raises if "before" in where else False)
    def fails(payload: dict[str, Any]) -> None:
        raises()

    @task(attempts=1)
    async def cancels(payload: dict[str, Any]) -> None:
        raise asyncio.CancelledError

    with Sandbox({"fails": fails, "cancels": cancels}) as sandbox:
        fails.send({})
        cancels.send({})
        sandbox.run()
        reasons = [letter.reason for letter in sandbox.dead_letters]

    assert sorted(reasons) == sorted(
        f"failed after 1 attempt: RuntimeError: {which} raised {name}, which is no Exception"
        for which, name in ((where, error.__name__), ("the task", "CancelledError"))
    )


def test_an_hours_wait_takes_no_time(sandbox: Sandbox) -> None:
    began = sandbox.clock.now()
    once_more.send({})

    sandbox.run()

    assert ran == [1, 2]
    assert 3600 <= sandbox.clock.now() - began <= 3600 + 180


def test_a_dead_letter_has_its_body_and_the_reason(sandbox: Sandbox) -> None:
    reject.send({"user": "ann"})

    sandbox.run()

    (letter,) = sandbox.dead_letters
    assert letter.body == body_of("reject", {"user": "ann"})
    assert letter.reason == "rejected: no such user"


class TestRedrive:
    def test_a_dead_letter_is_a_new_message_with_the_same_id_and_all_its_attempts(
        self, sandbox: Sandbox
    ) -> None:
        fail.send({}, id="the-one")
        sandbox.run()

        assert sandbox.redrive() == 1
        assert sandbox.dead_letters == []
        sandbox.run()

        assert len(ran) == 6
        (letter,) = sandbox.dead_letters
        assert (letter.note["id"], letter.note["attempts"]) == ("the-one", 3)

    def test_it_keeps_its_attributes_and_is_received_for_the_first_time(self, sandbox: Sandbox) -> None:
        message_id = sandbox.send_message(body_of("reject"), {"user": text("ann")})
        sandbox.run()

        sandbox.redrive()

        (delivery,) = sandbox._do(sandbox.queue.receive(10, 0, 120))
        assert delivery.attributes["user"] == text("ann")
        assert delivery.message_id != message_id
        assert (delivery.receive_count, delivery.sent_at) == (1, sandbox.clock.now())

    def test_a_fifo_queues_go_to_the_end_of_their_group(self) -> None:
        with Sandbox(TABLE, fifo=True) as sandbox:
            for number in range(12):
                reject.send({"number": number}, group="a")
            sandbox.run()
            collect.send({"number": 12}, group="a")

            assert sandbox.redrive() == 12

            numbers = [json.loads(message.body)["payload"]["number"] for message in sandbox.queue.messages]
            assert numbers == [12, *range(12)]


def test_a_message_that_is_too_large_is_a_dead_letter_even_without_room_for_a_reason(
    sandbox: Sandbox,
) -> None:
    body = "x" * MAX_MESSAGE_BYTES
    sandbox.send_message(body)

    sandbox.run()

    assert sandbox.dead_letters == [DeadLetter(body, {})]
    assert sandbox.dead_letters[0].reason == ""


def test_one_tick_is_one_tick(sandbox: Sandbox) -> None:
    for number in range(25):
        collect.send({"number": number})
    fail.send({})

    summary = sandbox.tick()

    assert (summary.received, summary.dispatched, summary.stopped) == (26, 26, "queue empty")
    assert len(sandbox.queue) == 1, "the failed one waits for its retry"


def test_a_run_that_does_not_end_says_how_many_are_left(sandbox: Sandbox) -> None:
    sandbox.send_message(body_of("collect"), delay_seconds=900)

    with pytest.raises(TimeoutError, match="1 messages are left after 300 s"):
        sandbox.run(max_seconds=300)


def test_without_a_table_it_is_the_projects_own() -> None:
    with Sandbox() as sandbox:
        sandbox.send_message(body_of("no_such_task"))
        sandbox.run()

    assert "hello" in sandbox.dead_letters[0].reason


@pytest.mark.slow
def test_a_worker_that_crashes_is_no_secret(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(deliveries: Any) -> Any:
        raise RuntimeError("no error of the task's, and none of AWS's")

    monkeypatch.setattr(sandbox.queue, "delete", crash)
    collect.send({})

    with pytest.raises(RuntimeError, match="none of AWS's"):
        sandbox.run()


class TestCrash:
    """A process crashes before or after one of its calls, whichever it is."""

    @pytest.mark.parametrize("limit", ["none", "a cap"])
    def test_the_sandbox_goes_on_after_a_crash_at_any_call(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, limit: str
    ) -> None:
        gc.collect()
        caplog.clear()  # of what other tests have left
        crashed = chances = 0
        while chances == crashed:  # until a run has fewer chances than that
            crashed, chances = crashed + 1, 0

            def strike(kind: str, at: int = crashed) -> bool:
                nonlocal chances
                is_one = kind.startswith("crash") and chances < at
                chances += is_one
                return is_one and chances == at

            ran.clear()
            with Sandbox(
                {**TABLE, "lasting": lasting}, flow_control=True, worker_timeout_seconds=900
            ) as sandbox:
                monkeypatch.setattr(sandbox.faults, "strike", strike)
                sandbox.limit_at_once(5 if limit == "a cap" else None)
                for one in (collect, lasting):
                    one.send({})
                sandbox.run()

            assert len(ran) >= 2, f"after a crash at chance {crashed}"
        assert crashed > 20
        gc.collect()
        assert [line.getMessage() for line in caplog.records if line.name == "asyncio"] == []


class TestSchedule:
    def test_it_fires_when_it_is_time_and_not_between(self) -> None:
        with Sandbox(TABLE, schedule=every(3600)) as sandbox:
            for _ in range(6):
                sandbox.run_for(1800)

            assert [at - sandbox.fired[0] for at in sandbox.fired] == [0, 3600, 7200]

    def test_while_it_is_disabled_nothing_is_received(self, sandbox: Sandbox) -> None:
        schedule, sandbox.schedule = sandbox.schedule, None
        collect.send({})
        sandbox.run_for(3600)
        assert ran == []

        sandbox.schedule = schedule
        sandbox.run_for(60)

        assert ran == [({}, 1)]

    def test_a_doubled_firing_is_two_ticks(self) -> None:
        with Sandbox(TABLE, faults={"firing doubled": 1.0}) as sandbox:
            sandbox.run_for(60)

            assert sandbox.fired[0] == sandbox.fired[1]


class TestWhatSqsMayDo:
    def test_a_message_that_it_delivers_twice_runs_twice(self) -> None:
        with Sandbox(TABLE, watch_always=True, faults={"message doubled": 0.5}, seed=6) as sandbox:
            doze.send({})
            sandbox.run()

            assert sandbox.faults.struck["message doubled"] == 1
            assert ran == [{}, {}]

    def test_a_short_poll_may_miss_what_is_there_until_a_later_one_finds_it(self) -> None:
        with Sandbox(TABLE, faults={"short poll misses": 1.0}) as sandbox:
            for number in range(50):
                collect.send({"number": number})
            sandbox.run()

            assert len(ran) == 50
            assert sandbox.faults.struck["short poll misses"] > 0

    def test_a_purge_deletes_what_is_in_flight_too(self, sandbox: Sandbox) -> None:
        fail.send({})
        collect.send({})
        sandbox.tick()
        assert len(sandbox.queue) == 1

        sandbox.queue.purge()

        assert len(sandbox.queue) == 0
        assert sandbox._do(sandbox.queue.in_flight()) == 0


@task()
def fan_out(payload: dict[str, Any]) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: collect.send({"number": number}), range(3)))


@task()
async def fan_out_from_a_coroutine(payload: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.gather(
        asyncio.to_thread(collect.send, {"number": 0}),
        loop.run_in_executor(None, collect.send, {"number": 1}),
        loop.run_in_executor(None, collect.send, {"number": 2}),
    )


AWSS = "https://sqs.us-east-1.amazonaws.com/123456789012/the-real-queue"


@pytest.fixture
def real_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets up a shell that leads to a queue of AWS's. Nobody is there, and no call can get out."""
    for name, value in {
        "ZIGZAG_QUEUE_URL": AWSS,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": "us-east-1",
        "ZIGZAG_TRANSPORT": "lean",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("task", [fan_out, fan_out_from_a_coroutine], ids=["a pool", "a coroutine"])
def test_messages_that_a_task_sends_from_threads_stay_in_the_sandbox(task: Any, real_queue: None) -> None:
    with Sandbox({task.name: task, "collect": collect}) as sandbox:
        task.send({})
        sandbox.run()

    assert [report.outcome for report in sandbox.reports] == ["succeeded"] * 4
    assert sorted(payload["number"] for payload, _ in ran) == [0, 1, 2]


def sent_from_a_thread() -> str:
    """Sends from a new thread, which has no context of this one. Returns the id, or the error's words."""
    said: list[str] = []

    def send() -> None:
        try:
            said.append(collect.send({}))
        except SendError as error:
            said.append(str(error))

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    return said[0]


def test_a_thread_that_could_mean_either_of_two_sandboxes_is_refused(real_queue: None) -> None:
    with Sandbox({"collect": collect}) as one, Sandbox({"collect": collect}) as other:
        said = sent_from_a_thread()

        assert "more than one sandbox is open" in said
        assert len(one.queue) == len(other.queue) == 0


def test_when_the_inner_sandbox_is_closed_a_threads_message_is_the_outer_ones(real_queue: None) -> None:
    with Sandbox({"collect": collect}) as outer:
        with Sandbox({"collect": collect}):
            pass
        sent_from_a_thread()

        assert len(outer.queue) == 1


class TestPause:
    """An operator stops the flow, and lets it go on."""

    def test_nothing_runs_while_the_queue_is_paused_and_all_does_after_that(self) -> None:
        with Sandbox(TABLE, flow_control=True) as sandbox:
            sandbox.pause()
            collect.send({"n": 1})
            sandbox.run_for(3600)
            assert (ran, sandbox.tick().stopped) == ([], "paused")

            sandbox.resume()
            sandbox.run()

        assert ran == [({"n": 1}, 1)]

    def test_with_a_rate_so_many_run_and_no_more_until_there_is_none(self) -> None:
        with Sandbox(TABLE, flow_control=True) as sandbox:
            sandbox.limit(3600, burst=2)
            for n in range(5):
                collect.send({"n": n})
            sandbox.run_for(600)
            assert len(ran) == 2

            sandbox.limit(None)
            sandbox.run()

        assert sorted(payload["n"] for payload, _ in ran) == [0, 1, 2, 3, 4]

    def test_with_a_cap_so_many_run_at_once_and_no_more(self) -> None:
        ran.clear()
        with Sandbox(TABLE, flow_control=True) as sandbox:
            sandbox.limit_at_once(2)
            for n in range(5):
                doze.send({"n": n})
            sandbox.run_for(45)
            assert len(ran) == 2

            sandbox.limit_at_once(None)
            sandbox.run()

        assert len(ran) == 5

    def test_a_pause_uses_up_no_attempt(self) -> None:
        with Sandbox(TABLE, flow_control=True) as sandbox:
            fail.send({})
            sandbox.run_for(1)
            sandbox.pause()
            sandbox.run_for(2 * 24 * 3600)
            sandbox.resume()
            sandbox.run()

            assert len(ran) == 3
            assert sandbox.dead_letters[0].reason == "failed after 3 attempts: ValueError: broken"

    @pytest.mark.parametrize(
        ("limit", "may_be"),
        [
            (lambda sandbox: sandbox.limit(0), "every may be 0.001 to 2592000, not 0"),
            (lambda sandbox: sandbox.limit(1, 0), "burst may be 1 to 1000, not 0"),
            (lambda sandbox: sandbox.limit_at_once(0), "most may be 1 to 30, not 0"),
            (lambda sandbox: sandbox.limit_at_once(31), "most may be 1 to 30, not 31"),
            (lambda sandbox: sandbox.limit_by_itself(1, 2), "slowest may be 2 to"),
            (lambda sandbox: sandbox.break_at(31), "trip may be 1 to 30, not 31"),
            (lambda sandbox: sandbox.break_at(longest=13 * 3600), "longest may be 1 to 43200, not 46800"),
        ],
    )
    def test_what_no_queue_can_have_is_refused_and_not_written(
        self, limit: Callable[[Sandbox], None], may_be: str
    ) -> None:
        with Sandbox(TABLE, flow_control=True) as sandbox:
            with pytest.raises(ValueError, match=may_be):
                limit(sandbox)

            assert sandbox.gates is not None
            assert sandbox.gates.attributes == {}

    def test_a_fifo_queue_takes_no_limit(self) -> None:
        with Sandbox(TABLE, flow_control=True, fifo=True) as sandbox:
            for limit in (
                lambda: sandbox.limit(1),
                lambda: sandbox.limit_at_once(1),
                sandbox.limit_by_itself,
            ):
                with pytest.raises(ValueError, match="a FIFO queue takes no limit"):
                    limit()

    def test_without_flow_control_it_says_how_to_have_it(self) -> None:
        with Sandbox(TABLE) as sandbox:
            for operate in (
                sandbox.pause,
                sandbox.resume,
                sandbox.break_at,
                lambda: sandbox.limit(1),
                lambda: sandbox.limit_at_once(1),
            ):
                with pytest.raises(ValueError, match="flow_control=True"):
                    operate()


class TestWithinALoop:
    """An `async def` test has an event loop that runs already, and a sandbox brings one of its own."""

    @pytest.mark.parametrize("use", [lambda _: Sandbox(TABLE), Sandbox.run], ids=["to make", "to run"])
    def test_the_error_says_how_to_test_instead(self, sandbox: Sandbox, use: Any) -> None:
        async def test() -> None:
            use(sandbox)

        with pytest.raises(RuntimeError, match=r"in a plain `def` test, or, .* by `asyncio\.to_thread`"):
            asyncio.run(test())

    def test_by_a_thread_it_works(self) -> None:
        def use() -> int:
            with Sandbox(TABLE) as sandbox:
                collect.send({})
                sandbox.run()
                return len(sandbox.reports)

        assert asyncio.run(asyncio.to_thread(use)) == 1

    def test_its_end_hides_no_error(self) -> None:
        sandbox = Sandbox(TABLE)

        async def test() -> None:
            with sandbox:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(test())

"""One call over the wire, in each form that a fault of it may take: what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest
from tests.promises.wire.aws import FUNCTION, Aws
from tests.promises.wire.lean import lean_consumer, lean_worker, on_virtual_time
from tests.promises.wire.wire import DONE, SLOW, UNDONE, UNOPENED, Wire

from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.sqs_queue import SqsQueue
from shared.delivery import MAX_EVENT_BYTES
from shared.ports.queue import Outgoing, QueueError
from shared.ports.records import Counted
from shared.ports.workers import Meaning
from zigzag_testing.faults import Faults
from zigzag_testing.memory_lambda import MemoryLambda
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.memory_records import MemoryRecords
from zigzag_testing.virtual_time import virtual_runner

TOO_SLOW = SLOW[1]
FOREVER = 1_000_000


class Troubled(Wire):
    """A wire on which one form of a fault, `form_now`, strikes so many `times` at most."""

    form_now = ""
    times = 0

    def form(self, kind: str, forms: tuple[str, ...]) -> str | None:
        if self.times == 0 or self.form_now not in forms:
            return None
        self.times -= 1
        return self.form_now

    def slowness(self) -> tuple[float, float]:
        if self.times == 0 or self.form_now != TOO_SLOW:
            return 0.0, 0.0
        self.times -= 1
        return 0.0, 60.0


class Account:
    """A queue, a function and a table, behind a troubled wire."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.runner, clock = virtual_runner()
        on_virtual_time(patch, clock, seed=0)
        self.worked = 0
        self.kept = MemoryQueue(clock)
        self.function = MemoryLambda(self._work, clock, timeout_seconds=60)
        faults = Faults.none()
        aws = Aws(clock, faults, [self.kept], self.function, MemoryRecords())
        self.wire = Troubled(aws, clock, faults, Random(0))
        self.workers = LambdaWorkers(lean_consumer(self.wire), FUNCTION)
        worker = lean_worker(self.wire)
        self.queue = SqsQueue(worker, self.kept.url)
        self.records = DynamoDbRecords(worker, "records")

    async def _work(self, event: object, seconds_left: Callable[[], float]) -> None:
        self.worked += 1

    def invoke(self, *events: bytes) -> list[Meaning]:
        async def invoked() -> list[Meaning]:
            answers = await self.workers.dispatch(events)
            await self.function.finish()
            return [answer.meaning for answer in answers]

        return self.runner.run(invoked())


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    account = Account(monkeypatch)
    yield account
    account.runner.close()


@pytest.mark.parametrize(
    ("form", "meaning", "worked"),
    [
        pytest.param("", Meaning.SENT, 1, id="nothing goes wrong"),
        *((form, Meaning.TRANSIENT, 0) for form in UNOPENED),
        *((form, Meaning.TRANSIENT if form == "throttled" else Meaning.AMBIGUOUS, 0) for form in UNDONE),
        *((form, Meaning.AMBIGUOUS, 1) for form in (*DONE, TOO_SLOW)),
    ],
)
def test_what_is_said_of_an_invoke_is_what_is_known_and_it_is_sent_once(
    account: Account, form: str, meaning: Meaning, worked: int
) -> None:
    account.wire.form_now, account.wire.times = form, FOREVER

    assert account.invoke(b"{}") == [meaning]
    assert account.worked == worked
    assert account.wire.aws.arrived[b"{}"] == worked


def test_each_invoke_has_its_own_answer_in_their_order(account: Account) -> None:
    too_large = b'"%b"' % (b"x" * MAX_EVENT_BYTES)

    assert account.invoke(b"{}", too_large, b"[]") == [Meaning.SENT, Meaning.TOO_LARGE, Meaning.SENT]
    assert account.worked == 2


@pytest.mark.parametrize("form", [*UNOPENED, *UNDONE, *DONE, TOO_SLOW])
def test_what_the_worker_settles_and_records_is_sent_up_to_four_times(account: Account, form: str) -> None:
    # Given a message that was received
    account.runner.run(account.kept.send(Outgoing("hello")))
    deliveries = account.runner.run(account.queue.receive(10, 0, 43_200))

    # When it is recorded and deleted, and three calls out of four go wrong
    account.wire.form_now, account.wire.times = form, 3
    counted = account.runner.run(account.records.count("starts#1", "a", 0.0))
    assert account.wire.times == 0
    account.wire.times = 3
    failed = account.runner.run(account.queue.delete(deliveries))

    # Then both are done, and the start is counted once
    assert counted == Counted(1)
    assert failed == []
    assert len(account.kept) == 0


def test_a_postponement_is_not_sent_again_once_its_time_is_over(account: Account) -> None:
    # Given a message that is postponed for less than an answer may take, and the answer does not come
    account.runner.run(account.kept.send(Outgoing("hello")))
    deliveries = account.runner.run(account.queue.receive(10, 0, 120))
    account.wire.form_now, account.wire.times = TOO_SLOW, 1
    with pytest.raises(QueueError):
        account.runner.run(account.queue.change_visibility(deliveries, 2))

    # Then who has it next has it for as long as a lease
    (again,) = account.runner.run(account.kept.receive(10, 1, 120))
    assert again.receive_count == 2
    assert account.wire.times == 0

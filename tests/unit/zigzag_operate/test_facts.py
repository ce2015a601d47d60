"""The figures of a stack: how many rounds of calls they take, and what becomes of one that can't be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Condition, Thread
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from zigzag_operate.facts import Facts, Unknown, facts, verdict_of
from zigzag_operate.facts.work import LastTick, TaskWork
from zigzag_operate.metrics import Happened
from zigzag_operate.target import Stack, Target

NOW = 1_800_000_000.0
ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/zigzag/5e7a"
URLS = {"QueueUrl": "https://sqs.test/1/tasks", "DeadLetterQueueUrl": "https://sqs.test/1/letters"}
NAMES = {
    "ConsumerFunctionName": "consumer",
    "WorkerFunctionName": "worker",
    "ConsumerLogGroupName": "consumers",
    "WorkerLogGroupName": "workers",
    "RecordsTableName": "records",
}
RULE = "zigzag-of-a-company-and-o-ConsumerFunctionTick-1A"
"""Of a stack with a long name: CloudFormation keeps its first 25 characters in a name of 64."""
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class Account:
    """A `Target` that is its own client of each service, with answers like AWS's."""

    stack = "zigzag"

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.counts = {"tasks": (12, 37), "letters": (173, 0), "zigzag-bulk": (0, 0)}
        self.ages = {"tasks": 48.0, "letters": 1740.0, "zigzag-bulk": 1.0}
        self.sums = {"dropped": 0, "died": 0}
        self.lines: dict[str, list[tuple[float, Any]]] = {"consumers": [], "workers": []}
        self.queues = ""
        self.per_page = 1_000
        self.failing: dict[str, Exception] = {}
        self.called: Callable[[], None] = lambda: None

    def client(self, service: str, patience: Any = None) -> Any:
        return self

    def stack_as_it_is(self) -> Stack:
        self._call("describe_stacks")
        created = NOW - 86_400
        outputs = URLS | NAMES | {"Queues": self.queues}
        return Stack(outputs, self.parameters, ID, "UPDATE_COMPLETE", created, NOW)

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        self._call("get_queue_attributes")
        counts = dict(zip(COUNTS, self.counts[QueueUrl.rpartition("/")[2]], strict=True))
        return {"Attributes": {name: str(counts.get(name, 0)) for name in AttributeNames}}

    def get_metric_data(self, MetricDataQueries: list[Any], **asked: Any) -> Any:  # noqa: N803
        self._call("get_metric_data")
        return {"MetricDataResults": [self._metric(one) for one in MetricDataQueries]}

    def _metric(self, query: Mapping[str, Any]) -> dict[str, Any]:
        of = query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
        values = [self.ages[of], 7.0] if of in self.ages else [self.sums[query["Id"]]]
        times = [datetime.fromtimestamp(NOW - 60 * n, UTC) for n in range(len(values))]
        return {"Id": query["Id"], "Timestamps": times, "Values": values}

    def filter_log_events(self, logGroupName: str, startTime: int, endTime: int, **asked: Any) -> Any:  # noqa: N803
        self._call("filter_log_events")
        begin = int(asked.get("nextToken", 0))
        there = [
            {
                "timestamp": int(at * 1000),
                "message": fields if isinstance(fields, str) else json.dumps(fields),
            }
            for at, fields in self.lines[logGroupName]
            if startTime <= at * 1000 <= endTime
        ]
        more = {"nextToken": str(begin + self.per_page)} if len(there) > begin + self.per_page else {}
        return {"events": there[begin : begin + self.per_page], **more}

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803
        self._call("batch_get_item")
        return {"Responses": {table: [] for table in RequestItems}, "ResponseMetadata": {}}

    def get_function_concurrency(self, FunctionName: str) -> Any:  # noqa: N803
        self._call("get_function_concurrency")
        return {"ReservedConcurrentExecutions": 0}

    def list_rule_names_by_target(self, TargetArn: str) -> Any:  # noqa: N803
        self._call("list_rule_names_by_target")
        assert TargetArn == "arn:aws:lambda:eu-west-1:123456789012:function:consumer"
        return {"RuleNames": [RULE]}

    def list_rules(self, NamePrefix: str) -> Any:  # noqa: N803
        assert NamePrefix == RULE
        names = {RULE: "DISABLED", f"{RULE}2B": "ENABLED"}
        return {"Rules": [{"Name": name, "State": state} for name, state in names.items()]}

    def _call(self, name: str) -> None:
        self.called()
        if name in self.failing:
            raise self.failing[name]

    def ticks(self, ago: float, **fields: Any) -> None:
        said = {"received": 120, "dispatched": 120, "stopped": "queue empty", "level": "INFO"}
        self.lines["consumers"].append((NOW - ago, {"message": "tick", **said, **fields}))

    def delivers(self, ago: float, **fields: Any) -> None:
        said = {"task": "hello", "outcome": "succeeded", "attempt": 1, "seconds": 0.01, "age_seconds": 2.0}
        self.lines["workers"].append((NOW - ago, {"message": "delivery", **said, **fields}))

    def facts(self, **options: Any) -> Facts:
        return facts(cast(Target, self), **options)


@pytest.fixture
def account() -> Account:
    account = Account()
    account.ticks(31)
    return account


@contextmanager
def rounds(account: Account) -> Iterator[list[int]]:
    """Yields how many calls each round had: those that wait for their answers at the same time."""
    counted: list[int] = []
    state, waiting, is_over = Condition(), 0, False

    def wait() -> None:
        nonlocal waiting
        with state:
            waiting += 1
            number = len(counted)
            state.wait_for(lambda: len(counted) > number)

    def answer() -> None:
        nonlocal waiting
        with state:
            while not is_over:
                before = waiting
                if not state.wait(0.3) and waiting and waiting == before:
                    counted.append(waiting)
                    waiting = 0
                    state.notify_all()

    account.called = wait
    answering = Thread(target=answer)
    answering.start()
    yield counted
    is_over = True
    answering.join()


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


def test_a_stack_that_keeps_up_takes_two_rounds_of_calls(account: Account) -> None:
    with rounds(account) as counted:
        account.facts()

    assert counted == [1, 9]


def test_one_in_which_all_is_wrong_takes_three(account: Account) -> None:
    account.lines["consumers"].clear()
    account.parameters["FlowControl"] = "true"
    account.sums["dropped"], account.per_page = 5, 1
    for ago in range(0, 900, 100):
        account.delivers(ago)

    with rounds(account) as counted:
        seen = account.facts()

    assert len(counted) == 3
    assert (seen.why.rules, seen.why.consumer) == ({RULE: "DISABLED"}, 0)


def test_each_figure_is_read(account: Account) -> None:
    account.sums["died"] = 3

    seen = account.facts()

    queue = seen.queues["default"]
    assert (seen.region, seen.account, seen.state) == ("eu-west-1", "123456789012", "UPDATE_COMPLETE")
    assert (queue.waiting, queue.in_flight, queue.oldest_seconds, queue.closed) == (12, 37, 48, None)
    assert (seen.dead_letters, seen.oldest_letter_seconds, seen.dropped) == (173, 1740, Happened(0, None))
    assert seen.died == Happened(3, NOW + 60)
    assert seen.last_tick == LastTick(NOW - 31, 120, 120, "queue empty", well=True)
    assert seen.unknown == []


@pytest.mark.parametrize("odd", [10**400, -1.0, float("nan"), True, "1"])
def test_a_number_that_only_a_print_can_have_is_no_figure(account: Account, odd: Any) -> None:
    account.delivers(1, seconds=odd, age_seconds=odd)

    seen = account.facts().work

    assert not isinstance(seen, Unknown)
    assert [(one.half_seconds, one.most_seconds) for one in seen.tasks] in ([], [(None, None)])


def test_deliveries_are_counted_by_task(account: Account) -> None:
    for number in range(1, 20):
        account.delivers(number, seconds=number / 100, age_seconds=number)
    account.delivers(20, outcome="retry later", attempt=2, traceback="…", seconds=3.0, age_seconds=99.0)
    account.delivers(21, outcome="retry later", reason="not yet")
    account.delivers(22, task="pay", outcome="dead-letter", seconds=1.0, attempt=3)
    account.delivers(23, task=None, outcome="released", attempt=0, seconds=0.0)
    account.lines["workers"] += [(NOW - 5, "print() of a task"), (NOW - 5, {"message": "hello, Ann"})]

    seen = account.facts().work

    assert not isinstance(seen, Unknown)
    assert (seen.all, seen.tasks) == (
        True,
        [
            TaskWork("hello", 21, 2, 0, 1, 0.1, 0.19, 18.0, 19, NOW - 20),
            TaskWork("(not read)", 1, 0, 0, 0, None, None, None),
            TaskWork("pay", 1, 0, 1, 1, 1.0, 1.0, None, 0, NOW - 22, 1),
        ],
    )


def test_the_work_of_one_queue_is_what_its_lines_name(account: Account) -> None:
    account.queues = "bulk=https://sqs.test/1/zigzag-bulk"
    account.delivers(1)
    account.delivers(1, task="pay", queue="tasks")  # with Metrics=true, SQS's name
    account.delivers(2, task="crawl", queue="bulk")
    account.delivers(2, task="crawl", queue="zigzag-bulk")
    account.delivers(3, task="crawl", queue="one that was taken out")

    def deliveries(queue: str | None) -> dict[str, int]:
        work = account.facts(queue=queue).work
        return {} if isinstance(work, Unknown) else {one.task: one.deliveries for one in work.tasks}

    assert deliveries("default") == {"hello": 1, "pay": 1}
    assert deliveries("bulk") == {"crawl": 2}
    assert deliveries(None) == {"hello": 1, "pay": 1, "crawl": 3}


def test_more_tasks_than_fifty_are_counted_together(account: Account) -> None:
    for number in range(60):
        account.delivers(1, task=f"task-{number}")

    seen = account.facts().work

    assert not isinstance(seen, Unknown)
    assert (len(seen.tasks), seen.tasks[0].task, seen.tasks[0].deliveries) == (50, "others", 11)


def test_a_log_that_is_longer_than_is_read_is_told_as_such(account: Account) -> None:
    account.per_page = 1
    for ago in (1, 2, 3, 400):
        account.delivers(ago)

    seen = account.facts().work

    assert not isinstance(seen, Unknown)
    assert ([one.deliveries for one in seen.tasks], seen.all) == ([3], False)


def test_of_a_log_that_is_too_long_the_last_minute_is_read(account: Account) -> None:
    account.per_page = 3
    for _ in range(10):
        account.delivers(170)
    for _ in range(6):
        account.delivers(50, outcome="dead-letter")

    assert verdict_of(account.facts()).sentence.startswith("hello fails: ")


@pytest.mark.parametrize(
    ("call", "error", "figure", "why"),
    [
        ("get_metric_data", refused("AccessDenied"), "dropped", "needs cloudwatch:GetMetricData"),
        ("get_metric_data", refused("Throttling"), "oldest_letter_seconds", "Throttling: no"),
        ("filter_log_events", refused("AccessDeniedException"), "work", "needs logs:FilterLogEvents"),
        (
            "filter_log_events",
            refused("ResourceNotFoundException"),
            "last_tick",
            "the log group consumers is gone: deploy the stack again, or make it by hand",
        ),
        ("get_queue_attributes", refused("AccessDenied"), "dead_letters", "needs sqs:GetQueueAttributes"),
        (
            "filter_log_events",
            ReadTimeoutError(endpoint_url="https://logs.test"),
            "work",
            "no answer came from https://logs.test: is the network there, and the region right?",
        ),
    ],
    ids=str,
)
def test_a_figure_that_cant_be_read_says_what_it_needs_and_hides_no_other(
    account: Account, call: str, error: Exception, figure: str, why: str
) -> None:
    account.failing[call] = error
    account.counts["letters"] = (0, 0) if call != "get_metric_data" else (1, 0)

    seen = account.facts()

    assert getattr(seen, figure) == Unknown(why)
    assert why in seen.unknown
    known = {
        one for one in ("dead_letters", "work", "last_tick") if not isinstance(getattr(seen, one), Unknown)
    }
    assert known
    if call != "get_metric_data":
        assert verdict_of(seen).kind == "unknown"


def test_a_mistake_of_ours_is_no_unknown_figure(account: Account) -> None:
    account.failing["get_metric_data"] = KeyError("ours")

    with pytest.raises(KeyError):
        account.facts()


def test_a_call_that_never_ends_is_left_and_all_else_is_told(account: Account) -> None:
    never, called = Condition(), iter(range(100))

    def wait() -> None:
        if next(called) == 1:  # the first of the second round
            with never:
                never.wait(60)

    account.called = wait

    seen = account.facts(seconds=0.3)

    assert seen.unknown == ["no answer came in time"]


def test_with_an_event_source_no_tick_is_awaited(account: Account) -> None:
    account.parameters["Trigger"] = "events"
    account.lines["consumers"].clear()

    seen = account.facts()

    assert (seen.last_tick, seen.tick_within, seen.is_silent) == (None, None, False)

"""`./zigzag pause`, `resume`, `limit` and `limits`: what they say, on which stream, with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests.stacks import FIFO, deployed, queue

from shared.queues import TaskQueue
from zigzag import task
from zigzag_operate import Target, gates, tasks
from zigzag_operate.counts import Counts

NOW = 1_800_000_000
DAY = 24 * 3600


type Ran = tuple[int, str, str]
"""An exit code, standard output and standard error."""


@dataclass
class ControlledStack:
    """A stack called zigzag that has a table of records, on a clock of the test's."""

    zigzag: Callable[..., Ran]
    queue_url: str
    table: str
    slept: list[float]

    def limits(self) -> dict[str, Any]:
        """Returns what `limits --json` tells of the queue `default`."""
        return dict(json.loads(self.zigzag("limits", "--json")[1])["default"])

    def shown(self) -> str:
        """Returns the table that `limits` shows."""
        return self.zigzag("limits")[1]

    def closed(self) -> str | None:
        """Returns why nothing is received, as `status --json` tells it."""
        said: str | None = json.loads(self.zigzag("status", "--json")[1])["closed"]
        return said

    def gate(self) -> dict[str, Any]:
        """Returns the item of the queue `default`."""
        found = boto3.client("dynamodb").get_item(TableName=self.table, Key={"key": {"S": "gate#default"}})
        return dict(found.get("Item", {}))

    def say(self, **attributes: dict[str, Any]) -> None:
        """Writes the item by hand."""
        item = {"key": {"S": "gate#default"}, **attributes}
        boto3.client("dynamodb").put_item(TableName=self.table, Item=item)

    def send_and_receive(self, sent: int, received: int = 0) -> None:
        sqs = boto3.client("sqs")
        for _ in range(sent):
            sqs.send_message(QueueUrl=self.queue_url, MessageBody="{}")
        for _ in range(received):
            sqs.receive_message(QueueUrl=self.queue_url)

    def is_old(self, seconds: int) -> None:
        """Gives CloudWatch an age of the oldest message."""
        age = {
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": [{"Name": "QueueName", "Value": self.queue_url.rpartition("/")[2]}],
            "Value": seconds,
            "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
        }
        boto3.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[age])


@pytest.fixture
def stack(account: None, zigzag: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> ControlledStack:
    outputs = deployed(queue(), "true")
    stack = ControlledStack(zigzag, outputs["QueueUrl"], outputs["RecordsTableName"], [])
    monkeypatch.setattr(gates, "time", lambda: NOW)
    monkeypatch.setattr(gates, "sleep", stack.slept.append)
    return stack


def numbers(**values: float) -> dict[str, dict[str, str]]:
    """Returns attributes as DynamoDB has them."""
    return {name: {"N": str(value)} for name, value in values.items()}


class TestPause:
    def test_it_pauses_the_queue_and_says_what_still_runs(self, stack: ControlledStack) -> None:
        code, out, err = stack.zigzag("pause")

        assert (code, err) == (0, "")
        assert stack.gate()["paused"] == {"N": str(NOW)}
        assert out.startswith(
            "default is paused. For 20 s at most, a poll under way may still bring messages"
        )
        assert "Nothing waits; SQS drops what is sent from now on after 14 days." in out

    def test_it_says_when_sqs_begins_to_drop_what_waits(self, stack: ControlledStack) -> None:
        stack.send_and_receive(3, 1)
        stack.is_old(4 * DAY)

        _, out, _ = stack.zigzag("pause", "default")
        _, told, _ = stack.zigzag("pause", "--json")

        assert "SQS begins to drop what waits on 2027-01-25 08:00 UTC, 14 days after it was sent." in out
        asked = {"queue": "default", "waiting": 3, "drops_from": NOW + 10 * DAY, "expiring": {}}
        assert json.loads(told) == asked

    def test_it_names_the_tasks_that_will_expire(
        self, stack: ControlledStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def brief(payload: dict[str, Any]) -> None:
            pass

        made = {f"t{n}": task(start_within=7200 - n)(brief) for n in range(6)}
        monkeypatch.setattr(tasks, "TASKS", {"broken": "no.module", "plain": task(brief), **made})

        _, out, _ = stack.zigzag("pause")

        named = "t5 after 7,195 s, t4 after 7,196 s, t3 after 7,197 s, t2 after 7,198 s, t1 after 7,199 s"
        assert out.endswith(f" Messages expire that have not started: of {named}, and 1 more.\n")

    def test_it_says_so_where_nobody_knows_when(self, stack: ControlledStack) -> None:
        stack.send_and_receive(1)

        _, out, _ = stack.zigzag("pause")

        assert "SQS drops a message 14 days after it was sent; the oldest one's age is not known yet." in out

    def test_a_queue_is_paused_though_the_queues_do_not_answer(self, stack: ControlledStack) -> None:
        boto3.client("sqs").delete_queue(QueueUrl=stack.queue_url)

        code, _, err = stack.zigzag("pause")

        assert code == 1
        assert "default is paused; but the queues don't answer" in err
        assert "paused" in stack.gate()

    def test_it_waits_until_two_counts_a_minute_apart_say_that_nothing_is_in_flight(
        self, stack: ControlledStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack.send_and_receive(1)
        counts = iter([0, 2, 1, 0, 0])
        before = gates.counts

        def seen(target: Target, queue: TaskQueue) -> Counts:
            found = before(target, queue)
            return replace(found, in_flight=next(counts)) if stack.slept else found

        monkeypatch.setattr(gates, "counts", seen)

        code, _, err = stack.zigzag("pause", "--wait")

        assert code == 0
        assert err == "2 in flight, or waiting for a retry\n1 in flight, or waiting for a retry\n"
        assert stack.slept == [21, 60, 60, 60, 60], (
            "first for a poll under way, then as old as a count may be"
        )
        assert list(counts) == []

    def test_a_queue_that_is_resumed_goes_on(self, stack: ControlledStack) -> None:
        stack.zigzag("pause")

        code, out, _ = stack.zigzag("resume")

        assert (code, stack.gate()) == (0, {"key": {"S": "gate#default"}})
        assert out == "default is not paused any more: the next tick receives\n"


class TestLimits:
    @pytest.mark.parametrize(
        ("gate", "closed", "since", "shown"),
        [
            ({}, None, None, "open"),
            (numbers(paused=NOW), "paused", NOW, "2027-01-15 08:00 UTC"),
            (
                {"puased": {"S": "[red]"}},
                "the gate of default says what nobody understands: puased",
                None,
                "puased",
            ),
        ],
    )
    def test_it_shows_the_state_of_each_queue(
        self,
        stack: ControlledStack,
        gate: dict[str, Any],
        closed: str | None,
        since: float | None,
        shown: str,
    ) -> None:
        stack.send_and_receive(3, 1)
        stack.say(**gate)

        assert stack.limits() == {
            "closed": closed,
            "paused_since": since,
            "rate": None,
            "next_slot": None,
            "waiting": 2,
            "auto": None,
            "at_once": None,
            "held": 0,
            "unavailable_since": None,
            "next_try": None,
            "open_by": None,
            "failing": 0,
            "trip": 10,
            "longest_seconds": 6 * 3600.0,
            "takes_seconds": None,
            "by": {},
        }
        assert shown in stack.shown()
        assert stack.closed() == closed

    def test_it_shows_the_rate_as_it_is_now(self, stack: ControlledStack) -> None:
        rule = numbers(every=371.75899571297157, slowest=2000, fastest=20, burst=1, refused=350)
        stack.say(**rule, failing={"SS": ["0a"]}, **numbers(begun=NOW))

        told = stack.limits()
        assert told["closed"] is None
        assert told["rate"] == {"every_seconds": 0.37175899571297157, "burst": 1}
        assert told["auto"] == {"slowest_seconds": 2.0, "fastest_seconds": 0.02}
        assert told["unavailable_since"] == NOW
        assert "one each 0.372 s, auto" in stack.shown()

    def test_it_shows_how_many_have_a_permit(self, stack: ControlledStack) -> None:
        stack.say(at_once={"N": "3"}, held={"M": numbers(a=NOW + 9, dead=NOW - 9)})

        told = stack.limits()
        assert (told["closed"], told["at_once"], told["held"]) == (None, 3, 1)
        assert "1 of 3" in stack.shown()

    def test_it_says_since_when_the_breaker_is_shut_as_status_does(self, stack: ControlledStack) -> None:
        stack.say(failing={"SS": ["0a", "0b"]}, **numbers(trip=2, since=NOW, last=NOW))

        told = stack.limits()
        assert (told["closed"], told["unavailable_since"], told["failing"]) == ("unavailable", NOW, 2)
        assert "2027-01-15 08:00 UTC" in stack.shown()
        assert stack.closed() == "unavailable"

    @pytest.mark.parametrize(("shut_until", "next_try"), [(NOW - 1, NOW), (NOW + 45, NOW + 45)])
    def test_it_says_until_when_the_breaker_is_shut(
        self, stack: ControlledStack, shut_until: float, next_try: float
    ) -> None:
        shut = numbers(trip=1, since=NOW - 60, last=NOW, longest=3600, shut_until=shut_until)
        stack.say(failing={"SS": ["0a"]}, **shut)

        told, shown = stack.limits(), stack.shown()
        assert (told["next_try"], told["open_by"]) == (next_try, NOW + 3540)
        assert f"2027-01-15 08:00:{next_try - NOW:02.0f} UTC" in shown
        assert "2027-01-15 08:59:00 UTC" in shown

    def test_it_says_how_long_the_waiting_messages_take_at_the_rate(self, stack: ControlledStack) -> None:
        stack.send_and_receive(5)
        stack.say(**numbers(every=36_000, burst=1, next=NOW + 36))

        shown = stack.shown()
        assert "2027-01-15 08:00:36 UTC" in shown
        assert "0:02:24" in shown

    @pytest.mark.parametrize(
        ("quiet_for", "since", "failing"),
        [
            pytest.param(3600, NOW - 7200, 1, id="in the last hour it counts"),
            pytest.param(3601, None, 0, id="before that it does not"),
            pytest.param(9 * DAY, None, 0, id="nor days ago"),
        ],
    )
    def test_of_an_open_queue_it_says_what_still_counts(
        self, stack: ControlledStack, quiet_for: int, since: float | None, failing: int
    ) -> None:
        stack.say(failing={"SS": ["0a"]}, **numbers(since=NOW - 7200, last=NOW - quiet_for))

        told = stack.limits()
        assert (told["closed"], told["unavailable_since"], told["failing"]) == (None, since, failing)
        assert f"{failing} of the 10 that shut the queue" in stack.shown()
        assert "UTC" not in stack.shown(), "it is open, and not since then"

    @pytest.mark.parametrize("columns", [60, 80])
    def test_it_has_each_value_on_one_line_of_so_many_columns(
        self, stack: ControlledStack, monkeypatch: pytest.MonkeyPatch, columns: int
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        stack.zigzag("limit", "--rate", "100/h", "--burst", "10", "--at-once", "30")
        stack.say(**stack.gate(), **numbers(paused=NOW))

        lines = stack.shown().splitlines()

        assert max(map(len, lines)) <= columns
        assert [line.strip().split("  ")[-1].strip() for line in lines] == [
            *("default", "paused", "2027-01-15 08:00 UTC", "user/moto, 2027-01-15 08:00 UTC"),
            *("one each 36 s, burst 10", "0 of 30"),
            *("0 of the 10 that shut the queue", "6h at most", "0"),
        ]


NAME_ONE = "name a --rate, an --at-once, a --trip or a --longest; or else --none"
NO_SENSE: list[tuple[tuple[str, ...], str]] = [
    (("--rate", "0/s"), "the rate '0/s' may be auto, or like 5/s, 30/min or 100/h"),
    (("--rate", "5/d"), "the rate '5/d' may be"),
    (("--rate", "1001/s"), "at most 1000/s"),
    (("--rate", "0.001/h"), "at least 1 in 30 days"),
    (("--rate", "5/s", "--burst", "0"), "burst"),
    (("--burst", "3"), NAME_ONE),
    (("--none", "--burst", "3"), "--burst needs a --rate"),
    (("--at-once", "3", "--burst", "3"), "--burst needs a --rate"),
    (("--rate", "5/s", "--none"), NAME_ONE),
    (("--at-once", "3", "--none"), NAME_ONE),
    ((), NAME_ONE),
    (("--at-once", "0"), "--at-once may be 1 to 30, not 0"),
    (("--at-once", "31"), "not 31: more is the parameter WorkerConcurrency"),
    (("--trip", "0"), "--trip may be 1 to 30 messages, not 0"),
    (("--trip", "31"), "not 31"),
    (("--longest", "soon"), "--longest 'soon' may be like 90s, 30min or 6h"),
    (("--longest", "13h"), "at most 12h"),
    (("--rate", "automatic"), "the rate 'automatic' may be auto, or like 5/s"),
    (("--rate", "auto", "--burst", "3"), "--rate auto takes no --burst"),
    (("--rate", "auto", "--least", "0/s"), "the rate '0/s' may be like 5/s"),
    (("--rate", "auto", "--least", "auto"), "the rate 'auto' may be like 5/s"),
    (("--rate", "auto", "--most", "1001/s"), "at most 1000/s"),
    (
        ("--rate", "auto", "--least", "6/s", "--most", "5/s"),
        "the --least 6/s is above the --most 5/s",
    ),
    (("--rate", "5/s", "--least", "1/s"), "--least and --most need --rate auto"),
    (("--at-once", "3", "--most", "1/s"), "--least and --most need --rate auto"),
]


class TestLimit:
    @pytest.mark.parametrize(
        ("arguments", "every", "burst"),
        [
            (("--rate", "5/s", "--burst", "10"), 200, 10),
            (("--rate", "30/min"), 2000, 1),
            (("--rate", "100/h", "--burst", "2"), 36000, 2),
        ],
    )
    def test_the_rate_is_the_gates(
        self, stack: ControlledStack, arguments: tuple[str, ...], every: float, burst: int
    ) -> None:
        code, _, err = stack.zigzag("limit", "default", *arguments)

        gate = stack.gate()
        assert (code, err) == (0, "")
        assert (float(gate["every"]["N"]), gate["burst"]) == (every, {"N": str(burst)})

    @pytest.mark.parametrize(
        ("arguments", "first", "slowest", "fastest"),
        [
            ((), 1000, 1000, 10),
            (("--least", "30/min", "--most", "50/s"), 1000, 2000, 20),
            (("--least", "5/s"), 200, 200, 10),
            (("--least", "200/s"), 5, 5, 5),
            (("--most", "1/min"), 60000, 60000, 60000),
        ],
        ids=str,
    )
    def test_a_rate_can_find_itself_between_a_least_and_a_most(
        self, stack: ControlledStack, arguments: tuple[str, ...], first: int, slowest: int, fastest: int
    ) -> None:
        code, _, err = stack.zigzag("limit", "--rate", "auto", *arguments)

        gate = stack.gate()
        told = {name: float(gate[name]["N"]) for name in ("every", "slowest", "fastest", "burst")}
        assert (code, err) == (0, "")
        assert told == {"every": first, "slowest": slowest, "fastest": fastest, "burst": 1}

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            pytest.param(
                ("--rate", "auto", "--least", "30/min", "--most", "50/s"),
                "In default a task starts each 1 s at first. Refused starts slow that down, to one each 2 s "
                "at most, and others speed it up, to one each 0.02 s. 12 wait.",
                id="between which rates it is",
            ),
            pytest.param(
                ("--rate", "6/min", "--burst", "2"),
                "In default a task starts each 10 s, and 2 at once after a rest. "
                "12 wait, which takes 0:01:40 (hours:minutes:seconds).",
                id="how long it takes to start what waits",
            ),
            pytest.param(
                ("--rate", "0.01/h"),
                "In default a task starts each 360000 s. "
                "12 wait, which takes 45 days, 20:00:00: SQS drops what is older than 14 days.",
                id="where SQS drops what waits for so long",
            ),
            pytest.param(
                ("--at-once", "1"), "In default one task runs at a time, at most. 12 wait.", id="one"
            ),
            pytest.param(
                ("--at-once", "30"), "In default 30 tasks run at a time, at most. 12 wait.", id="30"
            ),
            pytest.param(
                ("--trip", "3", "--longest", "30min"),
                "default has this rule for what is unavailable. 12 wait.",
                id="a rule of the breaker",
            ),
        ],
    )
    def test_it_says_what_now_holds(
        self, stack: ControlledStack, arguments: tuple[str, ...], words: str
    ) -> None:
        stack.send_and_receive(12)

        assert stack.zigzag("limit", *arguments) == (0, f"{words}\n", "")

    def test_it_answers_with_json(self, stack: ControlledStack) -> None:
        stack.send_and_receive(12)

        _, out, _ = stack.zigzag("limit", "--rate", "6/min", "--burst", "2", "--json")

        rate = {"every_seconds": 10.0, "burst": 2}
        assert json.loads(out) == {
            "queue": "default",
            "rate": rate,
            "auto": None,
            "at_once": None,
            "trip": None,
            "longest_seconds": None,
            "none": False,
            "waiting": 12,
            "takes_seconds": 100.0,
        }
        told = stack.limits()
        assert (told["rate"], told["takes_seconds"]) == (rate, 100.0)
        assert "10 s" in stack.shown()

    def test_a_rate_and_a_cap_are_said_together_or_one_after_the_other(self, stack: ControlledStack) -> None:
        stack.zigzag("limit", "--rate", "5/s")
        stack.zigzag("limit", "--at-once", "2")
        assert {"every", "at_once", "held"} <= stack.gate().keys()

        _, out, _ = stack.zigzag("limit", "--rate", "1/s", "--at-once", "3")

        assert out.startswith("In default 3 tasks run at a time, at most. In default a task starts each 1 s")
        assert (stack.gate()["at_once"], stack.gate()["every"]) == ({"N": "3"}, {"N": "1000.0"})

    def test_when_the_breaker_shuts_is_the_gates_and_shown(self, stack: ControlledStack) -> None:
        stack.zigzag("limit", "--trip", "3", "--longest", "90s")

        told = stack.limits()
        assert (stack.gate()["trip"], stack.gate()["longest"]) == ({"N": "3"}, {"N": "90.0"})
        assert (told["trip"], told["longest_seconds"]) == (3, 90.0)
        assert "0 of the 3 that shut the queue" in stack.shown()
        assert "90s at most" in stack.shown()

    @pytest.mark.parametrize(
        ("ahead", "rate", "stays"),
        [
            pytest.param(3000, "1/h", True, id="the same rate grants no start"),
            pytest.param(3000, "2/h", False, id="another one does"),
            pytest.param(9000, "1/h", False, id="one that is too far away is forgotten"),
        ],
    )
    def test_the_next_slot_stays_if_the_rate_does(
        self, stack: ControlledStack, ahead: int, rate: str, stays: bool
    ) -> None:
        stack.zigzag("limit", "--rate", "1/h")
        stack.say(**stack.gate(), **numbers(next=NOW + ahead))

        stack.zigzag("limit", "--rate", rate)

        assert ("next" in stack.gate()) is stays

    @pytest.mark.parametrize(
        ("limit", "left"), [("--rate=5/s", set()), ("--at-once=3", {"held"}), ("--trip=3", set())]
    )
    def test_none_takes_it_away_and_what_is_held_stays(
        self, stack: ControlledStack, limit: str, left: set[str]
    ) -> None:
        stack.zigzag("limit", limit)

        assert stack.zigzag("limit", "--none") == (0, "default has no limit any more\n", "")
        assert set(stack.gate()) == {"key", "rev"} | left

    @pytest.mark.slow
    def test_a_limit_that_makes_no_sense_is_2_and_nothing_is_written(self, stack: ControlledStack) -> None:
        for arguments, words in NO_SENSE:
            code, out, err = stack.zigzag("limit", *arguments)

            assert (code, out) == (2, ""), arguments
            assert words in err
        assert stack.gate() == {}

    @pytest.mark.parametrize(
        "arguments", [("--rate", "5/s"), ("--rate", "auto"), ("--at-once", "1")], ids=str
    )
    def test_a_fifo_queue_takes_none(self, zigzag: Any, account: None, arguments: tuple[str, ...]) -> None:
        table = deployed(FIFO, "true")["RecordsTableName"]

        code, _, err = zigzag("limit", *arguments)

        assert code == 2
        assert "a FIFO queue takes no limit" in err
        assert boto3.client("dynamodb").scan(TableName=table)["Items"] == []


class TestStatusOfAQueueThatIsClosed:
    def test_it_says_why_nothing_is_received(self, stack: ControlledStack) -> None:
        stack.zigzag("pause")

        assert "\n  default receives nothing: paused since 15 Jan, 08:00\n" in stack.zigzag("status")[1]

    def test_it_says_that_the_gate_does_not_answer(self, stack: ControlledStack) -> None:
        boto3.client("dynamodb").delete_table(TableName=stack.table)

        assert "the table of records refused: ResourceNotFoundException" in str(stack.closed())


class TestFlowThatIsNotControlled:
    @pytest.mark.parametrize("parameter", ["false", pytest.param(None, id="from before it")])
    def test_every_command_is_refused_with_the_parameters_name(
        self, zigzag: Any, account: None, parameter: str | None
    ) -> None:
        deployed(queue(), parameter)

        for arguments in (("pause",), ("resume",), ("limits",), ("limit", "--none")):
            code, out, err = zigzag(*arguments)

            assert (code, out) == (1, ""), arguments
            assert "set its parameter FlowControl to true" in err

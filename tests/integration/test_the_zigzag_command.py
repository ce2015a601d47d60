"""`./zigzag pause`, `resume`, `limit` and `limits`: what they say, on which stream, with which exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests.stacks import FIFO, deployed, queue

from zigzag_operate import Target, gates
from zigzag_operate.counts import Counts

NOW = 1_800_000_000
DAY = 24 * 3600


@dataclass
class ControlledStack:
    """A stack called zigzag that has a table of records, on a clock of the test's."""

    queue_url: str
    table: str
    slept: list[float]

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
        boto3.client("cloudwatch").put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": self.queue_url.rpartition("/")[2]}],
                    "Value": seconds,
                    "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
                }
            ],
        )


@pytest.fixture
def stack(account: None, monkeypatch: pytest.MonkeyPatch) -> ControlledStack:
    outputs = deployed(queue(), "true")
    stack = ControlledStack(outputs["QueueUrl"], outputs["RecordsTableName"], [])
    monkeypatch.setattr(gates, "time", lambda: NOW)
    monkeypatch.setattr(gates, "sleep", stack.slept.append)
    return stack


class TestPause:
    def test_it_pauses_the_queue_and_says_what_still_runs(self, zigzag: Any, stack: ControlledStack) -> None:
        code, out, err = zigzag("pause")

        assert (code, err) == (0, "")
        assert stack.gate()["paused"] == {"N": str(NOW)}
        assert out.startswith(
            "default is paused. For 20 s at most, a poll under way may still bring messages"
        )
        assert "Nothing waits; SQS drops what is sent from now on after 14 days." in out

    def test_it_says_when_sqs_begins_to_drop_what_waits(self, zigzag: Any, stack: ControlledStack) -> None:
        stack.send_and_receive(3, 1)
        stack.is_old(4 * DAY)

        _, out, _ = zigzag("pause", "default")

        assert "SQS begins to drop what waits on 2027-01-25 08:00 UTC, 14 days after it was sent." in out

    def test_it_says_so_where_nobody_knows_when(self, zigzag: Any, stack: ControlledStack) -> None:
        stack.send_and_receive(1)

        _, out, _ = zigzag("pause")

        assert "SQS drops a message 14 days after it was sent; the oldest one's age is not known yet." in out

    def test_it_answers_with_json(self, zigzag: Any, stack: ControlledStack) -> None:
        stack.send_and_receive(3, 1)
        stack.is_old(4 * DAY)

        _, out, _ = zigzag("pause", "--json")

        assert json.loads(out) == {"queue": "default", "waiting": 3, "drops_from": NOW + 10 * DAY}

    def test_what_is_paused_stays_paused_if_the_queues_do_not_answer(
        self, zigzag: Any, stack: ControlledStack
    ) -> None:
        boto3.client("sqs").delete_queue(QueueUrl=stack.queue_url)

        code, _, err = zigzag("pause")

        assert code == 1
        assert "default is paused; but the queues don't answer" in err
        assert "paused" in stack.gate()

    def test_it_waits_until_two_counts_a_minute_apart_say_that_nothing_is_in_flight(
        self, zigzag: Any, stack: ControlledStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack.send_and_receive(1)
        counts = iter([0, 2, 1, 0, 0])
        before = gates.counts

        def seen(target: Target, queue: str) -> Counts:
            return replace(before(target), in_flight=next(counts)) if stack.slept else before(target)

        monkeypatch.setattr(gates, "counts", seen)

        code, _, err = zigzag("pause", "--wait")

        assert code == 0
        assert err == "2 in flight, or waiting for a retry\n1 in flight, or waiting for a retry\n"
        assert stack.slept == [21, 60, 60, 60, 60], (
            "first for a poll under way, then as old as a count may be"
        )
        assert list(counts) == []


class TestResume:
    def test_the_queue_goes_on(self, zigzag: Any, stack: ControlledStack) -> None:
        zigzag("pause")

        code, out, _ = zigzag("resume")

        assert (code, stack.gate()) == (0, {"key": {"S": "gate#default"}})
        assert out == "default is not paused any more: the next tick receives\n"


class TestLimits:
    @pytest.mark.parametrize(
        ("gate", "closed", "since", "shown"),
        [
            ({}, None, None, "open"),
            ({"paused": {"N": str(NOW)}}, "paused", NOW, "2027-01-15 08:00 UTC"),
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
        zigzag: Any,
        stack: ControlledStack,
        gate: dict[str, Any],
        closed: str | None,
        since: float | None,
        shown: str,
    ) -> None:
        stack.send_and_receive(3, 1)
        stack.say(**gate)

        code, out, _ = zigzag("limits", "--json")

        assert code == 0
        told = {"closed": closed, "paused_since": since, "rate": None, "next_slot": None, "waiting": 2}
        no_cap = {"auto": None, "at_once": None, "held": 0, "unavailable_since": None, "failing": 0}
        breaker = {"trip": 10, "longest_seconds": 6 * 3600.0}
        assert json.loads(out) == {"default": {**told, **no_cap, **breaker, "takes_seconds": None}}
        assert shown in zigzag("limits")[1]


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
        self, zigzag: Any, stack: ControlledStack, arguments: tuple[str, ...], every: float, burst: int
    ) -> None:
        code, _, err = zigzag("limit", "default", *arguments)

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
        self,
        zigzag: Any,
        stack: ControlledStack,
        arguments: tuple[str, ...],
        first: float,
        slowest: float,
        fastest: float,
    ) -> None:
        code, _, err = zigzag("limit", "--rate", "auto", *arguments)

        gate = {name: float(stack.gate()[name]["N"]) for name in ("every", "slowest", "fastest", "burst")}
        assert (code, err) == (0, "")
        assert gate == {"every": first, "slowest": slowest, "fastest": fastest, "burst": 1}

    def test_it_says_between_which_rates_it_is(self, zigzag: Any, stack: ControlledStack) -> None:
        stack.send_and_receive(12)

        _, out, _ = zigzag("limit", "--rate", "auto", "--least", "30/min", "--most", "50/s")

        assert out == (
            "In default a task starts each 1 s at first. Refused starts slow that down, to one each 2 s at "
            "most, and others speed it up, to one each 0.02 s. 12 wait.\n"
        )

    def test_limits_shows_the_rate_as_it_is_now(self, zigzag: Any, stack: ControlledStack) -> None:
        numbers = {"every": 371.75899571297157, "slowest": 2000, "fastest": 20, "burst": 1, "refused": 350}
        failing = {"failing": {"SS": ["0a"]}, "begun": {"N": str(NOW)}}
        stack.say(**{name: {"N": str(number)} for name, number in numbers.items()}, **failing)

        shown = json.loads(zigzag("limits", "--json")[1])["default"]

        assert shown["closed"] is None
        assert shown["rate"] == {"every_seconds": 0.37175899571297157, "burst": 1}
        assert shown["auto"] == {"slowest_seconds": 2.0, "fastest_seconds": 0.02}
        assert shown["unavailable_since"] == NOW
        assert "one each 0.372 s, auto" in zigzag("limits")[1]

    def test_it_says_how_long_what_waits_takes(self, zigzag: Any, stack: ControlledStack) -> None:
        stack.send_and_receive(12)

        _, out, _ = zigzag("limit", "--rate", "6/min", "--burst", "2")

        assert out == (
            "In default a task starts each 10 s, and 2 tasks at once after a rest. "
            "12 wait, which takes 0:01:40 (hours:minutes:seconds).\n"
        )

    def test_it_warns_where_sqs_drops_what_waits_for_so_long(
        self, zigzag: Any, stack: ControlledStack
    ) -> None:
        stack.send_and_receive(12)

        _, out, _ = zigzag("limit", "--rate", "0.01/h")

        assert "12 wait, which takes 45 days, 20:00:00: SQS drops what is older than 14 days." in out

    def test_it_answers_with_json(self, zigzag: Any, stack: ControlledStack) -> None:
        stack.send_and_receive(12)

        _, out, _ = zigzag("limit", "--rate", "6/min", "--burst", "2", "--json")

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
        shown = json.loads(zigzag("limits", "--json")[1])["default"]
        assert (shown["rate"], shown["takes_seconds"]) == (rate, 100.0)
        assert "10 s" in zigzag("limits")[1]

    @pytest.mark.parametrize(
        ("most", "words"),
        [("1", "In default one task runs at a time"), ("30", "In default 30 tasks run at a time")],
    )
    def test_the_cap_is_the_gates(self, zigzag: Any, stack: ControlledStack, most: str, words: str) -> None:
        stack.send_and_receive(12)

        code, out, err = zigzag("limit", "--at-once", most)

        assert (code, err) == (0, "")
        assert out == f"{words}, at most. 12 wait.\n"
        assert (stack.gate()["at_once"], stack.gate()["held"]) == ({"N": most}, {"M": {}})

    def test_a_rate_and_a_cap_are_said_together_or_one_after_the_other(
        self, zigzag: Any, stack: ControlledStack
    ) -> None:
        zigzag("limit", "--rate", "5/s")
        zigzag("limit", "--at-once", "2")
        assert {"every", "at_once"} <= stack.gate().keys()

        _, out, _ = zigzag("limit", "--rate", "1/s", "--at-once", "3")

        assert out.startswith("In default 3 tasks run at a time, at most. In default a task starts each 1 s")
        assert (stack.gate()["at_once"], stack.gate()["every"]) == ({"N": "3"}, {"N": "1000.0"})

    def test_limits_shows_how_many_have_a_permit(self, zigzag: Any, stack: ControlledStack) -> None:
        held = {"a": {"N": str(NOW + 9)}, "dead": {"N": str(NOW - 9)}}
        stack.say(at_once={"N": "3"}, held={"M": held})

        shown = json.loads(zigzag("limits", "--json")[1])["default"]

        assert (shown["closed"], shown["at_once"], shown["held"]) == (None, 3, 1)
        assert "1 of 3" in zigzag("limits")[1]

    def test_when_the_breaker_shuts_is_the_gates(self, zigzag: Any, stack: ControlledStack) -> None:
        code, out, _ = zigzag("limit", "--trip", "3", "--longest", "30min")

        assert (code, out) == (0, "default has this rule for what is unavailable. 0 wait.\n")
        assert (stack.gate()["trip"], stack.gate()["longest"]) == ({"N": "3"}, {"N": "1800.0"})
        zigzag("limit", "--none")
        assert {"trip", "longest"} & stack.gate().keys() == set()

    def test_limits_and_status_say_since_when_it_is_shut(self, zigzag: Any, stack: ControlledStack) -> None:
        times = {name: {"N": str(NOW)} for name in ("since", "last")}
        stack.say(trip={"N": "2"}, failing={"SS": ["0a", "0b"]}, **times)

        shown = json.loads(zigzag("limits", "--json")[1])["default"]

        closed = "unavailable"
        assert (shown["closed"], shown["unavailable_since"], shown["failing"]) == (closed, NOW, 2)
        assert "2027-01-15 08:00 UTC" in zigzag("limits")[1]
        assert json.loads(zigzag("status", "--json")[1])["closed"] == closed

    @pytest.mark.parametrize(
        ("quiet_for", "since", "failing"),
        [
            pytest.param(3600, NOW - 7200, 1, id="in the last hour it counts"),
            pytest.param(3601, None, 0, id="before that it does not"),
            pytest.param(9 * DAY, None, 0, id="nor days ago"),
        ],
    )
    def test_of_an_open_queue_limits_says_what_still_counts(
        self, zigzag: Any, stack: ControlledStack, quiet_for: int, since: float | None, failing: int
    ) -> None:
        times = {"since": {"N": str(NOW - 7200)}, "last": {"N": str(NOW - quiet_for)}}
        stack.say(failing={"SS": ["0a"]}, **times)

        shown = json.loads(zigzag("limits", "--json")[1])["default"]

        assert (shown["closed"], shown["unavailable_since"], shown["failing"]) == (None, since, failing)
        table = zigzag("limits")[1]
        assert f"{failing} of the 10 that shut the queue" in table
        assert "UTC" not in table, "it is open, and not since then"

    def test_limits_says_when_the_breaker_shuts(self, zigzag: Any, stack: ControlledStack) -> None:
        zigzag("limit", "--trip", "3", "--longest", "90s")

        shown = json.loads(zigzag("limits", "--json")[1])["default"]

        assert (shown["trip"], shown["longest_seconds"]) == (3, 90.0)
        table = zigzag("limits")[1]
        assert "0 of the 3 that shut the queue" in table
        assert "90s at most" in table

    def test_who_sets_the_same_rate_again_grants_no_start(self, zigzag: Any, stack: ControlledStack) -> None:
        zigzag("limit", "--rate", "1/h")
        stack.say(**{**stack.gate(), "next": {"N": str(NOW + 3000)}})

        zigzag("limit", "--rate", "1/h")
        assert "next" in stack.gate()

        zigzag("limit", "--rate", "2/h")
        assert "next" not in stack.gate()

    def test_a_next_slot_that_is_too_far_away_is_forgotten_by_the_same_rate(
        self, zigzag: Any, stack: ControlledStack
    ) -> None:
        zigzag("limit", "--rate", "1/h")
        stack.say(**{**stack.gate(), "next": {"N": str(NOW + 9000)}})

        zigzag("limit", "--rate", "1/h")

        assert "next" not in stack.gate()

    @pytest.mark.parametrize("columns", [60, 80])
    def test_limits_has_each_value_on_one_line_of_so_many_columns(
        self, zigzag: Any, stack: ControlledStack, monkeypatch: pytest.MonkeyPatch, columns: int
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        zigzag("limit", "--rate", "100/h", "--burst", "10", "--at-once", "30")
        stack.say(**{**stack.gate(), "paused": {"N": str(NOW)}})

        lines = zigzag("limits")[1].splitlines()

        assert max(map(len, lines)) <= columns
        told = [line.strip().split("  ")[-1].strip() for line in lines]
        assert told == [
            "default",
            "paused",
            "2027-01-15 08:00 UTC",
            "one each 36 s, burst 10",
            "0 of 30",
            "0 of the 10 that shut the queue",
            "6h at most",
            "0",
        ]

    def test_none_takes_the_cap_away_and_what_is_held_stays(
        self, zigzag: Any, stack: ControlledStack
    ) -> None:
        zigzag("limit", "--at-once", "3")

        code, out, _ = zigzag("limit", "--none")

        assert (code, out) == (0, "default has no limit any more\n")
        assert set(stack.gate()) == {"key", "rev", "held"}

    def test_none_takes_it_away(self, zigzag: Any, stack: ControlledStack) -> None:
        zigzag("limit", "--rate", "5/s")

        code, out, _ = zigzag("limit", "--none")

        assert (code, out) == (0, "default has no limit any more\n")
        assert set(stack.gate()) == {"key", "rev"}

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--rate", "0/s"), "the rate '0/s' may be auto, or like 5/s, 30/min or 100/h"),
            (("--rate", "5/d"), "the rate '5/d' may be"),
            (("--rate", "1001/s"), "at most 1000/s"),
            (("--rate", "0.001/h"), "at least 1 in 30 days"),
            (("--rate", "5/s", "--burst", "0"), "burst"),
            (("--burst", "3"), "name a --rate, an --at-once, a --trip or a --longest; or else --none"),
            (("--none", "--burst", "3"), "--burst needs a --rate"),
            (("--at-once", "3", "--burst", "3"), "--burst needs a --rate"),
            (
                ("--rate", "5/s", "--none"),
                "name a --rate, an --at-once, a --trip or a --longest; or else --none",
            ),
            (
                ("--at-once", "3", "--none"),
                "name a --rate, an --at-once, a --trip or a --longest; or else --none",
            ),
            ((), "name a --rate, an --at-once, a --trip or a --longest; or else --none"),
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
        ],
        ids=str,
    )
    def test_what_makes_no_sense_is_2_and_nothing_is_written(
        self, zigzag: Any, stack: ControlledStack, arguments: tuple[str, ...], words: str
    ) -> None:
        code, out, err = zigzag("limit", *arguments)

        assert (code, out) == (2, "")
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
    def test_it_says_why_nothing_is_received(self, zigzag: Any, stack: ControlledStack) -> None:
        assert json.loads(zigzag("status", "--json")[1])["closed"] is None

        zigzag("pause")

        assert json.loads(zigzag("status", "--json")[1])["closed"] == "paused"
        assert ["nothing", "is", "received", "paused"] in [
            line.split() for line in zigzag("status")[1].splitlines()
        ]

    def test_where_the_gate_does_not_answer_it_says_that(self, zigzag: Any, stack: ControlledStack) -> None:
        boto3.client("dynamodb").delete_table(TableName=stack.table)

        code, out, _ = zigzag("status", "--json")

        assert code == 0
        assert json.loads(out)["closed"].startswith("the table of records refused: ResourceNotFoundException")


class TestFlowThatIsNotControlled:
    @pytest.mark.parametrize(
        "arguments", [("pause",), ("resume",), ("limits",), ("limit", "--none")], ids=str
    )
    @pytest.mark.parametrize("parameter", ["false", pytest.param(None, id="from before it")])
    def test_every_command_is_refused_with_the_parameters_name(
        self, zigzag: Any, account: None, arguments: tuple[str, ...], parameter: str | None
    ) -> None:
        deployed(queue(), parameter)

        code, out, err = zigzag(*arguments)

        assert (code, out) == (1, "")
        assert "set its parameter FlowControl to true" in err

    def test_an_unknown_queue_is_refused_with_those_there_are(
        self, zigzag: Any, stack: ControlledStack
    ) -> None:
        code, out, err = zigzag("pause", "[/mails]")

        assert (code, out) == (2, "")
        assert "no queue is called '[/mails]'; there is: default" in err
        assert stack.gate() == {}

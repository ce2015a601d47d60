"""`./zigzag` as a person uses it: what it says, on which stream, and with which exit code."""

from __future__ import annotations

import errno
import io
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from tasks import TASKS
from zigzag_operate import Target, gates, target
from zigzag_operate.counts import Counts


class FullDisk(io.StringIO):
    """A standard output that takes nothing any more."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


FIFO = queue(QueueName="tasks.fifo", FifoQueue=True, ContentBasedDeduplication=True)
"""moto makes no name that ends so by itself."""

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
    },
}


def deployed(task_queue: dict[str, Any], flow_control: str | None = None) -> dict[str, str]:
    """Deploys a stack called zigzag. Without `flow_control`, it is one from before that parameter."""
    resources = {"TaskQueue": task_queue, "DeadLetterQueue": queue()}
    names = {"QueueUrl": "TaskQueue", "DeadLetterQueueUrl": "DeadLetterQueue"}
    parameters = {}
    if flow_control is not None:
        resources["RecordsTable"], names["RecordsTableName"] = TABLE, "RecordsTable"
        parameters["FlowControl"] = flow_control
    template = {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": resources,
        "Outputs": {name: {"Value": {"Ref": resource}} for name, resource in names.items()},
    }
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="zigzag",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": one} for name, one in parameters.items()],
    )
    outputs = cloudformation.describe_stacks(StackName="zigzag")["Stacks"][0]["Outputs"]
    return {one["OutputKey"]: one["OutputValue"] for one in outputs}


@pytest.fixture
def queue_url(account: None) -> str:
    """Returns the queue of a stack called zigzag."""
    return deployed(queue())["QueueUrl"]


@pytest.fixture
def fifo_url(account: None) -> str:
    return deployed(FIFO)["QueueUrl"]


class TestWhichStack:
    """Without `--stack`, the one that samconfig.toml names: so a project says its name once."""

    @pytest.fixture
    def project(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        monkeypatch.setattr(target, "PROJECT", tmp_path)
        return tmp_path

    def test_the_one_of_samconfig(self, zigzag: Any, queue_url: str, project: Path) -> None:
        (project / "samconfig.toml").write_text('[default.global.parameters]\nstack_name = "my-queue"\n')

        code, _, err = zigzag("status")

        assert code == 1
        assert "there is no stack 'my-queue'" in err
        assert "sam build && sam deploy" in err

    def test_the_one_of_the_option(self, zigzag: Any, queue_url: str, project: Path) -> None:
        code, _, err = zigzag("status", "--stack", "zigzag")

        assert (code, err) == (0, "")

    @pytest.mark.parametrize("text", [None, "x", "[default.global.parameters]\nregion = 'eu-west-1'\n"])
    def test_none_at_all_is_said_in_a_sentence(
        self, zigzag: Any, account: None, project: Path, text: str | None
    ) -> None:
        if text is not None:
            (project / "samconfig.toml").write_text(text)

        code, out, err = zigzag("status")

        assert (code, out) == (1, "")
        assert "default.global.parameters]" in err
        assert "Traceback" not in err


class TestSend:
    def test_a_good_payload_is_on_the_queue(self, zigzag: Any, queue_url: str) -> None:
        code, out, _ = zigzag("send", "hello", '{"name": "Ann"}', "--id", "greeting-1", "--json")

        (message,) = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
        assert code == 0
        assert json.loads(out) == {"message_id": message["MessageId"], "queue_url": queue_url}
        assert json.loads(message["Body"]) == {
            "task": "hello",
            "payload": {"name": "Ann"},
            "id": "greeting-1",
        }

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("hello", '{"nome": "Ann"}'), "the payload does not fit hello: name: Field required"),
            (("hello", "Ann"), "the payload is not JSON"),
            (("hello", '["Ann"]'), "the payload must be a JSON object"),
            (("helo", "{}"), "no task is called 'helo'; there are: "),
        ],
        ids=["a bad field", "not JSON", "no object", "no such task"],
    )
    def test_a_bad_one_is_refused_with_3_and_nothing_is_sent(
        self, zigzag: Any, queue_url: str, arguments: tuple[str, ...], words: str
    ) -> None:
        code, out, err = zigzag("send", *arguments)

        assert (code, out) == (3, "")
        assert words in err
        assert "Traceback" not in err
        assert "Messages" not in boto3.client("sqs").receive_message(QueueUrl=queue_url)

    @pytest.mark.parametrize("id", ["[/x]", "\\[a]", ":smile:"])
    def test_an_id_is_shown_as_it_is(self, zigzag: Any, queue_url: str, id: str) -> None:
        code, out, err = zigzag("send", "hello", '{"name": "Ann"}', "--id", id)

        assert (code, err) == (0, "")
        assert f"sent hello with the id {id}, in the message" in out

    @pytest.mark.parametrize("as_json", [[], ["--json"]])
    def test_what_was_sent_counts_as_sent_though_the_answer_cannot_be_written(
        self, zigzag: Any, queue_url: str, monkeypatch: pytest.MonkeyPatch, as_json: list[str]
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", FullDisk())
            code, _, err = zigzag("send", "hello", '{"name": "Ann"}', *as_json)

        (message,) = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
        assert code == 0
        assert f"sent hello, in the message {message['MessageId']}" in err
        assert "No space left" in err

    @pytest.mark.parametrize(("arguments", "code"), [(("[/x]",), 2), (("send", "[/x]"), 3)])
    def test_a_wrong_word_is_named_whatever_is_in_it(
        self, zigzag: Any, arguments: tuple[str, ...], code: int
    ) -> None:
        ended, _, err = zigzag(*arguments)

        assert (ended, "[/x]" in err) == (code, True)

    def test_what_the_queue_refuses_is_1_in_aws_words(self, zigzag: Any, queue_url: str) -> None:
        boto3.client("sqs").delete_queue(QueueUrl=queue_url)

        code, _, err = zigzag("send", "hello", '{"name": "Ann"}')

        assert code == 1
        assert "the queue refused the message: AWS.SimpleQueueService.NonExistentQueue" in err

    def test_a_payload_too_large_is_3(self, zigzag: Any, queue_url: str) -> None:
        code, _, err = zigzag("send", "hello", json.dumps({"name": "x" * 1_000_000}))

        assert code == 3
        assert "send what is large to S3" in err


class TestSendToAFifoQueue:
    def test_group_and_deduplication_id_go_with_the_message(self, zigzag: Any, fifo_url: str) -> None:
        code, _, err = zigzag(
            *("send", "hello", '{"name": "Ann"}', "--group", "customer-7", "--deduplication-id", "d-1")
        )

        (message,) = boto3.client("sqs").receive_message(
            QueueUrl=fifo_url, MessageSystemAttributeNames=["All"]
        )["Messages"]
        assert (code, err) == (0, "")
        assert message["Attributes"]["MessageGroupId"] == "customer-7"
        assert message["Attributes"]["MessageDeduplicationId"] == "d-1"

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ((), "the message has no group"),
            (("--group", "g", "--delay", "5"), "takes no delay_seconds"),
            (("--group", "two words"), "group may be 1 to 128"),
        ],
        ids=["no group", "a delay", "a bad group"],
    )
    def test_what_it_does_not_take_is_2_and_nothing_is_sent(
        self, zigzag: Any, fifo_url: str, options: tuple[str, ...], words: str
    ) -> None:
        code, out, err = zigzag("send", "hello", '{"name": "Ann"}', *options)

        assert (code, out) == (2, "")
        assert words in err
        assert "Messages" not in boto3.client("sqs").receive_message(QueueUrl=fifo_url)


class TestStatus:
    def test_it_counts_what_waits_is_in_flight_and_is_dead(self, zigzag: Any, queue_url: str) -> None:
        sqs = boto3.client("sqs")
        for _ in range(3):
            sqs.send_message(QueueUrl=queue_url, MessageBody="{}")
        sqs.receive_message(QueueUrl=queue_url)
        (dead,) = [url for url in sqs.list_queues()["QueueUrls"] if url != queue_url]
        sqs.send_message(QueueUrl=dead, MessageBody="{}")

        code, out, _ = zigzag("status", "--json")

        assert code == 0
        assert json.loads(out) == {
            "waiting": 2,
            "in_flight": 1,
            "delayed": 0,
            "oldest_seconds": None,
            "dead_letters": 1,
            "closed": None,
        }


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

        def seen(target: Target) -> Counts:
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
        no_cap = {"at_once": None, "held": 0, "unavailable_since": None, "failing": 0}
        assert json.loads(out) == {"default": {**told, **no_cap, "takes_seconds": None}}
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
            (("--rate", "0/s"), "the rate '0/s' may be like 5/s, 30/min or 100/h"),
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
            (("--longest", "25h"), "at most 24h"),
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

    @pytest.mark.parametrize("arguments", [("--rate", "5/s"), ("--at-once", "1")], ids=str)
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


class TestTasks:
    def test_it_lists_name_payload_and_policy(self, zigzag: Any) -> None:
        _, out, _ = zigzag("tasks", "--json")

        hello = next(one for one in json.loads(out) if one["name"] == "hello")
        assert hello == {
            "name": "hello",
            "summary": "Greets somebody by name",
            "payload": {"name": "string"},
            "attempts": 5,
            "idempotent": False,
            "backoff": {"first": 30, "longest": 3600},
        }

    def test_a_task_that_cannot_be_imported_is_shown_and_hides_no_other(
        self, zigzag: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(TASKS, "broken", "tasks.not_there")

        code, out, err = zigzag("tasks", "--json")

        listed = {one["name"]: one for one in json.loads(out)}
        assert code == 3
        assert "broken: tasks.not_there can't be imported" in err
        assert "payload" in listed["hello"]


def test_without_a_local_aws_it_says_how_to_start_one(
    zigzag: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("zigzag_operate.target.PROJECT", tmp_path)

    code, _, err = zigzag("status", "--local")

    assert (code, err) == (1, "zigzag: no local AWS is running: start one with `make up`\n")

"""`./zigzag erase` on an account of moto's: what is meant goes from each store, and nothing else does."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from tests.operators import Killed
from tests.stacks import deployed, no_poll_waits, queue

from shared.ports.records import record_key
from zigzag import aws, task
from zigzag.extra.pointers import size_attribute, written
from zigzag_operate import target

AT = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
ROLE, LETTERS = "arn:aws:iam::123456789012:role/sender", "arn:aws:sqs:eu-west-1:123456789012:dead-letters"
STORES = ("waiting messages", "dead letters", "scheduled messages", "records", "large payloads")
BUCKET, LARGE = "large", "payloads/random"
CHANGES = ("DeleteItem", "DeleteMessageBatch", "DeleteSchedule", "DeleteObject")


@task
def hello(payload: dict[str, Any]) -> None: ...


class Stack:
    """A stack with the data of `ann` and of `bob` in each store: each one's id is the name."""

    def __init__(self) -> None:
        self.sqs, self.s3 = boto3.client("sqs"), boto3.client("s3")
        self.table, self.scheduler = boto3.client("dynamodb"), boto3.client("scheduler")
        self.scheduler.create_schedule_group(Name="later")
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.outputs = deployed(
            queue(),
            "true",
            Scheduler=f"later {ROLE} {LETTERS}",
            LargeBucketName=BUCKET,
            WorkerLogGroupName="logs",
        )

    def fill(self, who: str) -> None:
        body = json.dumps({"task": "hello", "id": who, "payload": {"person": {"name": who}}})
        self.send("QueueUrl", body)
        self.send("DeadLetterQueueUrl", body.replace("hello", "a task that is no more"))
        self.s3.put_object(Bucket=BUCKET, Key=f"{LARGE}-{who}", Body=body.encode())
        self.s3.put_object(Bucket=BUCKET, Key=f"{LARGE}-{who}-done", Body=body.encode())
        self.send("DeadLetterQueueUrl", written(BUCKET, f"{LARGE}-{who}"), size_attribute(len(body)))
        key: dict[str, Any] = {"key": {"S": record_key("run", "hello", who)}, "done": {"BOOL": True}}
        self.table.put_item(TableName=self.outputs["RecordsTableName"], Item=key)
        hello.send({"person": {"name": who}}, id=who, at=AT)

    def send(self, queue: str, body: str, attributes: Any = None) -> None:
        self.sqs.send_message(
            QueueUrl=self.outputs[queue], MessageBody=body, MessageAttributes=attributes or {}
        )

    def held_of(self, who: str) -> dict[str, int]:
        """Counts what each store has of that person."""
        counts = {
            store: sum(who in text for text in self._messages(name))
            for store, name in zip(STORES, ("QueueUrl", "DeadLetterQueueUrl"), strict=False)
        }
        names = [one["Name"] for one in self.scheduler.list_schedules(GroupName="later")["Schedules"]]
        schedules = [self.scheduler.get_schedule(GroupName="later", Name=one)["Target"] for one in names]
        items = self.table.scan(TableName=self.outputs["RecordsTableName"])["Items"]
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        rest = ([one["Input"] for one in schedules], [one["key"]["S"] for one in items], keys)
        return counts | {
            store: sum(who in text for text in texts) for store, texts in zip(STORES[2:], rest, strict=True)
        }

    def _messages(self, queue: str) -> Iterator[str]:
        found = self.sqs.receive_message(
            QueueUrl=self.outputs[queue], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return (one["Body"] for one in found.get("Messages", []))


@pytest.fixture
def stack(account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    no_poll_waits(monkeypatch)
    found = Stack()
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", found.outputs["QueueUrl"])
    monkeypatch.setenv("ZIGZAG_SCHEDULER", found.outputs["Scheduler"])
    aws.forget()
    for who in ("ann", "bob"):
        found.fill(who)
    yield found
    aws.forget()


ALL = dict(zip(STORES, (1, 2, 1, 1, 2), strict=True))
NONE = dict.fromkeys(STORES, 0)


def test_a_dry_run_counts_each_store_and_changes_nothing(zigzag: Any, stack: Stack) -> None:
    before = stack.held_of("ann")

    code, out, _ = zigzag("erase", "--id", "ann", "--dry-run")

    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()[1:6]] == [str(ALL[one]) for one in STORES]
    assert out.startswith("would erase; nothing was changed\n")
    assert "  logs" in out
    assert stack.held_of("ann") == before == ALL


@pytest.mark.parametrize(("typed", "code"), [("7\n", 0), ("yes\n", 2)])
def test_the_question_names_the_stack_and_its_account(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})(typed))

    ended, _, err = zigzag("erase", "--id", "ann")

    assert "zigzag in eu-west-1, account 123456789012:\nerase these 7 for good? Type 7: " in err
    assert (ended, stack.held_of("ann")) == (code, ALL if code else NONE)


@pytest.mark.parametrize("arguments", [["--id", "ann"], ["--where", "person.name=ann"]], ids=" ".join)
def test_what_is_meant_goes_from_each_store_and_nothing_else(
    zigzag: Any, stack: Stack, arguments: list[str]
) -> None:
    code, out, _ = zigzag("erase", *arguments, "--yes", "--json")

    assert (code, json.loads(out)["found"]) == (0, ALL)
    assert stack.held_of("ann") == NONE
    assert stack.held_of("bob") == ALL


@pytest.mark.parametrize("killed_at", range(6))
def test_after_a_kill_at_any_change_the_same_command_erases_the_rest(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    # Given a process that ends right after that change
    changes, made = itertools.count(), target.Target.client

    def client(self: target.Target, service: str, *patience: Any) -> Any:
        found = made(self, service, *patience)
        found.meta.events.register("after-call", kill)
        return found

    def kill(model: Any, **_: Any) -> None:
        if model.name in CHANGES and next(changes) == killed_at:
            raise Killed

    monkeypatch.setattr(target.Target, "client", client)
    with pytest.raises(Killed):
        zigzag("erase", "--where", "person.name=ann", "--yes")

    # When it is called again
    code, _, _ = zigzag("erase", "--where", "person.name=ann", "--yes")

    assert code == 0
    assert stack.held_of("ann") == NONE
    assert stack.held_of("bob") == ALL


def test_a_message_in_flight_is_told_and_is_5(zigzag: Any, stack: Stack) -> None:
    stack.sqs.receive_message(QueueUrl=stack.outputs["QueueUrl"], VisibilityTimeout=600)

    code, out, _ = zigzag("erase", "--id", "ann", "--yes")

    assert code == 5
    assert "1 not seen: in flight, delayed, or behind others of a FIFO group." in out


@pytest.mark.parametrize("arguments", [["--id", "ann"], ["--where", "person.name=ann"]], ids=" ".join)
def test_a_record_that_a_worker_has_now_stays_with_its_messages_until_it_can_go(
    zigzag: Any, stack: Stack, arguments: list[str]
) -> None:
    key = {"key": {"S": record_key("run", "hello", "ann")}}
    owned = {"owner": {"S": "a worker"}, "until": {"N": "4000000000"}}
    stack.table.put_item(TableName=stack.outputs["RecordsTableName"], Item=key | owned)

    code, out, _ = zigzag("erase", *arguments, "--yes")

    stay = {"records": 1, "waiting messages": 1, "dead letters": 1, "large payloads": 1}
    assert (code, stack.held_of("ann")) == (5, NONE | stay)
    assert "1 not deleted: a worker has it now." in out
    done: dict[str, Any] = {"done": {"BOOL": True}}
    stack.table.put_item(TableName=stack.outputs["RecordsTableName"], Item=key | done)
    assert zigzag("erase", *arguments, "--yes")[0] == 0
    assert stack.held_of("ann") == NONE


def test_the_record_of_a_redrive_goes_before_its_message(zigzag: Any, stack: Stack) -> None:
    for name, token in (("token", "a" * 64), ("from", "f" * 64)):
        key = record_key("redrive", token)
        item = {"key": {"S": key}, "concluded": {"S": "ValueError: ann is unknown"}}
        stack.table.put_item(TableName=stack.outputs["RecordsTableName"], Item=item)
        note = {"DataType": "String", "StringValue": json.dumps({name: token})}
        body = json.dumps({"task": "hello", "id": "x", "payload": {"person": {"name": "ann"}}})
        stack.send("DeadLetterQueueUrl", body, {"zigzag": note})

    code, _, _ = zigzag("erase", "--where", "person.name=ann", "--yes")

    items = stack.table.scan(TableName=stack.outputs["RecordsTableName"])["Items"]
    assert (code, [one["key"]["S"] for one in items]) == (0, [record_key("run", "hello", "bob")])


def when(monkeypatch: pytest.MonkeyPatch, operation: str, do: Callable[[], object]) -> None:
    """Has something happen once, right before the first call of an operation."""
    made, left = target.Target.client, [do]

    def happens(model: Any, **_: Any) -> None:
        if model.name == operation and left:
            left.pop()()

    def client(self: target.Target, service: str, *patience: Any) -> Any:
        found = made(self, service, *patience)
        found.meta.events.register("before-call", happens)
        return found

    monkeypatch.setattr(target.Target, "client", client)


def test_a_message_in_flight_is_told_although_others_arrive(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.sqs.receive_message(QueueUrl=stack.outputs["QueueUrl"], VisibilityTimeout=600)
    body = json.dumps({"task": "hello", "id": "carl", "payload": {}})
    when(monkeypatch, "ReceiveMessage", lambda: [stack.send("QueueUrl", body) for _ in range(3)])

    code, out, _ = zigzag("erase", "--where", "person.name=ann", "--yes")

    assert stack.held_of("ann")["dead letters"] == 0
    assert code == 5
    assert "1 not seen: in flight, delayed, or behind others of a FIFO group." in out


def test_a_schedule_that_fires_meanwhile_is_seen_as_a_schedule_or_as_a_message(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fire() -> None:
        for one in stack.scheduler.list_schedules(GroupName="later")["Schedules"]:
            found = stack.scheduler.get_schedule(GroupName="later", Name=one["Name"])
            stack.send("QueueUrl", found["Target"]["Input"])
            stack.scheduler.delete_schedule(GroupName="later", Name=one["Name"])

    when(monkeypatch, "ListSchedules", fire)

    code, _, _ = zigzag("erase", "--where", "person.name=ann", "--yes")

    assert (code, stack.held_of("ann")) == (0, NONE)


BODY = '{"task": "hello", "id": "x", "payload": {"person": {"name": "ann"}, "more": %s}}'
UNREAD = {
    "no JSON": BODY % "1, }",
    "too deep": BODY % ("[" * 3_000 + "]" * 3_000),
    "too many digits": BODY % ("9" * 5_000),
}


@pytest.mark.parametrize("body", UNREAD.values(), ids=UNREAD.keys())
def test_a_body_that_cant_be_read_and_names_who_is_meant_is_told_and_is_5(
    zigzag: Any, stack: Stack, body: str
) -> None:
    stack.send("DeadLetterQueueUrl", body)
    stack.send("DeadLetterQueueUrl", body.replace("ann", "bob"))

    code, out, _ = zigzag("erase", "--where", "person.name=ann", "--yes")

    assert (code, stack.held_of("ann")) == (5, NONE | {"dead letters": 1})
    assert "1 not read: no JSON object, or too deep, with the value in it" in out
    assert "finds what is left" not in out


def test_a_queue_that_a_look_could_harm_is_not_looked_at(zigzag: Any, stack: Stack) -> None:
    policy = json.dumps({"deadLetterTargetArn": LETTERS, "maxReceiveCount": 5})
    stack.sqs.create_queue(QueueName="dead-letters")
    stack.sqs.set_queue_attributes(QueueUrl=stack.outputs["QueueUrl"], Attributes={"RedrivePolicy": policy})

    stack.sqs.receive_message(QueueUrl=stack.outputs["QueueUrl"], VisibilityTimeout=600)
    stack.sqs.receive_message(QueueUrl=stack.outputs["QueueUrl"], VisibilityTimeout=600)

    code, out, _ = zigzag("erase", "--id", "ann", "--yes")

    assert code == 5
    assert "2 of a queue that is not looked at" in out
    assert "its maxReceiveCount is too small" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--id", "ann"], "nobody can be asked here: add --yes to erase without a question"),
        (["--yes"], "say whose data is meant: an id, or a value of the payload"),
        (["--task", "hello", "--yes"], "say whose data is meant: an id, or a value of the payload"),
        (["--where", "ann", "--yes"], "--where is 'ann': write field=value, such as customer.id=7"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_2_and_changes_nothing(
    zigzag: Any, stack: Stack, arguments: list[str], said: str
) -> None:
    code, out, err = zigzag("erase", *arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert stack.held_of("ann") == ALL

"""`./zigzag dead-letters redrive` and `drop`, on an account of moto's: in 80 columns, and as JSON."""

from __future__ import annotations

import io
import json
import os
import signal
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends
from tests.stacks import before_each_call, deployed, no_poll_waits, queue, refused_without

from shared.dead_letter import note_of, original_attributes
from shared.delivery import Delivery
from shared.lease import RECORD_SECONDS
from shared.ports.records import record_key
from zigzag.extra.pointers import size_attribute, written
from zigzag_cli.edit import _readable
from zigzag_operate import find

BUCKET = "payloads"
BY = "arn:aws:sts::123456789012:user/moto"


class Stack:
    """A stack with letters."""

    def __init__(self) -> None:
        self.sqs = boto3.client("sqs")
        self.of_servers = str(self.sqs.create_queue(QueueName="render")["QueueUrl"])
        more = {"LargeBucketName": BUCKET, "ServerQueueUrl": self.of_servers}
        self.outputs = deployed(queue(), "false", {"default": 1, "orders": 1}, **more)
        self.default, self.letters = self.outputs["QueueUrl"], self.outputs["DeadLetterQueueUrl"]
        self.orders = self.outputs["Queues"].split("orders:1=")[1].split()[0]

    def put(self, reason: str = "no", source: str = "", body: str = "{}", **more: Any) -> str:
        """Puts a letter into the dead-letter queue. Returns its id."""
        said = {"reason": reason, "task": "pay", "message_id": "the first", "from": "m-1"}
        note = json.dumps(said | {"source": source or self.orders, **more.pop("note", {})})
        attributes = {"zigzag": {"DataType": "String", "StringValue": note}, **more}
        answer = self.sqs.send_message(
            QueueUrl=self.letters, MessageBody=body, MessageAttributes=attributes if reason else more
        )
        return str(answer["MessageId"])

    def on(self, url: str) -> list[Delivery]:
        """Returns what is on a queue, and hides it."""
        found: list[Delivery] = []
        while some := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            found += [Delivery(message, url) for message in some]
        return found


@pytest.fixture
def zigzag(zigzag: Any) -> Callable[..., tuple[int, str, str]]:
    """Runs the command, as the fixture of that name, on a machine that is fast enough."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code, out, err = zigzag(*arguments)
        return code, out, err.replace("zigzag: waiting for AWS …\n", "")

    return run


@pytest.fixture
def stack(account: None, monkeypatch: pytest.MonkeyPatch) -> Stack:
    no_poll_waits(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    return Stack()


def test_what_is_redriven_is_as_it_was_and_has_a_token(zigzag: Any, stack: Stack) -> None:
    ten = {f"a{number}": {"DataType": "String", "StringValue": str(number)} for number in range(10)}
    nine, displaced = dict(list(ten.items())[:9]), {"displaced": {"a9": ten["a9"]}, "attempts": 0}
    stack.put(body="not JSON: é", **nine, note=displaced)
    stack.put("other")

    code, out, _ = zigzag("dead-letters", "redrive", "--reason", "no", "--rate", "100/s")

    assert (code, out.partition(" in ")[0]) == (0, "redrove 1 dead letter (reason no)")
    (sent,) = stack.on(stack.orders)
    assert (sent.body, original_attributes(sent)) == ("not JSON: é", ten)
    token = sha256(b"m-1").hexdigest()
    kept = {"message_id": "the first", "attempts": 0, "token": token, "displaced": displaced["displaced"]}
    assert note_of(sent) == {**kept, "by": BY}
    assert len(stack.on(stack.letters)) == 1


@pytest.mark.parametrize("others", [{}, {"ERROR_CODE": {"DataType": "String", "StringValue": "X"}}])
def test_a_letter_of_another_program_goes_where_it_is_told(
    zigzag: Any, stack: Stack, others: dict[str, Any]
) -> None:
    letter = stack.put("", body="from elsewhere", **others)

    code, out, err = zigzag("dead-letters", "redrive", "--all")
    then, _, _ = zigzag("dead-letters", "redrive", "--all", "--queue", "orders")

    stays = "of no queue of this stack: say with --queue to which one they go"
    assert (code, err) == (1, "zigzag: 1 dead letter that is meant stays\n")
    assert f"1 dead letter stays: {stays}" in " ".join(out.split())
    (sent,) = stack.on(stack.orders)
    assert (then, sent.body, original_attributes(sent)) == (0, "from elsewhere", others)
    assert note_of(sent) == {"message_id": letter, "token": sha256(letter.encode()).hexdigest(), "by": BY}


def test_letters_of_servers_go_back_to_their_queue_which_is_an_output(zigzag: Any, stack: Stack) -> None:
    stack.put(source=stack.of_servers)
    stack.put(source=stack.orders)

    assert zigzag("dead-letters", "redrive", "--all")[0] == 0
    assert [len(stack.on(url)) for url in (stack.of_servers, stack.orders, stack.default)] == [1, 1, 0]


@pytest.mark.parametrize("source", ["https://sqs.eu-west-1.amazonaws.com/999/stolen", "letters"])
def test_a_note_sends_to_no_queue_of_another_stack_and_to_no_dead_letter_queue(
    zigzag: Any, stack: Stack, source: str
) -> None:
    stack.put(source=stack.letters if source == "letters" else source)

    assert zigzag("dead-letters", "redrive", "--all")[0] == 1
    (letter,) = stack.on(stack.letters)
    assert "token" not in note_of(letter), "it was not sent"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["redrive"], 2, "no filter is there: name a group or another filter, or take --all"),
        (["drop", "--all", "--task", "pay"], 2, "--all and a filter are both there: name a group"),
        (["redrive", "--all", "--rate", "0/s"], 2, "the rate '0/s' may be like 5/s, 30/min or 100/h"),
        (["redrive", "--task", "nobody's"], 2, "no dead letter matches: 1 were seen"),
        (["drop", "--task", "nobody's", "--yes"], 2, "no dead letter matches: 1 were seen"),
        (
            ["redrive", "--all", "--queue", "x"],
            2,
            "no queue is called 'x'; there is: default, orders, ServerQueueUrl",
        ),
        (["drop", "--all"], 2, "nobody can be asked here: add --yes to drop without a question"),
        (["drop", "--all", "--yes", "--save", "/nowhere/x"], 1, "the letters can't be saved: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_not_be_done_is_a_sentence_and_changes_nothing(
    zigzag: Any, stack: Stack, arguments: list[str], code: int, said: str
) -> None:
    stack.put()

    found, _, err = zigzag("dead-letters", *arguments)

    assert (found, err.count("\n")) == (code, 1)
    assert said in err
    assert len(stack.on(stack.letters)) == 1, "and it is given back"


def test_a_dry_run_tells_and_changes_nothing(zigzag: Any, stack: Stack) -> None:
    for number in range(12):
        stack.put("rejected: 404" if number else "other")
    stack.put("rejected: 500", source="https://sqs.eu-west-1.amazonaws.com/1/taken-out")

    redrive = zigzag("dead-letters", "redrive", "--reason", "rejected", "--rate", "2/min", "--dry-run")
    drop = zigzag("dead-letters", "drop", "--reason", "rejected", "--dry-run", "--json")

    assert redrive[0] == drop[0] == 0
    assert redrive[1] == (
        "would redrive 12 of 13 dead letters (reason rejected); nothing was changed. At\n"
        "--rate 2/min that takes 6 min.\n"
        "1 dead letter would stay: of no queue of this stack: say with --queue to which\n"
        "one they go\n"
    )
    assert (json.loads(drop[1])["matched"], len(stack.on(stack.letters))) == (12, 13)


class TestALargePayload:
    """It is in S3, which deletes it some time after it was written."""

    @pytest.fixture(autouse=True)
    def _bucket(self, account: None) -> None:
        where = {"LocationConstraint": "eu-west-1"}
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)

    def test_its_age_begins_anew(self, zigzag: Any, stack: Stack) -> None:
        s3 = boto3.client("s3")
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"{}", ContentType="application/json")
        stack.put(body=written(BUCKET, "k"), **size_attribute(2))
        written_at = s3_backends["123456789012"]["aws"].buckets[BUCKET].keys["k"].last_modified

        assert zigzag("dead-letters", "redrive", "--all")[0] == 0

        assert s3_backends["123456789012"]["aws"].buckets[BUCKET].keys["k"].last_modified > written_at
        assert s3.get_object(Bucket=BUCKET, Key="k")["ContentType"] == "application/json"
        assert original_attributes(stack.on(stack.orders)[0]) == size_attribute(2)

    @pytest.mark.parametrize(
        ("bucket", "why"),
        [
            (BUCKET, "the payload is gone from the bucket"),
            ("other", "the payload is in another bucket than the stack's"),
        ],
    )
    def test_one_that_can_not_be_read_stays(self, zigzag: Any, stack: Stack, bucket: str, why: str) -> None:
        stack.put(body=written(bucket, "k"))

        code, out, _ = zigzag("dead-letters", "redrive", "--all", "--json")

        assert (code, json.loads(out)["left"], len(stack.on(stack.letters))) == (1, {why: 1}, 1)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("ReceiveMessage", "the messages can't be read: the AWS credentials do not allow ReceiveMessage"),
        ("SendMessageBatch", "the queue takes nothing: AccessDenied: not you: it did not go on"),
        (
            "DeleteMessageBatch",
            "the letters can't be deleted: the AWS credentials do not allow DeleteMessageBatch",
        ),
    ],
)
def test_without_a_permission_it_stops_and_says_so(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch, operation: str, said: str
) -> None:
    for _ in range(25):
        stack.put()
    refused_without(monkeypatch, operation)

    code, _, err = zigzag("dead-letters", "redrive", "--all")

    assert (code, err.count("\n")) == (1, 1)
    assert said in err


def test_an_interrupt_finishes_the_batch_and_the_same_command_goes_on(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(25):
        stack.put()
    sends = iter([True])

    def interrupt(_: Any, operation: str, __: Any) -> None:
        if operation == "SendMessageBatch" and next(sends, False):
            os.kill(os.getpid(), signal.SIGINT)

    before_each_call(monkeypatch, interrupt)

    code, out, err = zigzag("dead-letters", "redrive", "--all")
    again, then, _ = zigzag("dead-letters", "redrive", "--all")

    assert (code, err) == (
        1,
        "zigzag: finishing the batch …\nzigzag: interrupted: it did not go on; the same command does\n",
    )
    assert out.startswith("redrove 10 dead letters in ")
    assert (again, then.partition(" in ")[0]) == (0, "redrove 15 dead letters")
    assert (len(stack.on(stack.orders)), stack.on(stack.letters)) == (25, [])


@pytest.mark.parametrize("command", ["redrive --all", "drop --all --yes"])
def test_letters_that_others_hold_are_unknown(zigzag: Any, stack: Stack, command: str) -> None:
    for _ in range(3):
        stack.put()
    boto3.client("sqs").receive_message(QueueUrl=stack.letters, MaxNumberOfMessages=1, VisibilityTimeout=600)

    code, out, err = zigzag("dead-letters", *command.split())

    assert (code, err, "2 dead letters in" in out) == (5, "", True)
    assert "saw 2 of about 3: 1 is hidden, by a look or redrive under way" in out


@pytest.mark.parametrize(
    ("url", "at"),
    [
        ("https://sqs.eu-west-1.amazonaws.com", ""),
        ("http://127.0.0.1:4566", ", at http://127.0.0.1:4566"),
        ("https://amazonaws.com.test", ", at https://amazonaws.com.test"),
    ],
)
def test_a_question_names_an_endpoint_that_is_not_amazons(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, url: str, at: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url)

    assert find("zigzag").where() == f"zigzag in eu-west-1, account 123456789012{at}"


@pytest.mark.parametrize(("typed", "left"), [("2\n", 1), ("yes\n", 3), ("", 3)])
def test_what_is_dropped_was_counted_and_saved(
    zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, left: int
) -> None:
    body = stack.put(body='{"n": 1}')
    stack.put()
    stack.put("other")
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})(typed))

    code, out, err = zigzag("dead-letters", "drop", "--reason", "no", "--save", str(tmp_path / "saved"))

    assert err.startswith(
        "zigzag in eu-west-1, account 123456789012:\ndrop 2 dead letters (reason no) for good? Type 2: "
    )
    assert len(stack.on(stack.letters)) == left
    if left == 1:
        assert (code, out.partition(" in ")[0]) == (0, "dropped 2 dead letters (reason no)")
        saved = [json.loads(line) for line in (tmp_path / "saved").read_text().splitlines()]
        assert {(one["MessageId"], one["Body"]) for one in saved} >= {(body, '{"n": 1}')}
        assert {one["By"] for one in saved} == {BY}
    else:
        assert (code, out) == (2, "")


class TestEdit:
    """One letter, whose body a person changes in an editor."""

    BODY = '{"task": "hello", "payload": {"name": "old"}}'

    @pytest.fixture(autouse=True)
    def _editor(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", "sed -i s/old/new/")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    @pytest.mark.parametrize("before", ["", "kill -INT $PPID; sleep 0.1; "], ids=["", "^C in the editor"])
    def test_it_is_sent_with_the_token_of_the_old_body(
        self, zigzag: Any, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
    ) -> None:
        monkeypatch.setenv("EDITOR", f"sh -c '{before}sed -i s/old/new/ $0'")
        stack.put(body=self.BODY)

        code, _, _ = zigzag("dead-letters", "edit", "--id", "the first", "--json")

        (sent,) = stack.on(stack.orders)
        assert (code, json.loads(sent.body)["payload"]) == (0, {"name": "new"})
        assert note_of(sent)["token"] == sha256(b"m-1").hexdigest()
        assert (stack.on(stack.letters), [*tmp_path.iterdir()]) == ([], [])

    def test_what_is_left_alone_stays_as_it_was_written(self, zigzag: Any, stack: Stack) -> None:
        body = '{"task": "hello", "payload": {"name": "old", "n": [10.00, 1E2], "n": []}, "x": "\\ud83d"}'
        stack.put(body=body)

        assert zigzag("dead-letters", "edit", "--id", "the first")[0] == 0

        (sent,) = stack.on(stack.orders)
        assert "".join(sent.body.split()) == "".join(body.replace("old", "new").split())

    def test_a_body_is_shown_as_json_is_indented(self) -> None:
        value = {"a": [{}, [], [[1, None]], {"é": 'a"b\\, {\n'}], "": -1.5e-7}

        assert _readable(json.dumps(value)) == json.dumps(value, indent=2, ensure_ascii=False)

    @pytest.mark.parametrize(
        ("editor", "code", "said"),
        [
            ("", 2, "no editor is set: export EDITOR, for example as nano"),
            ("false", 1, "the editor 'false' failed, so nothing was sent"),
            ("/no/editor", 1, "the editor '/no/editor' failed, so nothing was sent"),
            ("sh -c 'sleep 1.1'", 2, "the body is as it was, so nothing was sent: redrive the letter"),
            ("true", 2, "the editor 'true' came back at once, and nothing was changed or sent: if it"),
            ("sed -i s/name/nam/", 3, "Nothing was sent. Your text is in /"),
            ("sed -i s/hello/no_task/", 3, "no task is called 'no_task'"),
            ("sed -i s/{/[/", 3, "the body is not JSON"),
            ("sed -i s/task/follow_ups/", 3, "the body names no task. Nothing was sent"),
        ],
    )
    def test_what_can_not_be_sent_is_a_sentence_and_the_letter_stays(
        self, zigzag: Any, stack: Stack, monkeypatch: Any, editor: str, code: int, said: str
    ) -> None:
        stack.put(body=self.BODY)
        monkeypatch.setenv("EDITOR", editor)

        found, _, err = zigzag("dead-letters", "edit", "--reason", "no")

        assert (found, err.count("\n")) == (code, 1)
        assert said in err
        assert ([one.body for one in stack.on(stack.letters)], stack.on(stack.orders)) == ([self.BODY], [])

    @pytest.mark.parametrize(
        ("letters", "record", "said"),
        [
            ((BODY, BODY), None, "more than one dead letter matches: name one by its --id"),
            ((written(BUCKET, "k"),), None, "its payload is in S3: replace the object there"),
            (('{"done": "hello", "follow_ups": []}',), None, "its task is done, and it holds what follows"),
            ((BODY,), {}, "the letter was redriven, and its task has begun again: 2027-01-15 08:00:00 UTC"),
            ((BODY,), {"done": {"BOOL": True}}, "and its task is done: 2027-01-15 08:00:00 UTC"),
        ],
    )
    def test_what_may_not_be_edited_is_not_opened(
        self, zigzag: Any, stack: Stack, letters: tuple[str, ...], record: Any, said: str
    ) -> None:
        for body in letters:
            stack.put(body=body)
        if record is not None:
            key = record_key("redrive", sha256(b"m-1").hexdigest())
            expires = {"N": str(1_800_000_000 + RECORD_SECONDS)}
            table = stack.outputs["RecordsTableName"]
            item = {"key": {"S": key}, "expires": expires, **record}
            boto3.client("dynamodb").put_item(TableName=table, Item=item)

        code, _, err = zigzag("dead-letters", "edit", "--reason", "no")

        assert code == 2
        assert said in err
        assert len(stack.on(stack.letters)) == len(letters)

    def test_an_old_letter_that_stays_is_told(
        self, zigzag: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack.put(body=self.BODY)
        refused_without(monkeypatch, "DeleteMessageBatch")

        code, _, err = zigzag("dead-letters", "edit", "--reason", "no")

        assert (code, len(stack.on(stack.orders))) == (1, 1)
        assert "but the old letter is still there: drop it. Redriven, one of both runs." in err

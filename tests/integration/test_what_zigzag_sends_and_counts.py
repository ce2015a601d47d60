"""`./zigzag send`, `status` and `tasks`, and the stack that they find."""

from __future__ import annotations

import errno
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.stacks import FIFO, deployed, queue

from tasks import TASKS
from zigzag_cli.options import of_this_stack
from zigzag_operate import target


class FullDisk(io.StringIO):
    """A standard output that takes nothing any more."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


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

    def test_the_one_to_which_sam_deploys(
        self, zigzag: Any, queue_url: str, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of_all = '[default.global.parameters]\nstack_name = "zigzag"\nregion = "eu-central-1"\n'
        (project / "samconfig.toml").write_text(
            f'{of_all}[default.deploy.parameters]\nstack_name = "my-queue"\n'
        )

        assert "no stack 'my-queue' in eu-central-1" in zigzag("status")[2]
        typed = "aws events list-rules", "./zigzag logs"
        assert [*map(of_this_stack, typed)] == [f"{typed[0]} --region eu-central-1", typed[1]]
        assert "no stack 'my-queue' in us-east-2" in zigzag("status", "--region", "us-east-2")[2]
        # Another AWS than Amazon's, such as a local one, has its own region
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://cloudformation.eu-west-1.amazonaws.com")
        assert "no stack 'my-queue' in eu-west-1" in zigzag("status")[2]

    def test_the_one_of_the_option(self, zigzag: Any, queue_url: str, project: Path) -> None:
        code, _, err = zigzag("status", "--stack", "zigzag")

        assert (code, err) == (0, "")

    def test_the_one_of_the_options_whatever_samconfig_says(
        self, zigzag: Any, queue_url: str, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (project / "samconfig.toml").write_text("x")
        (project / "config").write_text("[profile p]\naws_access_key_id = a\naws_secret_access_key = b\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "config"))

        code, _, err = zigzag("status", "--stack", "zigzag", "--region", "eu-west-1", "--profile", "p")

        assert (code, err) == (0, "")
        assert of_this_stack("aws events list-rules").endswith("--profile p --region eu-west-1")

    @pytest.mark.parametrize("text", [None, "x", "[default.global.parameters]\nregion = 'eu-west-1'\n"])
    def test_none_at_all_is_said_in_a_sentence(
        self, zigzag: Any, account: None, project: Path, text: str | None
    ) -> None:
        if text is not None:
            (project / "samconfig.toml").write_text(text)

        code, out, err = zigzag("status")

        assert (code, out) == (1, "")
        assert "samconfig.toml" in err
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

    def test_a_reply_and_an_end_can_be_asked_for(self, zigzag: Any, queue_url: str) -> None:
        options = ("--reply-to", "answers", "--correlation-id", "a-1", "--expires-at", "2099-01-02T03:04:05Z")
        code, _, _ = zigzag("send", "hello", '{"name": "Ann"}', *options)

        (message,) = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
        assert code == 0
        assert json.loads(message["Body"]) == {
            "task": "hello",
            "payload": {"name": "Ann"},
            "reply_to": "answers",
            "correlation_id": "a-1",
            "expires_at": datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp(),
        }

    @pytest.mark.parametrize(
        ("reply_to", "told", "code"),
        [
            ("arn:aws:sqs:eu-west-1:123456789012:answers", "and names answers", 2),
            ("", "and names none", 2),
            ("arn:aws:sqs:eu-west-1:123456789012:answer", "", 0),
        ],
    )
    def test_a_reply_that_the_stack_may_not_send_is_refused(
        self, zigzag: Any, account: None, reply_to: str, told: str, code: int
    ) -> None:
        url = deployed(queue(), reply_to=reply_to)["QueueUrl"]

        said = zigzag("send", "hello", '{"name": "Ann"}', "--reply-to", "answer")

        assert said[0] == code
        assert ("Messages" in boto3.client("sqs").receive_message(QueueUrl=url)) == (code == 0)
        assert told in said[2]

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
    def test_a_message_counts_as_sent_though_the_answer_cannot_be_written(
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

    def test_a_refusal_of_the_queue_is_1_in_aws_words(self, zigzag: Any, queue_url: str) -> None:
        boto3.client("sqs").delete_queue(QueueUrl=queue_url)

        code, _, err = zigzag("send", "hello", '{"name": "Ann"}')

        assert code == 1
        assert "the queue refused the message: AWS.SimpleQueueService.NonExistentQueue" in err

    def test_a_payload_too_large_is_3(self, zigzag: Any, queue_url: str) -> None:
        code, _, err = zigzag("send", "hello", json.dumps({"name": "x" * 1_000_000}))

        assert code == 3
        assert "send what is large to S3" in err

    @pytest.mark.parametrize("many", [False, True])
    def test_with_a_bucket_a_large_payload_goes_there_and_the_message_says_where(
        self, zigzag: Any, account: None, tmp_path: Path, many: bool
    ) -> None:
        s3, payload = boto3.client("s3"), {"name": "x" * 1_000_000}
        s3.create_bucket(Bucket="large", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        queue_url = deployed(queue(), LargeBucketName="large")["QueueUrl"]

        file = tmp_path / "payloads.jsonl"
        file.write_text(json.dumps(payload), encoding="utf-8")

        code, _, _ = zigzag("send", "hello", *(["--many", str(file)] if many else [json.dumps(payload)]))

        (message,) = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
        assert code == 0
        where = json.loads(message["Body"])[1]
        sent = s3.get_object(Bucket=where["s3BucketName"], Key=where["s3Key"])["Body"].read()
        assert json.loads(sent) == {"task": "hello", "payload": payload}


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
    def test_an_option_that_it_does_not_take_is_2_and_nothing_is_sent(
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
        told = json.loads(out)
        counts = ("waiting", "in_flight", "delayed", "oldest_seconds", "dead_letters", "closed")
        assert [told[name] for name in counts] == [2, 1, 0, None, 1, None]


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
            "on_failure": {"default": "dead-letter"},
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

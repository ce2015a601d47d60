"""Does the script of docs/operate.md work?"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from tests.project.docs.pages import blocks, read
from tests.stacks import deployed, empty_account, queue

from zigzag_operate import gates

PAGE = read("docs/operate.md")


def test_the_script_of_the_page_waits_for_what_runs_and_resumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = blocks(PAGE, "python")
    with empty_account(monkeypatch):
        outputs = deployed(queue(), "true")
        url = outputs["QueueUrl"]
        sqs = boto3.client("sqs")
        for _ in range(3):
            sqs.send_message(QueueUrl=url, MessageBody="{}")
        (running,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"]

        def sleep(seconds: float) -> None:
            """Ends what runs at the second look."""
            if seconds == gates.LATE_SECONDS:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=running["ReceiptHandle"])

        monkeypatch.setattr(gates, "sleep", sleep)
        names: dict[str, Any] = {"__name__": "page"}
        exec(compile(script.text, "docs/operate.md", "exec"), names)  # noqa: S102 -- our own page

        items = boto3.client("dynamodb").scan(TableName=outputs["RecordsTableName"])["Items"]
        bodies = [
            json.loads(one["Body"])
            for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        ]

    assert capsys.readouterr().out == "1 in flight\nmoved; 2 messages wait\n"
    gate, note = sorted(items, key=len)
    assert (gate, set(note)) == ({"key": {"S": "gate#default"}}, {"key", "resumed"})
    assert {"task": "hello", "payload": {"name": "world"}, "id": "after the move"} in bodies

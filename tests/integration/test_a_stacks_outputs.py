"""`./zigzag outputs`, on an account of moto's."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

from tests.stacks import deployed, queue


def test_they_are_shown_as_they_are_called(zigzag: Any, account: None) -> None:
    outputs = deployed(queue(), TopicArn="arn:1")

    assert "TopicArn  arn:1\n" in zigzag("outputs")[1]
    assert json.loads(zigzag("outputs", "--json")[1]) == outputs


def test_a_shell_takes_them_in_the_spelling_of_the_pages(zigzag: Any, account: None) -> None:
    more = {"Scheduler": "group role letters", "SendCommand": """aws '{"a": 1}'""", "ApiURL": "u"}
    outputs = deployed(queue(), **more, Path="/nowhere", Queues="urgent:6=https://sqs/urgent")
    wanted = {
        "QUEUE_URL": outputs["QueueUrl"],
        "ZIGZAG_QUEUE_URL": outputs["QueueUrl"],
        "URGENT_QUEUE_URL": "https://sqs/urgent",
        "ZIGZAG_SCHEDULER": "group role letters",
        "SEND_COMMAND": """aws '{"a": 1}'""",
        "API_URL": "u",
        "ZIGZAG_LARGE_BUCKET": "",
    }

    _, lines, _ = zigzag("outputs", "--export")

    shown = f"{lines}\nprintenv {shlex.join(wanted)}"
    done = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == list(wanted.values())

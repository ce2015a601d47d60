"""Can a person paste what the stack prints?"""

from __future__ import annotations

import json
import shlex

import pytest
from tests.template.reading import Template, pasted

OURS = {
    "QueueUrl": "<TaskQueue>",
    "DeadLetterQueueUrl": "<DeadLetterQueue>",
    "RecordsTableName": "<RecordsTable>",
    "ConsumerFunctionName": "<ConsumerFunction>",
    "WorkerFunctionName": "<WorkerFunction>",
    "ConsumerLogGroupName": "<ConsumerLogGroup>",
    "WorkerLogGroupName": "<WorkerLogGroup>",
}
COMMANDS = {"SendCommand", "ProducerPolicy", "RedriveCommand"}


def test_there_are_the_outputs_that_are_documented_and_no_other(templates: dict[str, Template]) -> None:
    assert set(templates["with the examples deleted"].source["Outputs"]) == {*OURS, *COMMANDS}


def test_every_output_says_what_it_is_for(template: Template) -> None:
    outputs = template.source["Outputs"]

    assert [name for name in (*OURS, *COMMANDS) if not outputs[name]["Description"].endswith(".")] == []


def test_an_output_gives_the_name_of_its_own_resource(template: Template) -> None:
    values = {name: template.source["Outputs"][name]["Value"] for name in OURS}

    assert {name: f"<{value['Ref']}>" for name, value in values.items()} == OURS


@pytest.mark.parametrize(
    ("fifo", "group"), [("false", {}), ("true", {"--message-group-id": "first"})], ids=["standard", "FIFO"]
)
def test_the_send_command_sends_a_first_task(template: Template, fifo: str, group: dict[str, str]) -> None:
    # When a shell takes the line apart
    output = template.decided(template.source["Outputs"]["SendCommand"], Fifo=fifo)
    command = shlex.split(pasted(output))

    # Then it sends a message to the task queue, in a group if the queue is FIFO
    assert command[:3] == ["aws", "sqs", "send-message"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    body = json.loads(options.pop("--message-body"))
    assert options == {"--region": "<AWS::Region>", "--queue-url": "<TaskQueue>", **group}
    assert body == {"task": "hello", "payload": {"name": "world"}}


def test_the_producers_policy_allows_sending_and_no_more(template: Template) -> None:
    assert json.loads(pasted(template.source["Outputs"]["ProducerPolicy"])) == {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": "<TaskQueue.Arn>",
    }


def test_the_redrive_command_moves_dead_letters_back_to_the_task_queue(template: Template) -> None:
    command = shlex.split(pasted(template.source["Outputs"]["RedriveCommand"]))

    assert command[:3] == ["aws", "sqs", "start-message-move-task"]
    # The destination must be given: dead letters that the worker sent have no source that SQS knows.
    assert dict(zip(command[3::2], command[4::2], strict=True)) == {
        "--region": "<AWS::Region>",
        "--source-arn": "<DeadLetterQueue.Arn>",
        "--destination-arn": "<TaskQueue.Arn>",
    }

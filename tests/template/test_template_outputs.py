"""Can a person paste what the stack prints?"""

from __future__ import annotations

import json
import shlex

from tests.template.reading import Template, pasted

OURS = {
    "QueueUrl": "<TaskQueue>",
    "DeadLetterQueueUrl": "<DeadLetterQueue>",
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


def test_the_send_command_sends_a_first_task(template: Template) -> None:
    # When a shell takes the line apart
    *command, queue, option, body = shlex.split(pasted(template.source["Outputs"]["SendCommand"]))

    # Then it sends a message to the task queue
    assert command == ["aws", "sqs", "send-message", "--region", "<AWS::Region>", "--queue-url"]
    assert (queue, option) == ("<TaskQueue>", "--message-body")
    assert json.loads(body) == {"task": "hello", "payload": {"name": "world"}}


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

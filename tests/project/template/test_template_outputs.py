"""Can a person paste what the stack prints?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

import pytest
from tests.project.template.reading import Template, pasted


def test_every_output_says_what_it_is_for(ours: Template) -> None:
    outputs = ours.source["Outputs"]

    assert [name for name, one in outputs.items() if not one.get("Description", "").endswith(".")] == []


def test_an_output_gives_the_name_of_its_own_resource(ours: Template) -> None:
    given = {
        name: one["Value"]["Ref"]
        for name, one in ours.source["Outputs"].items()
        if isinstance(one["Value"], Mapping) and "Ref" in one["Value"]
    }

    assert given.pop("QueueUrl") == "TaskQueue"
    assert given
    assert [
        name for name, resource in given.items() if name.removeprefix(resource) not in ("Name", "Url", "Arn")
    ] == []


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


def test_the_queues_are_told_with_their_names_weights_and_urls(ours: Template) -> None:
    told = ours.decided(
        ours.source["Outputs"]["Queues"], DefaultWeight="3", Queue2="urgent:6", Queue5="bulk"
    )["Value"]

    between, parts = told["Fn::Join"]
    text = between.join(pasted({"Value": part}) for part in parts)
    assert text == "default:<DefaultWeight>=<TaskQueue> <Queue2>=<TaskQueue2> <Queue5>=<TaskQueue5>"


@pytest.mark.parametrize(
    ("key", "actions", "resources"),
    [("none", [], []), ("arn:…", ["kms:GenerateDataKey", "kms:Decrypt"], ["<KmsKeyArn>"])],
    ids=["without a key", "with a key"],
)
def test_the_producers_policy_allows_sending_to_the_stacks_queues_and_no_more(
    template: Template, key: str, actions: list[str], resources: list[str]
) -> None:
    told = template.decided(
        template.source["Outputs"]["ProducerPolicy"], Queue2="urgent:6", Queue5="bulk", KmsKeyArn=key
    )

    between, parts = told["Value"]["Fn::Join"]
    assert json.loads(between.join(pasted({"Value": part}) for part in parts)) == {
        "Effect": "Allow",
        "Action": ["sqs:SendMessage", *actions],
        "Resource": ["<TaskQueue.Arn>", "<TaskQueue2.Arn>", "<TaskQueue5.Arn>", *resources],
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


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_the_other_redrive_command_moves_them_to_the_first_queue_of_their_kind(
    template: Template, number: int
) -> None:
    given = {f"Queue{number}": "orders", f"Queue{number}Fifo": "true", "Queue5": "bulk", "Queue5Fifo": "true"}
    output = template.source["Outputs"]["OtherRedriveCommand"]
    text, names = template.decided(output["Value"], **given)["Fn::Sub"]
    to = {name: f"<{'.'.join(one['Fn::GetAtt'])}>" for name, one in names.items()}

    command = shlex.split(pasted({"Value": {"Fn::Sub": [text, to]}}))

    assert template.holds(output["Condition"], **given)
    assert not template.holds(output["Condition"])
    assert command[:3] == ["aws", "sqs", "start-message-move-task"]
    assert dict(zip(command[3::2], command[4::2], strict=True)) == {
        "--region": "<AWS::Region>",
        "--source-arn": "<OtherDeadLetterQueue.Arn>",
        "--destination-arn": f"<TaskQueue{number}.Arn>",
    }

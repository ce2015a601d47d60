"""Does the stack have what sending later needs, and nothing of it unless it is wanted?"""

from __future__ import annotations

import json

import pytest
from tests.project.template.reading import Template, arn, pasted, statements

OF_THE_SCHEDULER = {"SchedulerGroup", "SchedulerRole", "SendLaterPolicy"}
STANDARD, FIFO = {}, {"Fifo": "true", "Queue2": "later", "Queue2Fifo": "false"}


def test_by_default_there_is_nothing_of_it(ours: Template) -> None:
    conditional = {name for name, one in ours.ours.items() if one.get("Condition") == "HasScheduler"}

    assert conditional == OF_THE_SCHEDULER
    assert not ours.holds("HasScheduler")
    assert ours.decided(ours.variables("WorkerFunction")["ZIGZAG_SCHEDULER"]) == ""


@pytest.mark.parametrize(
    ("parameters", "queues", "letters"),
    [
        (STANDARD, ["TaskQueue"], "DeadLetterQueue"),
        (STANDARD | {"Queue3": "bulk"}, ["TaskQueue", "TaskQueue3"], "DeadLetterQueue"),
        (FIFO, ["TaskQueue", "TaskQueue2"], "OtherDeadLetterQueue"),
    ],
)
def test_its_role_may_send_to_the_queues_and_to_the_standard_dead_letters(
    ours: Template, parameters: dict[str, str], queues: list[str], letters: str
) -> None:
    role = ours.decided(ours.properties("SchedulerRole"), **parameters)
    (policy,) = role["Policies"]
    (allowed,) = statements(policy["PolicyDocument"])
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert allowed["Action"] == ["sqs:SendMessage"]
    assert allowed["Resource"] == [arn(queue) for queue in [*queues, letters]]
    assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trusted["Condition"] == {
        "ArnEquals": {"aws:SourceArn": arn("SchedulerGroup")},
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }


@pytest.mark.parametrize(
    ("parameters", "letters"), [(STANDARD, "DeadLetterQueue"), (FIFO, "OtherDeadLetterQueue")]
)
def test_the_worker_and_a_producer_are_told_the_same(
    ours: Template, parameters: dict[str, str], letters: str
) -> None:
    told = ours.decided(ours.source["Outputs"]["Scheduler"]["Value"], **parameters)
    variable = ours.variables("WorkerFunction")["ZIGZAG_SCHEDULER"]

    assert told == {
        "Fn::Sub": ["${SchedulerGroup} ${SchedulerRole.Arn} ${Letters}", {"Letters": arn(letters)}]
    }
    assert ours.decided(variable, Scheduler="true", **parameters) == told


def test_tasks_and_producers_may_make_schedules_of_the_group_with_the_one_role(ours: Template) -> None:
    own = statements(ours.properties("SendLaterPolicy")["PolicyDocument"])
    pasted_one = json.loads(pasted(ours.source["Outputs"]["SchedulerPolicy"]))

    group = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${SchedulerGroup}/*"
    to_scheduler = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    assert [(one["Action"], one["Resource"], one.get("Condition")) for one in own] == [
        (["scheduler:CreateSchedule"], [{"Fn::Sub": group}], None),
        (["iam:PassRole"], [arn("SchedulerRole")], to_scheduler),
    ]
    assert [(one["Action"], one["Resource"]) for one in pasted_one["Statement"]] == [
        ("scheduler:CreateSchedule", group.replace("${", "<").replace("}", ">")),
        ("iam:PassRole", "<SchedulerRole.Arn>"),
    ]
    assert pasted_one["Statement"][1]["Condition"] == to_scheduler


@pytest.mark.parametrize("name", ["SchedulerGroup", "SchedulerRole"])
def test_schedules_under_way_outlive_the_stack(ours: Template, name: str) -> None:
    resource = ours.resources[name]

    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize(
    ("parameters", "taken"),
    [
        (STANDARD, True),
        (FIFO, True),
        ({"Fifo": "true"}, False),
        ({"Fifo": "true", "Queue2": "later"}, False),
        ({"Fifo": "true", "Queue3Fifo": "false"}, False),
    ],
)
def test_there_must_be_a_standard_queue_for_its_dead_letters(
    ours: Template, parameters: dict[str, str], taken: bool
) -> None:
    """EventBridge Scheduler takes no FIFO queue for these
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html)."""
    (assertion,) = ours.source["Rules"]["SchedulerHasAStandardQueue"]["Assertions"]

    assert ours._holds(assertion["Assert"], parameters) is taken

"""The template with whatever may be set, and with whatever may be added: the doctor finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.docs.pages import ROOT, read
from tests.project.template.yours import with_a_task, with_blocks
from tests.unit.zigzag_operate.doctor.templates import GONE, examined

from zigzag_operate.doctor import examine, template
from zigzag_operate.doctor.source import parsed

TOPIC = "arn:aws:sns:eu-west-1:123456789012:news"
KEY = {"KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0a1b"}
MAIL = {"AlarmEmail": "a@b.ch"}
FIVE = {"Queue2": "urgent:6", "Queue3": "bulk", "Queue4": "video", "Queue5": "orders:3", "Queue5Fifo": "true"}
STATEMENTS = "TaskQueuePolicy/Properties/PolicyDocument/Statement"
SOUND: list[dict[str, str]] = [
    {},
    {"Trigger": "events"},
    {"Trigger": "events", "Schedule": "rate(7 days)"},
    {"Schedule": "cron(0/30 8-18 ? * FRI-WED *)"},
    {"Schedule": "cron(0 8 */3 JAN-DEC ? *)"},
    {"Trigger": "events", "WorkerConcurrency": "5", **FIVE, "Queue2": "urgent", "Queue5": "orders:1", **MAIL},
    {"Fifo": "true"},
    {"Fifo": "true", "Queue2": "later", "Queue2Fifo": "false", "Scheduler": "true", **MAIL},
    FIVE,
    {**FIVE, "Fifo": "true", "FlowControl": "true", "KeepPercent": "20", **MAIL},
    {**MAIL, "AlarmTopicArn": TOPIC},
    {"AlarmTopicArn": TOPIC, "Schedule": "rate(5 minutes)"},
    {"Schedule": "cron(0 8 * * ? *)", "LingerSeconds": "60"},
    {"FlowControl": "true", "MaxConsumers": "4", "InFlightCap": "0", "ConsumerMemory": "1769"},
    {"InFlightCap": "0", "WorkerConcurrency": "50"},
    {"WatchAlways": "true", "LingerSeconds": "0"},
    {"Topic": "own", "TopicTasks": "hello,other"},
    {"Topic": TOPIC, "TopicTasks": "hello", **MAIL},
    {"FailureEmail": "a@b.ch", "FailurePhone": "+4915112345678"},
    {"ReplyTo": f"arn:aws:sqs:eu-west-1:123456789012:replies,{TOPIC}"},
    {"SenderAccounts": "123456789012", "SenderTopics": TOPIC, "SenderBuckets": "arn:aws:s3:::pages"},
    {"SenderRules": "arn:aws:events:eu-west-1:123456789012:rule/night", "Fifo": "true"},
    {"LargePayloads": "true", "Scheduler": "true", "Metrics": "true", "Transport": "boto"},
    {"Servers": "true", "FlowControl": "true", "LargePayloads": "true", **FIVE, **MAIL},
    {"OperatorPolicies": "true", "Dashboard": "true", "Tracing": "true", "Servers": "true"},
    {"Architecture": "arm64", "BatchSize": "10", "WorkerTimeout": "900", "LogRetentionDays": "7"},
    {"DelaySeconds": "900", "MaximumMessageSize": "1024", "WorkerMemory": "3008"},
]


@pytest.mark.parametrize("parameters", SOUND, ids=str)
def test_nothing_is_found_with_what_may_be_set(parameters: dict[str, str]) -> None:
    report = examined(**parameters)

    assert (report.findings, report.unknown) == ([], [])


API = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "index.handler"}}
MADE_BY_SAM = [
    {"Ref": name} for name in ("ServerlessHttpApi", "ApiRole", "Api.Alias", "ConsumerFunctionTick")
]
NIGHT = {
    "Type": "AWS::Events::Rule",
    "Properties": {
        "ScheduleExpression": "rate(1 day)",
        "Targets": [{"Arn": {"Fn::GetAtt": ["TaskQueue", "Arn"]}, "Id": "tasks"}],
    },
}
NAMED = {"Type": "AWS::Events::Rule", "Properties": {**NIGHT["Properties"], "Name": "night"}}
LETS_NIGHT = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": {"Fn::GetAtt": ["TaskQueue", "Arn"]},
    "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Night", "Arn"]}}},
}
ONCE = {
    "Type": "AWS::Lambda::EventInvokeConfig",
    "Properties": {
        "FunctionName": {"Ref": "WorkerFunction"},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
    },
}


@pytest.mark.parametrize(
    ("edits", "parameters"),
    [
        ({"Api": API, "Outputs/Api": {"Value": {"Fn::Join": [" ", MADE_BY_SAM]}}}, {}),
        ({"Night": NIGHT}, {"SenderRules": "arn:aws:events:us-east-1:123456789012:rule/zigzag-Night-1A"}),
        ({"Night": NAMED}, {"SenderRules": "arn:aws:events:us-east-1:123456789012:rule/our-bus/night"}),
        ({"Night": NIGHT, "TaskQueuePolicy/Properties/PolicyDocument/Statement/1": LETS_NIGHT}, {}),
        ({"Once": ONCE}, {}),
        ({"TaskQueue/Properties/KmsMasterKeyId": "alias/aws/sqs"}, {}),
        ({"DeadLetterQueue/Properties/RedriveAllowPolicy": {"redrivePermission": "allowAll"}}, {}),
    ],
    ids=[
        "names of SAM's",
        "a rule by its parameter",
        "a rule with a name",
        "a rule by a statement",
        "no retries",
        "a key",
        "letters",
    ],
)
def test_nothing_is_found_with_what_may_be_added(edits: dict[str, Any], parameters: dict[str, str]) -> None:
    report = examined(*edits.items(), **parameters)

    assert (report.findings, report.unknown) == ([], [])


def test_nobody_to_tell_is_said_and_is_no_finding() -> None:
    assert [one.said for one in examined().advice] == [
        "nobody is told of an alarm: there is no AlarmEmail and no AlarmTopicArn"
    ]
    assert examined(**MAIL).advice == []


def test_what_only_a_deployed_stack_can_tell_is_unknown_and_not_well() -> None:
    report = examined(**KEY, LargePayloads="true", Scheduler="true", **MAIL)

    assert report.findings == []
    assert [(one.at, "--live" in one.needs) for one in report.unknown] == [("KmsKeyArn", True)]


def test_what_a_user_adds_by_the_pages_is_sound() -> None:
    # Given a task's own things, a worker in a VPC, one for a queue of its own, and conditions for senders
    text = with_a_task((ROOT / "template.yaml").read_text(encoding="utf-8"))
    vpc = read("docs/what-a-worker-may-be.md").partition("## A VPC")[2].partition("## Layers")[0]
    text = with_blocks(text, vpc)
    text = with_blocks(text, read("docs/several-queues.md").partition("## A worker of its own")[2])
    text = with_blocks(text, read("docs/who-may-send.md").partition("## Conditions of time")[2])

    # When it is examined, without values for its parameters
    report = examine(template.facts_of(parsed(text, "template.yaml"), {"Queue2": "video"}))

    # Then all that is told are these values, which nobody has given
    assert report.findings == []
    assert {one.at for one in report.unknown} >= {"WorkerSubnets", "WorkerSecurityGroup"}
    assert all("Worker" in one.at for one in report.unknown)


def test_a_function_with_a_role_of_somebody_elses_is_not_judged() -> None:
    report = examined(("WorkerFunction/Properties/Role", "arn:aws:iam::123456789012:role/theirs"))

    assert [one.at for one in report.unknown] == ["WorkerFunction.Role"]
    assert report.findings == []


def test_a_finding_has_the_line_of_what_is_to_be_changed() -> None:
    lines = (ROOT / "template.yaml").read_text(encoding="utf-8").splitlines()

    (retries, _) = examined(("Globals/Function/EventInvokeConfig/MaximumRetryAttempts", 2)).findings
    (received,) = examined(("TaskQueue/Properties/RedrivePolicy/maxReceiveCount", 5)).findings
    (gone,) = examined(("RecordsTable/DeletionPolicy", GONE)).findings
    settles = "WorkerRole/Properties/Policies/0/PolicyDocument/Statement/0/Action"
    (lacks,) = examined((settles, "sqs:DeleteMessage")).findings
    (open_,) = examined((f"{STATEMENTS}/2/Fn::If/1/Condition", GONE), SenderTopics=TOPIC).findings

    (broad,) = examined(("TasksPolicy/Properties/PolicyDocument/Statement/0/Action", "*")).findings
    (queues, _) = examined(("Globals/Function/Environment/Variables/ZIGZAG_QUEUES", ""), Queue2="a").findings

    assert [
        lines[(one.line or 0) - 1].strip().partition(":")[0]
        for one in (retries, received, gone, lacks, open_, broad, queues)
    ] == [
        "MaximumRetryAttempts",
        "maxReceiveCount",
        "RecordsTable",
        "- Sid",
        "- Sid",
        "- Sid",
        "ZIGZAG_QUEUES",
    ]

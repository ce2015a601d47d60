"""A deployed stack is judged by what AWS answers, as recorded at the local AWS.

What that does not do as AWS does is set here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from benchmarks.template import environment_of
from botocore.exceptions import ClientError
from tests.project.docs.pages import read

from zigzag_operate import OperateError
from zigzag_operate.doctor import Report, examine_stack
from zigzag_operate.target import Target

RECORDED = json.loads(Path(__file__).with_name("recorded.json").read_text(encoding="utf-8"))
TIMES = "startTime"
Change = Callable[[str, Any], object]


class Replayed(Target):
    """A stack whose answers are the recorded ones, after a change."""

    def __init__(self, change: Change) -> None:
        answers = copy.deepcopy(RECORDED)
        for _, operation, _, answer in answers:
            as_on_aws(operation, answer)
            change(operation, answer)
        object.__setattr__(self, "stack", "zigzag")
        object.__setattr__(self, "options", answers)

    def client(self, service: str, patience: Any = None) -> Any:
        answers: Any = self.options

        class Client:
            def __getattr__(self, operation: str) -> Callable[..., Any]:
                return lambda **asked: replay(answers, operation, asked)

        return Client()


def replay(answers: list[Any], operation: str, asked: dict[str, Any]) -> Any:
    asked.pop(TIMES, None)
    answer = next((one[3] for one in answers if one[1:3] == [operation, asked]), {})
    if "error" in answer:
        code, name = answer["error"]
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)
    return copy.deepcopy(answer)


def as_on_aws(operation: str, answer: Any) -> None:
    if operation == "describe_time_to_live":
        answer["TimeToLiveDescription"] = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    elif operation == "get_account_settings":
        answer["AccountLimit"]["ConcurrentExecutions"] = 1000
    elif operation == "describe_stacks":
        (stack,) = answer["Stacks"]
        for name in ("CreationTime", "LastUpdatedTime"):
            stack[name] = datetime.fromisoformat(stack[name])
        stack["DriftInformation"] = {"StackDriftStatus": "IN_SYNC"}
    elif operation == "get_function_configuration":  # a variable may be newer than the recording
        variables = answer["Environment"]["Variables"]
        answer["Environment"]["Variables"] = environment_of(answer["FunctionName"].split("-")[1]) | variables


def examined(change: Change = lambda operation, answer: None) -> Report:
    return examine_stack(Replayed(change))


def setting(operation: str, path: str, value: Any) -> Change:
    """Returns a change of all answers of an operation that have the path."""

    def change(found: str, answer: Any) -> None:
        keys = path.split("/")
        if found == operation:
            for key in keys[:-1]:
                answer = answer[int(key) if isinstance(answer, list) else key]
            answer[keys[-1]] = value

    return change


def lines(text: str) -> Change:
    """Has the log answer with one line, whatever it was asked for, as the local AWS does."""
    return setting("filter_log_events", "events", [{"message": text}])


@pytest.mark.parametrize("change", [None, lines("START")], ids=["no line", "another line"])
def test_a_stack_that_is_well_has_no_finding_and_nothing_unknown(change: Change | None) -> None:
    report = examined(change) if change else examined()

    assert (report.findings, report.unknown) == ([], [])


GONE = ["ResourceNotFoundException", "Get"]
QUEUE = "get_queue_attributes"
LETTERS = json.dumps(
    {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:theirs", "maxReceiveCount": 1000}
)
MINE = {"UUID": "1", "EventSourceArn": "x", "FunctionArn": "f", "State": "Enabled"}


def of_the_first_queue(operation: str, answer: Any) -> None:
    found = answer.get("Attributes", {}).get("QueueArn", "")
    if operation == QUEUE and "TaskQueue" in found:
        answer["Attributes"]["RedrivePolicy"] = LETTERS


def polled(operation: str, answer: Any) -> None:
    if operation == "list_event_source_mappings":
        arn = next(
            one[2]["EventSourceArn"] for one in RECORDED if one[1] == operation and "TaskQueue" in str(one[2])
        )
        answer["EventSourceMappings"] = [{**MINE, "EventSourceArn": arn}]


@pytest.mark.parametrize(
    ("change", "hazard", "words"),
    [
        (setting("get_function_event_invoke_config", "MaximumRetryAttempts", 2), "H6", "is 2"),
        (setting("get_function_event_invoke_config", "error", GONE), "H6", "not set"),
        (setting("get_function_concurrency", "ReservedConcurrentExecutions", 0), "H24", "never runs it"),
        (setting("describe_rule", "State", "DISABLED"), "H24", "no tick starts"),
        (setting("list_targets_by_rule", "Targets", []), "H24", "its target is not the consumer"),
        (setting("describe_rule", "error", GONE), "H24", "not in the stack"),
        (setting(QUEUE, "Attributes/VisibilityTimeout", "30"), "H11", "VisibilityTimeout is 30"),
        (of_the_first_queue, "H46", "theirs"),
        (polled, "H152", "receives from TaskQueue as well"),
        (setting("describe_time_to_live", "TimeToLiveDescription", {}), "H64", "never deleted"),
        (setting("get_role_policy", "PolicyDocument/Statement", []), "H12", "sqs:DeleteMessage"),
        (setting("describe_log_groups", "logGroups/0/retentionInDays", None), "H73", "unlimited days"),
        (setting("describe_alarms", "MetricAlarms/0/ActionsEnabled", False), "H24", "nobody is told"),
        (setting("get_account_settings", "AccountLimit/ConcurrentExecutions", 10), "H9", "runs 10 functions"),
        (lines('{"memory_mb": 240}'), "H10", "a task took 231 MB of 256"),
        (setting("describe_stacks", "Stacks/0/StackStatus", "UPDATE_ROLLBACK_FAILED"), "H115", "half of it"),
        (setting("describe_stacks", "Stacks/0/DriftInformation/StackDriftStatus", "DRIFTED"), "H11", "drift"),
        (setting("get_function_configuration", "Runtime", "python3.12"), "H60", "python3.12"),
        (setting("get_function_configuration", "Environment/Variables/ZIGZAG_WORKER", "x"), "H139", "is x"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_deployed_stack_is_named(change: Change, hazard: str, words: str) -> None:
    assert [one for one in examined(change).findings if one.hazard == hazard and words in one.wrong]


@pytest.mark.parametrize(
    ("change", "typed"),
    [
        (
            setting("describe_rule", "State", "DISABLED"),
            "aws events enable-rule --name zigzag-ConsumerFunctionTick-",
        ),
        (
            setting("get_function_concurrency", "ReservedConcurrentExecutions", 0),
            "aws lambda delete-function-concurrency --function-name zigzag-ConsumerFunction-",
        ),
        (
            setting("get_function_event_invoke_config", "MaximumRetryAttempts", 2),
            "aws lambda put-function-event-invoke-config --function-name zigzag-ConsumerFunction-",
        ),
        (setting(QUEUE, "Attributes/VisibilityTimeout", "30"), "None"),
    ],
    ids=["a rule", "executions", "retries", "the template's"],
)  # fmt: skip
def test_what_was_changed_by_hand_has_the_command_that_takes_it_back(change: Change, typed: str) -> None:
    (first, *_) = examined(change).findings

    assert str(first.type).startswith(typed)


SERVERS = "arn:aws:iam::123456789012:policy/zigzag-ServerPolicy"


@pytest.mark.parametrize(
    ("actions", "hazards"),
    [(["sqs:SendMessage", "dynamodb:UpdateItem"], []), (["dynamodb:UpdateItem"], ["H46"])],
    ids=["all", "no letters"],
)
def test_the_servers_policy_is_read_though_no_role_has_it(actions: list[str], hazards: list[str]) -> None:
    made = {
        "LogicalResourceId": "ServerPolicy",
        "PhysicalResourceId": SERVERS,
        "ResourceType": "AWS::IAM::ManagedPolicy",
        "ResourceStatus": "CREATE_COMPLETE",
    }
    document = {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    stack = Replayed(
        lambda operation, answer: (
            answer["StackResourceSummaries"].append(made) if operation == "list_stack_resources" else None
        )
    )
    answers: Any = stack.options
    answers += [
        ["iam", "get_policy", {"PolicyArn": SERVERS}, {"Policy": {"DefaultVersionId": "v1"}}],
        ["iam", "get_policy_version", {"PolicyArn": SERVERS, "VersionId": "v1"},
         {"PolicyVersion": {"Document": document}}],
    ]  # fmt: skip

    report = examine_stack(stack)

    assert [one.hazard for one in report.findings if one.at.startswith("ServerPolicy")] == hazards
    assert (len(report.findings), report.unknown) == (len(hazards), [])


def test_a_bucket_and_a_group_of_schedules_are_in_the_stacks_own_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = json.dumps(RECORDED).replace("arn:aws:", "arn:aws-us-gov:").replace("us-east-1", "us-gov-west-1")
    monkeypatch.setitem(globals(), "RECORDED", json.loads(text))
    schedules = "arn:aws-us-gov:scheduler:us-gov-west-1:123456789012:schedule/group/*"
    of_the_bucket = ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    large = ["arn:aws-us-gov:s3:::large", "arn:aws-us-gov:s3:::large/*"]
    (role,) = {one[2]["RoleName"] for one in RECORDED if "-WorkerRole-" in one[2].get("RoleName", "")}
    names = {"LargeBucket": "large", "SchedulerGroup": "group", "SchedulerRole": role}

    def more(operation: str, answer: Any) -> None:
        if operation == "list_stack_resources":
            types = "AWS::S3::Bucket", "AWS::Scheduler::ScheduleGroup", "AWS::IAM::Role"
            answer["StackResourceSummaries"] += [
                {"LogicalResourceId": name, "PhysicalResourceId": physical, "ResourceType": kind}
                for (name, physical), kind in zip(names.items(), types, strict=True)
            ]
        elif answer.get("RoleName") == role and "PolicyDocument" in answer:
            answer["PolicyDocument"]["Statement"] += [
                {"Effect": "Allow", "Action": of_the_bucket, "Resource": large},
                {"Effect": "Allow", "Action": "scheduler:CreateSchedule", "Resource": schedules},
            ]

    lacking = [one.wrong for one in examined(more).findings if one.at.startswith("WorkerRole")]
    assert [one for one in lacking if "s3:" in one or "scheduler:" in one] == []


OPERATIONS = sorted({one[1] for one in RECORDED} - {"describe_stacks", "list_stack_resources"})


PERMISSIONS = read("docs/operate.md").partition("## Doctor")[2]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_may_not_be_looked_at_is_unknown_and_names_a_permission_of_the_page(operation: str) -> None:
    name = "".join(map(str.capitalize, operation.split("_")))

    report = examined(setting(operation, "error", ["AccessDeniedException", name]))

    assert [one.needs for one in report.unknown if f'"{one.needs}"' in PERMISSIONS]
    assert report.findings == []


def test_a_stack_that_may_not_be_listed_or_is_not_there_is_one_sentence() -> None:
    denied = setting("list_stack_resources", "error", ["AccessDenied", "ListStackResources"])
    with pytest.raises(OperateError, match="can't be listed: that needs cloudformation:ListStackResources"):
        examined(denied)

    halfway = setting("describe_stacks", "Stacks/0/Outputs", [])
    with pytest.raises(OperateError, match="is none of Zigzag's"):
        examined(halfway)

"""Does each alarm ring for its own fact, and fall silent? Is somebody told, and only if they asked to be?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.project.template.reading import Template, arn, statements

from shared.ports.records import record_key
from zigzag_local.alarms import Metric, states

EMAIL, TOPIC = {"AlarmEmail": "a@b.ch"}, {"AlarmTopicArn": "arn:aws:sns:eu-west-1:111122223333:on-call"}
ALL = EMAIL | {"Queue2": "a", "Queue3": "b", "Queue4": "c", "Queue5": "d", "Queue5Fifo": "true"}
OF_TICKS = {"ConsumerSilentAlarm", "ConsumerFailsAlarm", "StartsDroppedAlarm"}
OF_ONE_QUEUE = OF_TICKS | {
    *("DeadLetterAlarm", "NewDeadLettersAlarm", "DeadLettersNearEndAlarm"),
    *("LateAlarm", "NearLimitAlarm", "WorkerDiesAlarm"),
}
OF_OTHER = {"OtherDeadLetterAlarm", "NewOtherDeadLettersAlarm", "OtherDeadLettersNearEndAlarm"}


def alarms(template: Template, **given: str) -> dict[str, Any]:
    """Returns the properties of each alarm that is there. A dimension's value is the resource's name."""
    found = {
        name: template.decided(one["Properties"], **given)
        for name, one in template.of_type("AWS::CloudWatch::Alarm").items()
        if "Condition" not in one or template.holds(one["Condition"], **given)
    }
    for one in found.values():
        for dimension in one["Dimensions"]:
            value = dimension["Value"]
            dimension["Value"] = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return found


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({}, {"DeadLetterAlarm"}),
        ({"Queue3": "orders", "Queue3Fifo": "true"}, {"DeadLetterAlarm", "OtherDeadLetterAlarm"}),
        (EMAIL, OF_ONE_QUEUE),
        (TOPIC, OF_ONE_QUEUE),
        (TOPIC | {"Trigger": "events"}, OF_ONE_QUEUE - OF_TICKS),
        (TOPIC | {"Schedule": "rate(5 minutes)"}, OF_ONE_QUEUE),
        (TOPIC | {"Schedule": "rate(6 minutes)"}, OF_ONE_QUEUE - {"ConsumerSilentAlarm", "LateAlarm"}),
        (EMAIL | {"Queue2": "urgent"}, OF_ONE_QUEUE | {"Late2Alarm"}),
        (ALL, OF_ONE_QUEUE | OF_OTHER | {f"Late{number}Alarm" for number in "2345"}),
    ],
)
def test_which_alarms_there_are(ours: Template, given: dict[str, str], there: set[str]) -> None:
    assert set(alarms(ours, **given)) == there


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        (EMAIL, [{"Ref": "AlarmTopic"}]),
        (TOPIC, [{"Ref": "AlarmTopicArn"}]),
        (EMAIL | TOPIC, [{"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]),
    ],
    ids=str,
)
def test_an_alarm_tells_whoever_is_to_be_told(
    ours: Template, given: dict[str, str], told: list[dict[str, str]]
) -> None:
    assert [
        one["AlarmActions"] for one in alarms(ours, **given).values() if one["AlarmActions"] != told
    ] == []

    made = {
        name
        for name in ("AlarmTopic", "AlarmTopicPolicy")
        if ours.holds(ours.ours[name]["Condition"], **given)
    }
    assert made == ({"AlarmTopic", "AlarmTopicPolicy"} if "AlarmEmail" in given else set())


# ---- Each rings, and falls silent ----

SQS, LAMBDA = ("AWS/SQS", "QueueName"), ("AWS/Lambda", "FunctionName")
OFF, ON = False, True
Phases = list[tuple[int, float | None, bool]]
"""Minutes, the value of each of them, and whether the alarm is on at their end."""

FACTS: dict[str, tuple[tuple[str, str], str, str, str, Phases]] = {
    "DeadLetterAlarm and somebody reads the letters for a while": (
        *(SQS, "ApproximateNumberOfMessagesVisible", "Maximum", "DeadLetterQueue"),
        [(9, 0, OFF), (1, 2, ON), (4, 0, ON), (1, 2, ON), (20, 0, OFF), (1, 1, ON), (20, None, OFF)],
    ),
    "NewDeadLettersAlarm and a second flood": (
        *(SQS, "NumberOfMessagesSent", "Sum", "DeadLetterQueue"),
        [(9, 0, OFF), (1, 77, ON), (14, 0, ON), (1, 0, OFF), (1, 3, ON), (40, None, OFF)],
    ),
    "DeadLettersNearEndAlarm": (
        *(SQS, "ApproximateAgeOfOldestMessage", "Maximum", "DeadLetterQueue"),
        [(9, 864_000, OFF), (1, 864_060, ON), (20, None, OFF)],
    ),
    "LateAlarm": (
        *(SQS, "ApproximateAgeOfOldestMessage", "Maximum", "TaskQueue"),
        [(9, 900, OFF), (1, 960, OFF), (1, 0, OFF), (9, 0, OFF), (2, 960, ON), (2, 0, OFF)],
    ),
    "LateAlarm and then the queue is empty": (
        *(SQS, "ApproximateAgeOfOldestMessage", "Maximum", "TaskQueue"),
        [(9, None, OFF), (2, 960, ON), (20, None, OFF)],
    ),
    "NearLimitAlarm": (
        *(SQS, "ApproximateNumberOfMessagesNotVisible", "Maximum", "TaskQueue"),
        [(9, 100_000, OFF), (1, 100_001, OFF), (1, 100_001, ON), (2, 99_000, OFF)],
    ),
    "ConsumerSilentAlarm": (
        *(LAMBDA, "Invocations", "Sum", "ConsumerFunction"),
        [(20, 1, OFF), (9, None, OFF), (6, None, ON), (1, 1, OFF)],
    ),
    "ConsumerFailsAlarm with a tick an hour": (
        *(LAMBDA, "Errors", "Sum", "ConsumerFunction"),
        [(1, 0, OFF), (59, None, OFF), (1, 1, ON), (59, None, OFF), (1, 1, ON), (59, None, OFF)],
    ),
    "WorkerDiesAlarm and the error is known 15 minutes after its minute": (
        *(LAMBDA, "Errors", "Sum", "WorkerFunction"),
        [(9, 0, OFF), (1, 1, ON), (15, 0, ON), (9, 0, OFF)],
    ),
    "StartsDroppedAlarm with a tick each 5 minutes": (
        *(LAMBDA, "AsyncEventsDropped", "Sum", "WorkerFunction"),
        [(1, 1, OFF), (29, None, OFF), *[(1, 3, OFF), (4, None, OFF)] * 2, (1, 3, ON), (30, None, OFF)],
    ),
}


def with_the_other_queues() -> Iterator[tuple[str, str, str]]:
    for fact, (*_, resource, _) in FACTS.items():
        yield fact, fact.split()[0], resource
        if "DeadLetter" in fact:
            yield fact, fact.split()[0].replace("DeadLetter", "OtherDeadLetter"), "OtherDeadLetterQueue"
        if fact == "LateAlarm":
            yield from ((fact, f"Late{number}Alarm", f"TaskQueue{number}") for number in "2345")


TICKS = Metric("AWS/Lambda", "Invocations", "Sum", frozenset({("FunctionName", "ConsumerFunction")}))


def series_of(phases: Phases) -> list[float | None]:
    return [value for minutes, value, _ in phases for _ in range(minutes)]


@pytest.mark.parametrize("more", [0, 2, 5], ids="{} points more".format)  # AWS does not say how many it reads
@pytest.mark.parametrize(("fact", "wanted", "resource"), list(with_the_other_queues()))
def test_each_alarm_rings_for_its_own_fact_and_falls_silent(
    ours: Template, fact: str, wanted: str, resource: str, more: int
) -> None:
    (namespace, dimension), name, statistic, _, phases = FACTS[fact]
    series = series_of(phases)
    metric = Metric(namespace, name, statistic, frozenset({(dimension, resource)}))
    world = {TICKS: [1.0] * len(series), metric: series}

    on = {one: states(alarm, world, more) for one, alarm in alarms(ours, **ALL).items()}

    minute = 0
    for minutes, _, state in phases:
        minute += minutes
        assert on[wanted][minute - 1] is state, f"minute {minute}"
    assert {one for one, found in on.items() if any(found)} == {wanted}


@pytest.mark.parametrize("more", [0, 2, 5])
def test_a_tick_each_five_minutes_and_one_late_is_no_silence(ours: Template, more: int) -> None:
    ticks = series_of([(1, 1, OFF), (5, None, OFF), (1, 1, OFF), (3, None, OFF)]) * 6

    assert not any(states(alarms(ours, **ALL)["ConsumerSilentAlarm"], {TICKS: ticks}, more))


def test_every_alarm_is_judged() -> None:
    judged = {alarm for _, alarm, _ in with_the_other_queues()}

    assert judged == OF_ONE_QUEUE | OF_OTHER | {f"Late{number}Alarm" for number in "2345"}


# ---- Who hears of it ----


def test_the_mail_goes_to_the_address(template: Template) -> None:
    subscriptions = template.properties("AlarmTopic")["Subscription"]

    assert subscriptions == [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]


def test_cloudwatch_may_use_the_topic_for_the_stacks_alarms_only(template: Template) -> None:
    # Given that the topic has no key of AWS's, which CloudWatch could not use
    assert "KmsMasterKeyId" not in template.decided(template.properties("AlarmTopic"))

    policy = template.properties("AlarmTopicPolicy")
    (statement,) = statements(policy["PolicyDocument"])
    assert policy["Topics"] == statement["Resource"] == [{"Ref": "AlarmTopic"}]
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["sns:Publish"])
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ours = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${AWS::StackName}-*"
    assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": {"Fn::Sub": ours}}}


MAIL = {"Protocol": "email", "Endpoint": {"Ref": "FailureEmail"}}
TEXT = {"Protocol": "sms", "Endpoint": {"Ref": "FailurePhone"}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        ({"FailureEmail": "a@b.ch"}, [MAIL]),
        ({"FailurePhone": "+49123456"}, [TEXT]),
        ({"FailureEmail": "a@b.ch", "FailurePhone": "+49123456"}, [MAIL, TEXT]),
    ],
    ids=str,
)
def test_who_is_notified_of_failed_tasks_and_without_an_address_there_is_nothing_for_it(
    template: Template, given: dict[str, str], told: list[dict[str, str]]
) -> None:
    made = [
        name
        for name in ("FailureTopic", "NotifyPolicy")
        if template.holds(template.resources[name]["Condition"], **given)
    ]
    variable = template.decided(template.variables("WorkerFunction")["ZIGZAG_FAILURE_TOPIC"], **given)

    assert made == (["FailureTopic", "NotifyPolicy"] if told else [])
    assert variable == ({"Ref": "FailureTopic"} if told else "")
    if told:
        topic = template.properties("FailureTopic")
        assert template.decided(topic["Subscription"], **given) == told
        assert template.decided(topic["KmsMasterKeyId"], **given) == "alias/aws/sns"


def test_the_worker_may_publish_to_the_topic_and_touch_the_records_of_notices_only(
    template: Template,
) -> None:
    policy = template.properties("NotifyPolicy")
    publish, once = statements(policy["PolicyDocument"])

    assert policy["Roles"] == [{"Ref": "WorkerRole"}]
    assert (publish["Action"], publish["Resource"]) == (["sns:Publish"], [{"Ref": "FailureTopic"}])
    assert (once["Action"], once["Resource"]) == (["dynamodb:UpdateItem"], [arn("RecordsTable")])
    (kind, _, _) = record_key("notice", "x").partition("x")
    assert once["Condition"]["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": [f"{kind}*"]}
    assert once["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}

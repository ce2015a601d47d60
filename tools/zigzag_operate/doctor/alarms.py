"""The rules about alarms: does each look at its own fact, and is somebody told?"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from zigzag_operate.doctor.evaluating import covers, own_statements, services
from zigzag_operate.doctor.facts import (
    ALARM,
    QUEUE,
    SUBSCRIPTION,
    Facts,
    Resource,
    Unknown,
    as_text,
    listed,
)
from zigzag_operate.doctor.finding import Advice, Found, NotKnown, wrong


class Rings(NamedTuple):
    """The cause of an alarm: a metric of a resource, from a threshold on, in so many of so many minutes."""

    of: str
    metric: str
    statistic: str
    operator: str
    threshold: float
    points: int
    minutes: int
    missing: str = "notBreaching"


ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
WAITING, SENT, AGE = (
    "ApproximateNumberOfMessagesVisible",
    "NumberOfMessagesSent",
    "ApproximateAgeOfOldestMessage",
)
ALARMS = {
    "DeadLetterAlarm": Rings("DeadLetterQueue", WAITING, "Maximum", ABOVE, 0, 1, 5),
    "OtherDeadLetterAlarm": Rings("OtherDeadLetterQueue", WAITING, "Maximum", ABOVE, 0, 1, 5),
    "NewDeadLettersAlarm": Rings("DeadLetterQueue", SENT, "Sum", ABOVE, 0, 1, 15),
    "NewOtherDeadLettersAlarm": Rings("OtherDeadLetterQueue", SENT, "Sum", ABOVE, 0, 1, 15),
    "DeadLettersNearEndAlarm": Rings("DeadLetterQueue", AGE, "Maximum", ABOVE, 864_000, 1, 5),
    "OtherDeadLettersNearEndAlarm": Rings("OtherDeadLetterQueue", AGE, "Maximum", ABOVE, 864_000, 1, 5),
    "LateAlarm": Rings("TaskQueue", AGE, "Maximum", ABOVE, 900, 2, 3),
    **{f"Late{place}Alarm": Rings(f"TaskQueue{place}", AGE, "Maximum", ABOVE, 900, 2, 3) for place in "2345"},
    "NearLimitAlarm": Rings(
        "TaskQueue", "ApproximateNumberOfMessagesNotVisible", "Maximum", ABOVE, 100_000, 2, 3
    ),
    "ConsumerSilentAlarm": Rings("ConsumerFunction", "Invocations", "Sum", BELOW, 1, 10, 10, "breaching"),
    "ConsumerFailsAlarm": Rings("ConsumerFunction", "Errors", "Sum", ABOVE, 0, 1, 5),
    "WorkerDiesAlarm": Rings("WorkerFunction", "Errors", "Sum", ABOVE, 0, 1, 20),
    "StartsDroppedAlarm": Rings("WorkerFunction", "AsyncEventsDropped", "Sum", ABOVE, 0, 3, 15),
}
"""The alarms of Zigzag's template."""


def judge_alarms(facts: Facts) -> Found:
    """Judges what rings each alarm."""
    for name, rings in ALARMS.items():
        for alarm in facts.some(name):
            if isinstance(alarm.properties, Unknown):
                yield NotKnown(name, alarm.properties.needs)
                continue
            yield from _watches(facts, alarm, rings)
            for path, wanted in _settings(rings).items():
                found = alarm.get(path)
                if not _same(found, wanted):
                    yield wrong(
                        "H24",
                        alarm,
                        path,
                        f"{path} is {found}: it does not ring when it should, or always",
                        f"set {path}: {wanted}",
                    )
            if as_text(alarm.get("ActionsEnabled")) == "false":
                yield wrong(
                    "H24", alarm, "ActionsEnabled", "it rings, and nobody is told", "set ActionsEnabled: true"
                )


def _settings(rings: Rings) -> dict[str, Any]:
    sqs = rings.of.endswith("Queue") or rings.of[-1].isdigit()
    return {
        "Namespace": "AWS/SQS" if sqs else "AWS/Lambda",
        "MetricName": rings.metric,
        "Statistic": rings.statistic,
        "ComparisonOperator": rings.operator,
        "Threshold": rings.threshold,
        "Period": 60,
        "EvaluationPeriods": rings.minutes,
        "DatapointsToAlarm": rings.points,
        "TreatMissingData": rings.missing,
    }


def _watches(facts: Facts, alarm: Resource, rings: Rings) -> Found:
    watched = facts.resources.get(rings.of)
    told = listed(alarm.get("Dimensions"))
    name = "QueueName" if watched is not None and watched.type == QUEUE else "FunctionName"
    values = [str(one.get("Value")) for one in told if one.get("Name") == name]
    if watched is not None and values != [re.split(r"[/]", watched.ref)[-1]]:
        yield wrong(
            "H24",
            alarm,
            "Dimensions",
            f"it watches {', '.join(values) or 'nothing'}, and not {rings.of}",
            f"name {rings.of} in its Dimensions",
        )


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, int | float):
        try:
            return float(found) == wanted
        except (TypeError, ValueError):
            return False
    return bool(found == wanted)


def judge_who_is_told(facts: Facts) -> Found:
    """Judges whether each alarm tells those who are to be told, and whether the mail was confirmed."""
    alarms = [
        one for one in facts.of_type(ALARM) if one.id in ALARMS and not isinstance(one.properties, Unknown)
    ]
    topics = [one.ref for one in facts.some("AlarmTopic")]
    given = facts.parameters.get("AlarmTopicArn", "none")
    expected = {*topics, *([given] if given != "none" else [])}
    if not facts.tells:
        yield Advice(
            "nobody is told of an alarm: there is no AlarmEmail and no AlarmTopicArn",
            "set AlarmEmail=you@example.com (docs/operations.md)",
        )
    for alarm in alarms:
        if lacking := expected - set(map(str, listed(alarm.get("AlarmActions")))):
            yield wrong(
                "H24",
                alarm,
                "AlarmActions",
                f"it does not tell {_last(sorted(lacking)[0])}",
                "add the topic to its AlarmActions",
            )
    for topic in facts.some("AlarmTopic"):
        yield from _topic(facts, topic)
    for topic in facts.some("FailureTopic"):
        if not isinstance(topic.properties, Unknown) and not facts.live and not topic.get("Subscription"):
            yield wrong(
                "H173", topic, "Subscription", "nobody is told of failed tasks", "subscribe FailureEmail"
            )
    for one in facts.of_type(SUBSCRIPTION):
        if as_text(one.get("PendingConfirmation")) == "true":
            yield wrong(
                "H24",
                one,
                "",
                f"the subscription of {one.get('Endpoint')} is not confirmed: it gets nothing",
                "open the mail of AWS, and confirm it",
            )


def _topic(facts: Facts, topic: Resource) -> Found:
    if isinstance(topic.properties, Unknown):
        yield NotKnown(topic.id, topic.properties.needs)
        return
    if str(topic.get("KmsMasterKeyId")).endswith("alias/aws/sns"):
        yield wrong(
            "H24",
            topic,
            "KmsMasterKeyId",
            "CloudWatch may not use AWS's own key: no mail comes",
            "take KmsMasterKeyId away, or use a key of your own",
        )
    told = listed(topic.get("Subscription"))
    endpoints = [one.get("Endpoint") for one in told if facts.live or one.get("Protocol") == "email"]
    if not facts.live and facts.parameters.get("AlarmEmail") not in endpoints:
        yield wrong(
            "H24",
            topic,
            "Subscription",
            "AlarmEmail is not subscribed: no mail comes",
            "add {Protocol: email, Endpoint: !Ref AlarmEmail}",
        )
    for policy in facts.some("AlarmTopicPolicy"):
        if isinstance(policy.properties, Unknown):
            continue
        lets = any(
            one.get("Effect") == "Allow"
            and covers(one, "sns:Publish", topic.arn)
            and "cloudwatch.amazonaws.com" in services(one)
            for one in own_statements(policy)
        )
        if not lets or (not facts.live and topic.ref not in listed(policy.get("Topics"))):
            said = "it does not let CloudWatch publish: no mail comes"
            yield wrong(
                "H24", policy, "PolicyDocument", said, "allow sns:Publish for cloudwatch.amazonaws.com"
            )


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]

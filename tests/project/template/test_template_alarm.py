"""Does somebody hear of a dead letter, and only if they asked to?"""

from __future__ import annotations

import pytest
from tests.project.template.reading import Template, arn, statements

from shared.ports.records import record_key


def test_the_first_dead_letter_raises_the_alarm(template: Template) -> None:
    alarm = template.properties("DeadLetterAlarm")

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert alarm["Dimensions"] == [
        {"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}
    ]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["EvaluationPeriods"] == 1


def test_the_alarm_is_there_without_an_address_too(template: Template) -> None:
    assert "Condition" not in template.resources["DeadLetterAlarm"]


def test_a_mail_is_sent_only_if_an_address_is_given(template: Template) -> None:
    # Given the condition that an address is given
    assert template.source["Conditions"]["HasAlarmEmail"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]
    }

    # Then the topic, its policy and the alarm's action all depend on it
    for name in ("AlarmTopic", "AlarmTopicPolicy"):
        assert template.resources[name]["Condition"] == "HasAlarmEmail"
    assert template.properties("DeadLetterAlarm")["AlarmActions"] == {
        "Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]
    }


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
    given = {"Queue2": "orders", "Queue2Fifo": "true"}
    alarms = [
        template.decided(statement["Condition"], **one)["ArnEquals"]["aws:SourceArn"] for one in ({}, given)
    ]
    assert alarms == [[arn("DeadLetterAlarm")], [arn("DeadLetterAlarm"), arn("OtherDeadLetterAlarm")]]


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

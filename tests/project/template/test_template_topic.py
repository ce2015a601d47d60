"""Topic and TopicTasks: what a stack has that publishes, and one that subscribes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.template.reading import Template, arn, statements

ARN = "arn:aws:sns:us-east-1:123456789012:orders"
OWN = {"Topic": "own", "TopicTasks": "order_placed,order_shipped"}
OTHERS = {"Topic": ARN, "TopicTasks": "order_placed"}
FROM = {"own": {"Ref": "TasksTopic"}, ARN: {"Ref": "Topic"}}


def there(template: Template, **given: str) -> set[str]:
    return {
        name
        for name in ("TasksTopic", "TasksTopicPolicy", "TasksSubscription")
        if template.holds(template.ours[name]["Condition"], **given)
    }


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, set()),
        ({"Topic": "own"}, {"TasksTopic", "TasksTopicPolicy"}),
        (OWN, {"TasksTopic", "TasksTopicPolicy", "TasksSubscription"}),
        ({"Topic": ARN}, set()),
        (OTHERS, {"TasksSubscription"}),
        ({"TopicTasks": "order_placed"}, set()),
    ],
)
def test_what_there_is(template: Template, given: dict[str, str], made: set[str]) -> None:
    assert there(template, **given) == made


@pytest.mark.parametrize("given", [OWN, OTHERS], ids=["own", "another stack's"])
class TestASubscriber:
    def test_gets_its_tasks_as_they_were_sent_and_what_it_cant_get_as_dead_letters(
        self, template: Template, given: dict[str, str]
    ) -> None:
        assert template.decided(template.properties("TasksSubscription"), **given) == {
            "TopicArn": FROM[given["Topic"]],
            "Protocol": "sqs",
            "Endpoint": arn("TaskQueue"),
            "RawMessageDelivery": True,
            "FilterPolicyScope": "MessageBody",
            "FilterPolicy": {"task": {"Fn::Split": [",", {"Ref": "TopicTasks"}]}},
            "RedrivePolicy": {"deadLetterTargetArn": arn("DeadLetterQueue")},
        }

    @pytest.mark.parametrize("queue", ["TaskQueue", "DeadLetterQueue"])
    def test_lets_this_topic_send_and_nobody_else(
        self, template: Template, given: dict[str, str], queue: str
    ) -> None:
        document = template.decided(template.properties(f"{queue}Policy")["PolicyDocument"], **given)

        (allowed,) = (one for one in statements(document) if one["Effect"] == "Allow")
        assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
        assert (allowed["Action"], allowed["Resource"]) == (["sqs:SendMessage"], [arn(queue)])
        assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": FROM[given["Topic"]]}}

    def test_is_not_there_before_it_may_be_delivered_to(
        self, template: Template, given: dict[str, str]
    ) -> None:
        depends = template.ours["TasksSubscription"]["DependsOn"]

        assert depends == ["TaskQueuePolicy", "DeadLetterQueuePolicy"]

    def test_has_tasks_that_may_publish_on_it(self, ours: Template, given: dict[str, str]) -> None:
        document = ours.decided(ours.properties("TasksPolicy")["PolicyDocument"], **given)
        (publishes,) = (one for one in statements(document) if one["Action"] == ["sns:Publish"])
        variables = ours.decided(ours.variables("WorkerFunction"), **given)

        assert publishes["Resource"] == [FROM[given["Topic"]]]
        assert variables["ZIGZAG_TOPIC_ARN"] == FROM[given["Topic"]]


def test_the_topic_refuses_anything_but_tls(template: Template) -> None:
    (statement,) = statements(template.properties("TasksTopicPolicy")["PolicyDocument"])

    assert (statement["Effect"], statement["Action"]) == ("Deny", ["sns:Publish"])
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_no_tasks_of_a_topic_without_one_nor_for_a_fifo_queue(template: Template) -> None:
    rule: dict[str, Any] = template.source["Rules"]["ATopicDeliversToAStandardQueue"]

    assert [one["Assert"] for one in rule["Assertions"]] == [
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "Topic"}, "none"]}]},
        {"Fn::Equals": [{"Ref": "Fifo"}, "false"]},
    ]

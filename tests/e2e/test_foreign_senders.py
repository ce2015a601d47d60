"""On the local AWS, which judges every role: S3, SNS and EventBridge send, and tasks are published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

TASKS = {"show": "foreign", "publish": "foreign"}
EVENTS = '\nEVENTS = {"s3": "show", "eventbridge:our.shop": "show", "alarm": "show"}\n'
ALARM = {"AlarmName": "late", "NewStateValue": "ALARM", "StateChangeTime": "2027-01-01T00:00:00.000+0000"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack that has a topic, and takes `show` from it; its queue `shown` is for the tests."""
    project: Path = tmp_path_factory.mktemp("project")

    def with_events(template: str) -> str:
        with (project / "src" / "tasks" / "__init__.py").open("a") as table:
            table.write(EVENTS)
        return template

    parameters = ("Topic=own", "TopicTasks=show,nothing", "Queue2=shown", "FlowControl=true")
    with deployed_copy(project, TASKS, *parameters, changed=with_events) as deployed:
        deployed.is_woken_by_tests_alone()
        deployed.set_consumer(ZIGZAG_QUEUES="")
        yield deployed


def let_in(deployed: Deployed, service: str, arn: str) -> None:
    """Lets a sender into the queue, as a person does who adds to the policy that the stack has made."""
    sqs, url = deployed.client("sqs"), deployed.outputs["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy", "QueueArn"])["Attributes"]
    policy = json.loads(attributes["Policy"])
    policy["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": attributes["QueueArn"],
            "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})


def shown(deployed: Deployed, many: int = 1) -> list[dict[str, Any]]:
    """Lets the consumer run until so many tasks have shown what they got, and returns that."""
    url = deployed.outputs["Queues"].split(" shown=")[1]
    found: list[dict[str, Any]] = []

    def all_of_it() -> bool:
        deployed.tick()
        answer = deployed.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            deployed.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= many

    assert wait_until(all_of_it, 60, 0.5), deployed.said()
    return found


def test_what_a_task_publishes_is_a_task_of_the_subscriber(deployed: Deployed) -> None:
    deployed.send(json.dumps({"task": "publish", "payload": {"id": "show-1", "a": 1}}))

    assert shown(deployed) == [{"id": "show-1", "payload": {"id": "show-1", "a": 1}}]


def test_what_it_did_not_subscribe_to_does_not_come(deployed: Deployed) -> None:
    topic = deployed.outputs["TopicArn"]
    for task, id in (("other", "no"), ("show", "yes")):
        message = json.dumps({"task": task, "payload": {}, "id": id})
        deployed.client("sns").publish(TopicArn=topic, Message=message)

    assert [one["id"] for one in shown(deployed)] == ["yes"]
    assert deployed.count() == 0


def test_an_object_of_s3_is_a_task_and_the_test_event_none(deployed: Deployed) -> None:
    s3 = deployed.client("s3")
    s3.create_bucket(Bucket="our-imports")
    let_in(deployed, "s3.amazonaws.com", "arn:aws:s3:::our-imports")
    s3.put_bucket_notification_configuration(
        Bucket="our-imports",
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": deployed.outputs["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )

    s3.put_object(Bucket="our-imports", Key="a first/ü.csv", Body=b"1")

    (one,) = shown(deployed)
    assert one["payload"]["Records"][0]["s3"]["object"]["key"] == "a first/ü.csv"
    assert deployed.ledger.dead_letters() == []


def test_an_event_of_a_bus_is_a_task_with_its_id(deployed: Deployed) -> None:
    events = deployed.client("events")
    events.put_rule(Name="shop", EventPattern=json.dumps({"source": ["our.shop"]}))
    events.put_targets(Rule="shop", Targets=[{"Id": "tasks", "Arn": deployed.outputs["QueueArn"]}])

    events.put_events(Entries=[{"Source": "our.shop", "DetailType": "SignedUp", "Detail": '{"name": "Ann"}'}])

    (one,) = shown(deployed)
    assert one["payload"]["detail"] == {"name": "Ann"}
    assert one["id"] == one["payload"]["id"]


def test_an_alarm_by_a_topic_that_is_not_raw_is_a_task(deployed: Deployed) -> None:
    sns = deployed.client("sns")
    topic = sns.create_topic(Name="ops")["TopicArn"]
    let_in(deployed, "sns.amazonaws.com", topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=deployed.outputs["QueueArn"])

    id = sns.publish(TopicArn=topic, Message=json.dumps(ALARM))["MessageId"]

    assert shown(deployed) == [{"id": id, "payload": ALARM}]

"""May another account, a topic, a bucket send, with its parameter and only then? MiniStack judges.

The stack is template.yaml without its functions. EventBridge's rules are not judged here: MiniStack delivers
theirs without asking the queue's policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.project.docs.pages import read
from tests.project.template.reading import TEMPLATE, parsed
from tests.project.template.yours import with_blocks

from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_local.running import LocalAws

TEXT = TEMPLATE.read_text(encoding="utf-8")
OURS = "000000000000"
NAMED = {
    "SenderAccounts": "222222222222",
    "SenderTopics": f"arn:aws:sns:us-east-1:{OURS}:named",
    "SenderBuckets": "arn:aws:s3:::named-uploads",
}
KINDS = ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup")


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with Emulator(tls=True, auth=True) as aws:
        yield aws


@pytest.fixture(scope="module", params=["without parameters", "with parameters"])
def queue(request: pytest.FixtureRequest, aws: LocalAws) -> tuple[str, bool]:
    """Returns the task queue's URL, and whether senders are named."""
    named = request.param == "with parameters"
    return deploy(aws, TEXT, NAMED if named else {}), named


def deploy(aws: LocalAws, text: str, parameters: Mapping[str, str]) -> str:
    """Deploys that part of a template. Returns the task queue's URL."""
    source = parsed(text)
    kept = {
        name: one for name, one in source["Resources"].items() if one["Type"] in KINDS or name == "WorkerRole"
    }
    body = {part: source[part] for part in ("Parameters", "Rules", "Conditions")} | {"Resources": kept}
    name = f"stack-{len(text)}-{len(parameters)}"
    formation = client(aws, "cloudformation")
    formation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(body),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    found = formation.describe_stack_resource(StackName=name, LogicalResourceId="TaskQueue")
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def client(aws: LocalAws, service: str, account: str = OURS) -> Any:
    """Returns a client of that account's root user, by MiniStack's rule that its number is its access key."""
    options = client_options(aws.environment() | {"AWS_ACCESS_KEY_ID": account})
    return session().client(service, **options)


def arn_of(aws: LocalAws, url: str) -> str:
    got = client(aws, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(got["Attributes"]["QueueArn"])


def received(aws: LocalAws, url: str) -> list[str]:
    messages = client(aws, "sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for one in messages:
        client(aws, "sqs").delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return [one["Body"] for one in messages]


@pytest.mark.parametrize(("account", "is_named"), [("222222222222", True), ("333333333333", False)])
def test_another_account_may_send_if_it_is_named(
    aws: LocalAws, queue: tuple[str, bool], account: str, is_named: bool
) -> None:
    url, named = queue

    with pytest.raises(ClientError, match="AccessDenied") if not (named and is_named) else nullcontext():
        client(aws, "sqs", account).send_message(QueueUrl=url, MessageBody=account)

    assert received(aws, url) == [account] * (named and is_named)


@pytest.mark.parametrize("action", ["receive_message", "purge_queue"])
def test_another_account_may_do_nothing_but_send(aws: LocalAws, queue: tuple[str, bool], action: str) -> None:
    url, _ = queue

    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(client(aws, "sqs", "222222222222"), action)(QueueUrl=url)


@pytest.mark.parametrize("topic", ["named", "another"])
def test_a_topic_delivers_if_it_is_named(aws: LocalAws, queue: tuple[str, bool], topic: str) -> None:
    url, named = queue
    sns = client(aws, "sns")
    arn = sns.create_topic(Name=topic)["TopicArn"]
    subscribed = sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=arn_of(aws, url),
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )

    sns.publish(TopicArn=arn, Message=topic)
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])

    assert received(aws, url) == ["named"] * (named and topic == "named")


@pytest.mark.parametrize(
    ("bucket", "account"),
    [("named-uploads", OURS), ("other-uploads", OURS), ("named-uploads", "222222222222")],
)
def test_a_bucket_reports_if_it_is_named_and_this_accounts(
    aws: LocalAws, queue: tuple[str, bool], bucket: str, account: str
) -> None:
    url, named = queue
    may = named and (bucket, account) == ("named-uploads", OURS)
    s3 = client(aws, "s3", account)
    s3.create_bucket(Bucket=bucket)
    events = [{"QueueArn": arn_of(aws, url), "Events": ["s3:ObjectCreated:*"]}]

    # When the bucket is told to report to the queue, and gets an object
    with nullcontext() if may else suppress(ClientError):
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": events}
        )
        s3.put_object(Bucket=bucket, Key="a", Body=b"")
        s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)

    assert any('"ObjectCreated:Put"' in body for body in received(aws, url)) is may


def test_the_pages_condition_of_address_refuses_sends_from_elsewhere_and_nothing_else(aws: LocalAws) -> None:
    part = read("docs/who-may-send.md").split("## Conditions of time and address\n")[1].split("\n## ")[0]
    url = deploy(aws, with_blocks(TEXT, part), {})
    sqs = client(aws, "sqs")

    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=url, MessageBody="from 127.0.0.1")

    assert received(aws, url) == []  # and is not refused
    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])

"""Counts what the tasks really did: by their effects, never by our own logs.

It counts mails that SES took, objects in the bucket, pushes that a subscriber of the topic got, and dead
letters with their reasons.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_local.clients import client_options, session
from zigzag_local.errors import LocalAwsError
from zigzag_local.pages import ask
from zigzag_local.running import LocalAws

ASK_SECONDS = 20
"""Most time for an answer. The emulator is slow while it starts many workers."""

LOOPBACK = "127.0.0.1"
"""The address of the sites that the crawler may visit although it is not public."""

SENDER = "welcome@example.com"
"""The default of the parameter MailFrom. SES sends only for an identity that it knows."""


class Ledger:
    """Makes the effects of the example tasks countable on a local AWS: verifies the mails' sender, lets the
    crawler visit this machine's sites, and subscribes a queue of its own to the news topic.

    outputs -- the outputs of the deployed stack.

    Raises LocalAwsError if the examples are gone.
    """

    def __init__(self, aws: LocalAws, outputs: Mapping[str, str]) -> None:
        self._aws = aws
        self._outputs = outputs
        if not {"PageBucketName", "NewsTopicArn"} <= outputs.keys():
            raise LocalAwsError(
                "The demo and the tests on the local AWS send the example tasks, and template.yaml no longer "
                "has what these need (PageBucketName, NewsTopicArn): try your own tasks with `make up`."
            )
        self._client("sesv2").create_email_identity(EmailIdentity=SENDER)
        self._let_crawl_this_machine()
        self._pushes_url = self._subscribe()

    def mails(self) -> Counter[str]:
        """Returns the number of mails to each address."""
        said = self._ask("/_ministack/ses/messages")
        return Counter(
            address for mails in said["messages"].values() for mail in mails for address in mail["To"]
        )

    def objects(self) -> set[str]:
        """Returns the keys of the stored pages."""
        pages = self._client("s3").get_paginator("list_objects_v2")
        with _as_local_aws_error():
            return {
                entry["Key"]
                for page in pages.paginate(Bucket=self._outputs["PageBucketName"])
                for entry in page.get("Contents", [])
            }

    def pushes(self) -> Counter[str]:
        """Returns the number of pushes to each subscriber."""
        envelopes = (json.loads(message["Body"]) for message in self._peek(self._pushes_url))
        return Counter(one["MessageAttributes"]["subscriber"]["Value"] for one in envelopes)

    def dead_letters(self) -> list[dict[str, Any]]:
        """Returns each dead letter: its body, and the note with the reason."""
        urls = (self._outputs.get(name) for name in ("DeadLetterQueueUrl", "OtherDeadLetterQueueUrl"))
        return [
            {"body": message["Body"], **json.loads(_text(message, "zigzag"))}
            for url in urls
            if url is not None
            for message in self._peek(url)
        ]

    def queued(self) -> list[dict[str, Any]]:
        """Returns the messages on the task queue, without receiving them."""
        return self._peek(self._outputs["QueueUrl"])

    def _let_crawl_this_machine(self) -> None:
        functions, worker = self._client("lambda"), self._outputs["WorkerFunctionName"]
        variables = functions.get_function_configuration(FunctionName=worker)["Environment"]["Variables"]
        also = {"Variables": {**variables, "CRAWL_ALSO": LOOPBACK}}
        functions.update_function_configuration(FunctionName=worker, Environment=also)

    def _subscribe(self) -> str:
        sqs, topic = self._client("sqs"), self._outputs["NewsTopicArn"]
        url = str(sqs.create_queue(QueueName="ledger")["QueueUrl"])
        wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = wanted["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self._client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return url

    def _client(self, service: str) -> Any:
        return session().client(service, **client_options(self._aws.environment()))  # type: ignore[call-overload]

    def _peek(self, queue_url: str) -> list[dict[str, Any]]:
        accounts = self._ask("/_ministack/sqs/messages?" + urlencode({"QueueUrl": queue_url}))["messages"]
        return [
            message
            for regions in accounts.values()
            for queues in regions.values()
            for message in queues.get(queue_url, [])
        ]

    def _ask(self, path: str) -> dict[str, Any]:
        with _as_local_aws_error():
            return ask(self._aws, path, seconds=ASK_SECONDS)


@contextmanager
def _as_local_aws_error() -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException, BotoCoreError, ClientError) as error:
        raise LocalAwsError(
            f"The local AWS does not answer any more: start again. It said: {error}"
        ) from error


def _text(message: Mapping[str, Any], attribute: str) -> str:
    value = message["MessageAttributes"].get(attribute, {})
    return str(value.get("StringValue", "{}"))

"""The queues that were taken out of a stack, and that SQS still has with what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_operate.counts import depths
from zigzag_operate.errors import OperateError
from zigzag_operate.queues import queues_of
from zigzag_operate.target import Target

STACK, QUEUE = "zigzag:stack", "zigzag:queue"
"""The tags of each queue in the template. Tags of CloudFormation's own are not said to stay with a queue that
it retains."""

_PREFIX_CHARACTERS = 30
"""So many of a stack's name are looked for. CloudFormation begins a queue's name with the stack's, of which
it leaves the end out if all would be more than SQS's 80 characters."""


@dataclass(frozen=True, slots=True)
class KeptQueue:
    """A queue that nothing polls any more.

    queue                       -- its name when it was in the stack.
    waiting, in_flight, delayed -- SQS's counts of its messages.
    """

    queue: str
    url: str
    waiting: int
    in_flight: int
    delayed: int


def kept(target: Target) -> list[KeptQueue]:
    """Returns the queues with the stack's tag that are no longer in the stack.

    Needs the permissions `sqs:ListQueues`, `sqs:ListQueueTags` and `sqs:GetQueueAttributes`. Raises
    OperateError, also without them.
    """
    stack, sqs = target.stack_as_it_is(), target.client("sqs")
    there = {url for queue in queues_of(stack).values() for url in (queue.url, queue.dead_letter_url)}
    try:
        pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=target.stack[:_PREFIX_CHARACTERS])
        urls = [url for page in pages for url in page.get("QueueUrls", [])]
        tagged = [(url, _tags(sqs, url)) for url in urls if url not in there]
        return [
            KeptQueue(tags.get(QUEUE, "").partition(":")[0], url, **depths(sqs, url))  # without its weight
            for url, tags in tagged
            if tags.get(STACK) == target.stack
        ]
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"no queue that was taken out is looked for: {cause(error)}") from error


def _tags(sqs: Any, url: str) -> dict[str, str]:
    try:
        found: dict[str, str] = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
    except ClientError as error:
        if "NonExistentQueue" in str(error.response["Error"]["Code"]):
            return {}  # SQS lists a deleted queue for a while
        raise
    return found

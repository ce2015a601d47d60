"""Pushes one headline to many subscribers, by Amazon SNS, ten in a call."""

import functools
import os
from itertools import batched
from typing import Any

import boto3
from pydantic import BaseModel, Field

from zigzag import Context, task

MAX_PER_CALL = 10


class News(BaseModel):
    headline: str = Field(min_length=1)
    subscribers: list[str] = Field(min_length=1, max_length=1000)


@functools.cache
def _sns() -> Any:
    return boto3.client("sns")


@task
def push_news(news: News, context: Context) -> None:
    """Pushes the headline to every subscriber.

    SNS can accept some and refuse others. An error of the task would push again to subscribers that have the
    headline. So the task sends a new message for those that SNS could not serve now, and leaves out those
    that SNS refuses.
    """
    missed: list[str] = []
    refused = 0
    for subscribers in batched(news.subscribers, MAX_PER_CALL, strict=False):
        answer = _sns().publish_batch(
            TopicArn=os.environ["NEWS_TOPIC_ARN"],
            PublishBatchRequestEntries=[
                {
                    "Id": str(number),
                    "Message": news.headline,
                    "MessageAttributes": {"subscriber": {"DataType": "String", "StringValue": subscriber}},
                }
                for number, subscriber in enumerate(subscribers)
            ],
        )
        for failed in answer.get("Failed", []):
            if failed["SenderFault"]:
                refused += 1
            else:
                missed.append(subscribers[int(failed["Id"])])
    if missed:
        push_news.send(News(headline=news.headline, subscribers=missed), delay_seconds=30)
    pushed = len(news.subscribers) - len(missed) - refused
    context.log.info("pushed to %d, again later to %d, refused for %d", pushed, len(missed), refused)

"""A bulk push: one headline to many subscribers, by Amazon SNS, ten a call."""

import functools
import os
from itertools import batched
from typing import Any

import boto3
from pydantic import BaseModel, Field

from zigzag import Context, task

MOST_PER_CALL = 10


class News(BaseModel):
    headline: str = Field(min_length=1)
    subscribers: list[str] = Field(min_length=1, max_length=1000)


@functools.cache
def _sns() -> Any:
    return boto3.client("sns")


@task()
def push_news(news: News, context: Context) -> None:
    """Pushes the headline to every subscriber.

    SNS can take some and refuse others. Raising would push again to those who have it, so the task
    sends a new message for the rest.
    """
    missed: list[str] = []
    for subscribers in batched(news.subscribers, MOST_PER_CALL, strict=False):
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
        missed += [subscribers[int(failed["Id"])] for failed in answer.get("Failed", [])]
    if missed:
        push_news.send(News(headline=news.headline, subscribers=missed), delay_seconds=30)
    context.log.info("pushed to %d, again later to %d", len(news.subscribers) - len(missed), len(missed))

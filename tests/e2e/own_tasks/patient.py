"""A task that takes as long as it is told, and whose effect can be counted."""

import time

from pydantic import BaseModel

from tasks.push_news import News, push_news
from zigzag import Context, task


class Slow(BaseModel):
    subscriber: str
    seconds: float = 0


@task()
def patient(slow: Slow, context: Context) -> None:
    time.sleep(slow.seconds)
    push_news(News(headline="Hello", subscribers=[slow.subscriber]), context)

"""The `Notices` port on an SNS topic. Only a notice loads boto3."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any

from shared.aws.identity import Identity
from shared.aws.within import TooSlowError, within
from shared.errors import words
from shared.ports.notices import Notice, NoticeError

_CONNECT_SECONDS, _ANSWER_SECONDS = 2.0, 3.0
MAX_TITLE_CHARACTERS = 99
"""SNS takes a subject of fewer than 100 ASCII characters
(https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)."""


class SnsNotices:
    """Sends notices to the topic, with the variables of the process as they are now.

    dead_letter_url -- the URL of the dead-letter queue.
    """

    def __init__(self, topic: str, dead_letter_url: str) -> None:
        self.dead_letter_url = dead_letter_url
        self._topic = topic
        self._identity = Identity(os.environ)

    async def publish(self, notice: Notice, seconds: float) -> None:
        try:
            within(seconds, partial(self._publish, notice))
        except TooSlowError:
            raise NoticeError(f"no answer of SNS in {seconds:.0f} s", maybe=True) from None
        except Exception as error:
            raise NoticeError(words(error), maybe=_may_have_been_sent(error)) from error

    def _publish(self, notice: Notice) -> None:
        import boto3
        from botocore.config import Config

        once = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
        )
        client: Any = self._identity.client(boto3.Session, "sns", config=once)
        try:
            client.publish(
                TopicArn=self._topic,
                Subject=_ascii(notice.title),
                MessageStructure="json",
                Message=json.dumps({"default": notice.short, "email": notice.text}),
            )
        finally:
            client.close()


def _ascii(title: str) -> str:
    """Returns the title as SNS takes it: ASCII that can be printed."""
    known = title.encode("ascii", "replace").decode()
    return "".join(one if one.isprintable() else " " for one in known)[:MAX_TITLE_CHARACTERS]


def _may_have_been_sent(error: Exception) -> bool:
    """Returns whether all or part of the call was sent, and no answer came."""
    return type(error).__name__ in ("ReadTimeoutError", "ConnectionClosedError", "ResponseStreamingError")

"""What do the functions on the local AWS say?

MiniStack stores a function's lines in its log group when the invocation ends, all with that time:
a tick that lingers a minute is silent until its end.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_local.clients import client_options, session
from zigzag_local.errors import LocalAwsError

POLL_SECONDS = 1.0
OVERLAP_SECONDS = 60  # of what is read again at each look, for lines that came late

type Said = tuple[int, str, str, str]  # milliseconds, function, log stream, text


@dataclass(frozen=True, kw_only=True)
class Line:
    time: datetime  # UTC
    function: str
    text: str


def follow(
    environment: Mapping[str, str],
    groups: Mapping[str, str],
    since: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Line]:
    """Yield what the functions have said since then (default: from the start), and go on.

    Args:
        environment: LocalAws.environment().
        groups: the log group of each function, by the name to call it.
        since: leave out what is older.
        sleep: waits so many seconds between two looks.

    Raises:
        LocalAwsError: the local AWS is no longer there, or a log group isn't.
    """
    seen: Counter[Said] = Counter()
    start = 0 if since is None else int(since.timestamp() * 1000)
    while True:
        current = Counter(_said(environment, groups, start))
        new = sorted((current - seen).elements(), key=lambda said: said[0])
        for millis, function, _stream, text in new:
            moment = datetime.fromtimestamp(millis / 1000, UTC)
            yield Line(time=moment, function=function, text=text)
            start = max(start, millis - OVERLAP_SECONDS * 1000)
        seen |= current
        sleep(POLL_SECONDS)


def _said(environment: Mapping[str, str], groups: Mapping[str, str], start: int) -> Iterator[Said]:
    """What the groups hold from `start` on. MiniStack gives events no id to know them by."""
    logs = session().client("logs", **client_options(environment))
    pages = logs.get_paginator("filter_log_events")
    for function, group in groups.items():
        try:
            for page in pages.paginate(logGroupName=group, startTime=start):
                for event in page["events"]:
                    text = event["message"].rstrip()
                    yield event["timestamp"], function, event["logStreamName"], text
        except (BotoCoreError, ClientError) as error:
            raise LocalAwsError(f"No logs of {function} ({error}): run `make up`.") from error

"""Follows the logs of the functions on the local AWS.

MiniStack stores a function's lines in its log group when the invocation ends, all with that time. So a tick
that lingers for a minute shows no line until its end.
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
LAMBDAS_OWN = ("START RequestId", "END RequestId", "REPORT RequestId")
"""Lines of MiniStack about each invocation. On AWS, SystemLogLevel leaves them out."""

OVERLAP_SECONDS = 60  # read again at each look, for lines that came late

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
    """Yields the functions' log lines, and waits for more.

    environment -- that of LocalAws.environment().
    groups      -- the log group of each function, by the name to show.
    since       -- older lines are left out; None shows all.
    sleep       -- waits for some seconds between two looks.

    Raises LocalAwsError if the local AWS or a log group has gone.
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
    """Yields the lines of the groups from `start` on. MiniStack gives events no id."""
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

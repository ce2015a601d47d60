"""Measures the local AWS's queues and functions as CloudWatch does, and judges the alarms on them.

MiniStack publishes no metrics of SQS's, counts Lambda's when an invoke is asked for, ignores an alarm's
dimensions, and never judges missing data. So the metrics of `AWS/SQS` and `AWS/Lambda`, and the alarms on
them, are ours: this module measures, and `minutes.py` publishes and judges. Both run in MiniStack's process,
and need only the standard library.

A message that SNS, EventBridge or S3 puts on a queue is not counted as sent.
"""

from __future__ import annotations

import contextvars
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

from zigzag_local.alarms import MINUTE

SQS, LAMBDA = "AWS/SQS", "AWS/Lambda"

KEPT_MINUTES = 360
"""Values of a metric that are kept, which takes 10 MB. Each alarm of the template looks at 22 at most."""

AGE_UNTIL_RECEIVES = 3
"""A standard queue's age leaves out what was received so often
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html)."""

type Key = tuple[str, str, str]
"""A metric: namespace, name and the dimension, such as `QueueName=tasks`, as MiniStack writes it."""


class Values(NamedTuple):
    """The known values of a metric in one minute."""

    samples: int
    total: float
    least: float
    most: float

    def with_one(self, value: float) -> Values:
        return Values(self.samples + 1, self.total + value, min(self.least, value), max(self.most, value))

    def statistics(self) -> dict[str, float]:
        """Returns each of CloudWatch's basic statistics, by its name."""
        return {
            "SampleCount": self.samples,
            "Sum": self.total,
            "Minimum": self.least,
            "Maximum": self.most,
            "Average": self.total / self.samples,
        }


class Meter:
    """Keeps what was measured in the last minutes.

    minute_seconds -- how long a minute of the alarms takes.
    now            -- returns the time in epoch seconds.
    """

    def __init__(self, minute_seconds: float = MINUTE, now: Callable[[], float] = time.time) -> None:
        self.minute_seconds, self.now = minute_seconds, now
        self._began = now()
        self._lock = Lock()  # functions end in threads of their own
        self._all: dict[Key, dict[int, Values]] = defaultdict(dict)
        self._new: dict[Key, dict[int, Values]] = defaultdict(dict)

    def minute(self) -> int:
        """Returns the number of the minute that is now, from 0."""
        return int((self.now() - self._began) / self.minute_seconds)

    def begins_at(self, minute: int) -> float:
        return self._began + minute * self.minute_seconds

    def add(self, key: Key, value: float = 1, minute: int | None = None) -> None:
        """Adds a value to a metric, in this minute or in an earlier one."""
        at = self.minute() if minute is None else minute
        with self._lock:
            for values in (self._all[key], self._new[key]):
                values[at] = values[at].with_one(value) if at in values else Values(1, value, value, value)

    def new(self) -> dict[Key, dict[int, Values]]:
        """Returns what was added since the last call, by metric and minute; and forgets old minutes."""
        oldest = self.minute() - KEPT_MINUTES
        with self._lock:
            new, self._new = self._new, defaultdict(dict)
            for key, values in list(self._all.items()):
                self._all[key] = {at: one for at, one in values.items() if at > oldest}
        return new

    def values(self, key: Key, first: int, last: int) -> list[Values | None]:
        """Returns the metric's values of the minutes from `first` to `last`."""
        with self._lock:
            known = self._all.get(key, {})
            return [known.get(minute) for minute in range(first, last + 1)]


# ---- What is measured ----


def of_queue(url_or_arn: str, name: str) -> Key:
    return SQS, name, f"QueueName={url_or_arn.replace(':', '/').rpartition('/')[2]}"


def of_function(function: str, name: str) -> Key:
    return LAMBDA, name, f"FunctionName={function}"


def depths(queue: Mapping[str, Any], now: float, speed: float = 1) -> dict[str, float]:
    """Returns the metrics of what is on a queue of MiniStack's.

    speed -- how much faster the alarms' time goes than ours. Ages are told in that time.
    """
    visible = delayed = hidden = 0
    oldest = now
    for message in list(queue["messages"]):
        sent, received = message.get("sent_at", now), message.get("receive_count", 0)
        if message.get("visible_at", sent) <= now:
            visible += 1
        elif received:
            hidden += 1
        else:
            delayed += 1
        if queue["is_fifo"] or received < AGE_UNTIL_RECEIVES:
            oldest = min(oldest, message.get("enqueued_at", sent))
    return {
        "ApproximateNumberOfMessagesVisible": visible,
        "ApproximateNumberOfMessagesNotVisible": hidden,
        "ApproximateNumberOfMessagesDelayed": delayed,
        "ApproximateAgeOfOldestMessage": int((now - oldest) * speed),
    }


def watch_queues(sqs: Any, meter: Meter) -> None:
    """Has the module ministack.services.sqs tell how many messages are sent, received and deleted."""
    handlers, its_collect, its_delete = sqs._HANDLERS, sqs._collect_msgs, sqs._delete_messages_for_esm

    def watched(action: str, name: str) -> Callable[[dict[str, Any], str], Any]:
        its_action = handlers[action]

        def act(data: dict[str, Any], url: str) -> Any:
            result = its_action(data, url)
            for _ in result.get("Successful", [None]):  # of a batch
                meter.add(of_queue(data.get("QueueUrl", url), name))
            return result

        return act

    def collect(queue: Any, *how: Any) -> Any:
        found = its_collect(queue, *how)
        for _ in found:
            meter.add(of_queue(queue["attributes"]["QueueArn"], "NumberOfMessagesReceived"))
        return found

    def delete(url: str, handles: Any) -> None:
        """Deletes what an event source has worked."""
        its_delete(url, handles)
        for _ in handles:
            meter.add(of_queue(url, "NumberOfMessagesDeleted"))

    for action, name in (("Send", "Sent"), ("Delete", "Deleted")):
        for kind in ("Message", "MessageBatch"):
            handlers[action + kind] = watched(action + kind, f"NumberOfMessages{name}")
    sqs._collect_msgs, sqs._delete_messages_for_esm = collect, delete


IS_EVENT = contextvars.ContextVar("IS_EVENT", default=False)
"""Whether an invocation is asynchronous."""


@contextmanager
def an_event() -> Iterator[None]:
    token = IS_EVENT.set(True)
    try:
        yield
    finally:
        IS_EVENT.reset(token)


def watch_functions(lambdas: Any, meter: Meter) -> None:
    """Has the module ministack.services.lambda_svc tell what becomes of invocations.

    Lambda counts an error in the minute in which the invocation began, and an event as dropped also if all
    its tries ended with an error
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html).
    """
    its_dispatch, its_acquire = lambdas._execute_function_dispatch, lambdas._acquire_execution_slot
    its_invoke = lambdas.invoke_async_with_retry

    def dispatch(function: Any, configuration: Any, *more: Any) -> Any:
        name, began, minute = configuration["FunctionName"], time.monotonic(), meter.minute()
        meter.add(of_function(name, "Invocations"))
        meter.add(of_function(name, "Throttles"), 0)
        result = its_dispatch(function, configuration, *more)
        is_error = isinstance(result, dict) and bool(result.get("error"))
        meter.add(of_function(name, "Errors"), int(is_error), minute)
        meter.add(of_function(name, "Duration"), (time.monotonic() - began) * 1000, minute)
        if is_error and IS_EVENT.get() and _retries(function) == 0:
            meter.add(of_function(name, "AsyncEventsDropped"))
        return result

    def acquire(function: Any, configuration: Any) -> Any:
        slot, limit = its_acquire(function, configuration)
        if slot is None and IS_EVENT.get():
            meter.add(of_function(configuration["FunctionName"], "AsyncEventsDropped"))
        return slot, limit

    def invoke(*event: Any) -> Any:
        with an_event():
            return its_invoke(*event)

    lambdas._execute_function_dispatch, lambdas._acquire_execution_slot = dispatch, acquire
    lambdas.invoke_async_with_retry = invoke
    lambdas._emit_lambda_metrics = lambda *_, **__: None  # MiniStack's own count


def _retries(function: Mapping[str, Any]) -> int:
    """Returns how often an event is tried again after an error."""
    of_latest = (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    return int(of_latest.get("MaximumRetryAttempts", 2))

"""Ends each minute of the local AWS: publishes what `meter.py` has measured, and judges the alarms on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from zigzag_local.alarms import MINUTE, MORE, is_on
from zigzag_local.meter import KEPT_MINUTES, LAMBDA, SQS, Meter, depths, of_queue

KEPT_CHANGES = 1_000
"""Entries of the alarms' history that are kept."""

PUBLISHED = ("SampleCount", "Sum", "Minimum", "Maximum")

LOGGER = logging.getLogger("zigzag_local.minutes")

type Application = Callable[[Any, Any, Any], Awaitable[None]]


class Minutes:
    """Publishes and judges. It runs on the server's loop, where the queues are changed, too.

    sqs, cloudwatch -- the modules of ministack.services.
    """

    def __init__(self, meter: Meter, sqs: Any, cloudwatch: Any) -> None:
        self._meter, self._sqs, self._cloudwatch = meter, sqs, cloudwatch
        its_judge = cloudwatch._evaluate_alarm
        cloudwatch._evaluate_alarm = lambda alarm: None if _is_ours(alarm) else its_judge(alarm)

    async def run(self) -> None:
        """Ends each minute, until it is cancelled."""
        while True:
            minute = self._meter.minute()
            await asyncio.sleep(max(0, self._meter.begins_at(minute + 1) - self._meter.now()))
            try:
                self.end(minute)
            except Exception:  # the next minute may be better
                LOGGER.exception("A minute could not be measured")

    def end(self, minute: int) -> None:
        for queue in list(self._sqs._queues.values()):
            for name, value in depths(queue, self._meter.now(), MINUTE / self._meter.minute_seconds).items():
                self._meter.add(of_queue(queue["attributes"]["QueueArn"], name), value, minute)
        self._publish()
        for alarm in filter(_is_ours, list(self._cloudwatch._alarms.values())):
            with suppress(KeyError, ValueError):  # one that `alarms.py` can't judge stays as it is
                self._judge(alarm, minute)
        changes = self._cloudwatch._history_entries()
        del changes[:-KEPT_CHANGES]

    def _publish(self) -> None:
        """Gives MiniStack what is new. It adds up all points of a period."""
        for key, minutes in self._meter.new().items():
            points = self._cloudwatch._metric_bucket(key)
            dimension = dict([key[2].split("=", 1)])
            for minute, values in minutes.items():
                statistics = {name: values.statistics()[name] for name in PUBLISHED}
                time = self._meter.begins_at(minute)
                point = {"Timestamp": time, "Value": values.most, "Unit": "None", "Dimensions": dimension}
                points.append({**point, "_stat": statistics})
            del points[:-KEPT_MINUTES]

    def _judge(self, alarm: dict[str, Any], minute: int) -> None:
        """Sets the alarm's state. MiniStack then tells the alarm's topics."""
        statistic, (dimension,) = alarm["Statistic"], alarm["Dimensions"]
        key = alarm["Namespace"], alarm["MetricName"], f"{dimension['Name']}={dimension['Value']}"
        seen = self._meter.values(key, minute - alarm["EvaluationPeriods"] - MORE + 1, minute)
        state = "ALARM" if is_on(alarm, [one and one.statistics()[statistic] for one in seen]) else "OK"
        if state != alarm["StateValue"]:
            why = f"{alarm['MetricName']} of {dimension['Value']} in the last {len(seen)} minutes"
            change = {"AlarmName": alarm["AlarmName"], "StateValue": state, "StateReason": why}
            self._cloudwatch._set_alarm_state({}, change, is_cbor=False, is_json=True)


def _is_ours(alarm: Mapping[str, Any]) -> bool:
    return alarm.get("Namespace") in (SQS, LAMBDA)


def shorten_rates(events: Any, minute_seconds: float) -> None:
    """Has the module ministack.services.eventbridge fire a rule of `rate(1 minute)` once a minute of ours."""
    its_parse = events._parse_rate_seconds

    def parse(expression: str) -> float | None:
        seconds = its_parse(expression)
        return None if seconds is None else seconds * minute_seconds / MINUTE

    events._parse_rate_seconds = parse
    events._SCHEDULER_TICK_INTERVAL = min(events._SCHEDULER_TICK_INTERVAL, minute_seconds / 4)


def measured(application: Application, minutes: Minutes) -> Application:
    """Returns the application, whose start begins the minutes."""
    running = set[asyncio.Task[None]]()

    async def measured(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            running.add(asyncio.create_task(minutes.run()))
        await application(scope, receive, send)

    return measured

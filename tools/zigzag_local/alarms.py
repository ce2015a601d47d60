"""When is a CloudWatch alarm on? The judge of scripted series in virtual time, and of the local AWS's own.

The rules are those of CloudWatch's page, in whose tables each case has a line
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html):

- It reads more points than the alarm's N: those of its evaluation range. AWS does not say how many. In its
  tables it is 2 more.
- With N real points in the range, the newest N of them decide. Missing ones are ignored.
- With fewer, all of them count, and `TreatMissingData` fills in up to N.
- With M breaching ones among these N the alarm is on, otherwise it is off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

MINUTE = 60
MORE = 2
"""Points that the evaluation range has beyond the alarm's N."""

COMPARE = {
    "GreaterThanThreshold": gt,
    "GreaterThanOrEqualToThreshold": ge,
    "LessThanThreshold": lt,
    "LessThanOrEqualToThreshold": le,
}
MISSING = {"breaching": True, "notBreaching": False}

type Series = Sequence[float | None]
"""A value for each minute, None where AWS reported none."""


class Metric(NamedTuple):
    """A metric that an alarm watches. `dimensions` are pairs of name and value; all must be named."""

    namespace: str
    name: str
    statistic: str
    dimensions: frozenset[tuple[str, str]]


def metric_of(alarm: Mapping[str, Any]) -> Metric:
    """Returns the metric that an alarm with these properties (of `AWS::CloudWatch::Alarm`) watches."""
    dimensions = frozenset((one["Name"], one["Value"]) for one in alarm["Dimensions"])
    return Metric(alarm["Namespace"], alarm["MetricName"], alarm["Statistic"], dimensions)


def states(alarm: Mapping[str, Any], metrics: Mapping[Metric, Series], more: int = MORE) -> list[bool]:
    """Returns for each minute of the series whether the alarm is on at its end.

    metrics -- the series by what they measure. One that is not there is missing all the time.
    more    -- by how many points the evaluation range is longer than the alarm's N.

    Raises ValueError for an alarm that this can't judge.
    """
    _check(alarm)
    minutes = max(map(len, metrics.values()), default=0)
    series = metrics.get(metric_of(alarm), [None] * minutes)
    return [is_on(alarm, series[:now], more) for now in range(1, minutes + 1)]


def is_on(alarm: Mapping[str, Any], series: Series, more: int = MORE) -> bool:
    """Returns whether the alarm is on at the end of its metric's series.

    Raises ValueError for an alarm that this can't judge.
    """
    _check(alarm)
    periods: int = alarm["EvaluationPeriods"]
    compare = COMPARE[alarm["ComparisonOperator"]]
    seen = [compare(value, alarm["Threshold"]) for value in series[-periods - more :] if value is not None]
    real = seen[-periods:]
    filled = [MISSING[alarm["TreatMissingData"]]] * (periods - len(real))
    return bool(sum(real + filled) >= alarm.get("DatapointsToAlarm", periods))


def _check(alarm: Mapping[str, Any]) -> None:
    if alarm["Period"] != MINUTE or alarm["TreatMissingData"] not in MISSING:
        raise ValueError("judged is a Period of 60 with TreatMissingData breaching or notBreaching only")
    if alarm["ComparisonOperator"] not in COMPARE:
        raise ValueError("judged is a comparison with a threshold only")

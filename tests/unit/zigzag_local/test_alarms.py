"""Does the judge of alarms say what CloudWatch's own page says?"""

from __future__ import annotations

from typing import Any

import pytest

from zigzag_local.alarms import metric_of, states

ALARM: dict[str, Any] = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Dimensions": [{"Name": "QueueName", "Value": "tasks"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 5,
}
POINTS = {"0": 5.0, "X": 6.0, "-": None}


@pytest.mark.parametrize(
    ("least", "points", "breaching", "not_breaching"),
    [
        (3, "0-X-X", False, False),
        (3, "0----", False, False),
        (3, "-----", True, False),
        (3, "0XX-X", True, True),
        (3, "----X", True, False),
        (3, "X----", True, False),
        (2, "0-X-X", True, True),
        (2, "00X0X", True, True),
        (2, "0-X--", True, False),
        (2, "----0", True, False),
        (2, "----X", True, False),
    ],
)
def test_the_tables_of_cloudwatchs_page(
    least: int, points: str, breaching: bool, not_breaching: bool
) -> None:
    series = [POINTS[one] for one in points]
    told = {"breaching": breaching, "notBreaching": not_breaching}

    for missing, wanted in told.items():
        alarm = ALARM | {"DatapointsToAlarm": least, "TreatMissingData": missing}
        assert states(alarm, {metric_of(alarm): series})[-1] is wanted


def test_a_period_that_it_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="a Period of 60"):
        states(ALARM | {"Period": 300, "TreatMissingData": "breaching"}, {})

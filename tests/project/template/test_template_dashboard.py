"""Does the dashboard show what the alarms watch, of each queue, and is it made only if it was asked for?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.project.docs.pages import read
from tests.project.template.reading import Template
from tests.project.template.test_template_alarm import ALL, EMAIL, alarms

from zigzag_operate.cost.lines import price

ON = {"Dashboard": "true"}


def filled(value: Any, given: dict[str, str]) -> str:
    """Returns the text of Fn::Sub and Fn::Join, with the resource's name for what only AWS knows."""
    if isinstance(value, str):
        return value
    ((function, of),) = value.items()
    if function == "Fn::Join":
        separator, parts = of
        return str(separator.join(filled(part, given) for part in parts))
    text, names = of if isinstance(of, list) else (of, {})
    known = given | {name: filled(one, given) for name, one in names.items()}
    return re.sub(r"\$\{([\w:]+)(?:\.\w+)?\}", lambda found: known.get(found[1], found[1]), text)


def shown(template: Template, given: dict[str, str]) -> set[tuple[str, str, str]]:
    """Returns the metrics of all widgets: namespace, name, and the resource whose it is."""
    body = template.decided(template.properties("StackDashboard")["DashboardBody"], **given)
    metrics = set[tuple[str, str, str]]()
    for widget in json.loads(filled(body, given))["widgets"]:
        before: list[str] = []
        for row in widget["properties"]["metrics"]:
            words = [one for one in row if isinstance(one, str)]
            if words[0] == "...":
                words = [*before[: len(before) - len(words) + 1], *words[1:]]
            words = [old if one == "." else one for one, old in zip(words, before or words, strict=True)]
            namespace, name, dimension, of = before = words
            assert dimension == {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName"}[namespace]
            metrics.add((namespace, name, of))
    return metrics


@pytest.mark.parametrize("given", [EMAIL, ALL], ids=["one queue", "five queues"])
def test_it_shows_what_the_alarms_watch_of_each_queue(ours: Template, given: dict[str, str]) -> None:
    queues = [name for name in ours.of_type("AWS::SQS::Queue") if there(ours, name, given)]
    watched = {
        (one["Namespace"], one["MetricName"], one["Dimensions"][0]["Value"])
        for one in alarms(ours, **given).values()
    }

    metrics = shown(ours, given | ON)

    assert watched <= metrics
    assert {name for namespace, _, name in metrics if namespace == "AWS/SQS"} == set(queues)


def there(template: Template, name: str, given: dict[str, str]) -> bool:
    condition = template.resources[name].get("Condition")
    return condition is None or template.holds(condition, **given)


def test_the_page_names_the_dashboards_metrics_and_its_price(ours: Template) -> None:
    section = read("docs/logs-and-metrics.md").partition("\n## The dashboard\n")[2].partition("\n## ")[0]

    told = {tuple(one) for one in re.findall(r"`(AWS/\w+)` \| `(\w+)`", section)}

    assert told == {(namespace, name) for namespace, name, _ in shown(ours, ALL | ON)}
    assert f" = ${price('cloudwatch', 'dashboard_month'):.2f}" in section


def test_there_is_none_unless_it_was_asked_for(ours: Template) -> None:
    assert not ours.holds(ours.resources["StackDashboard"]["Condition"])

"""Is docs/data.md right: each store of the template, how long it keeps, and which roles read it?"""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.project.docs.pages import read
from tests.project.template.reading import TEMPLATE, Template, arn, statements
from tests.project.template.reading import read as read_template
from tests.project.template.yours import without_yours

from shared.lease import RECORD_SECONDS

DAY = 86_400
STORES = {
    "SQS::Queue",
    "DynamoDB::Table",
    "Logs::LogGroup",
    "S3::Bucket",
    "SNS::Topic",
    "Scheduler::ScheduleGroup",
}
READS = {
    "SQS::Queue": {"sqs:ReceiveMessage"},
    "DynamoDB::Table": {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
    "Logs::LogGroup": {"logs:FilterLogEvents"},
    "S3::Bucket": {"s3:GetObject"},
    "Scheduler::ScheduleGroup": {"scheduler:GetSchedule"},
}
"""Actions that bring what is in a store. UpdateItem returns the item."""

ALL = {"OperatorPolicies": "true", "Scheduler": "true", "LargePayloads": "true", "FlowControl": "true"}
ALL |= {"Trigger": "events", "Queue2": "a", "Queue2Fifo": "true", "Queue3": "b", "Queue4": "c", "Queue5": "d"}
PAGE = read("docs/data.md")


def rows() -> dict[str, list[str]]:
    """Returns the cells of each store's row: what, payload, how long, who."""
    found: dict[str, list[str]] = {}
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            where, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            names = re.findall(r"`(\w+)`", where)
            if " to " in where:
                names = [names[0], *(f"TaskQueue{number}" for number in range(2, 6))]
            found |= dict.fromkeys(names, cells)
    return found


@pytest.fixture(scope="module")
def template() -> Template:
    ours = without_yours(TEMPLATE.read_text(encoding="utf-8"))
    return read_template(ours, ours)


def kind_of(template: Template, name: str) -> str:
    return str(template.ours[name]["Type"]).removeprefix("AWS::")


def test_every_store_of_the_template_has_a_row_and_no_other(template: Template) -> None:
    assert set(rows()) == {name for name in template.ours if kind_of(template, name) in STORES}


def test_a_store_keeps_as_long_as_its_row_says(template: Template) -> None:
    days: dict[str, float] = {}
    for name, one in template.ours.items():
        properties: Any = one.get("Properties", {})
        match kind_of(template, name):
            case "SQS::Queue":
                days[name] = properties["MessageRetentionPeriod"] / DAY
            case "S3::Bucket":
                (rule,) = properties["LifecycleConfiguration"]["Rules"]
                days[name] = rule["ExpirationInDays"]
            case "Logs::LogGroup":
                days[name] = template.value(properties["RetentionInDays"])
            case "DynamoDB::Table":
                days[name] = RECORD_SECONDS / DAY

    assert {name for name in days if f"{days[name]:.0f} days" not in rows()[name][2]} == set()
    assert len(days) == 11


def test_the_roles_that_may_read_a_store_are_those_of_its_row(template: Template) -> None:
    may: dict[str, set[str]] = {}
    for role, resource in template.ours.items():
        for document in _documents(template, resource):
            for statement in statements(document):
                for store in rows():
                    reads = READS.get(kind_of(template, store), set()) & set(statement["Action"])
                    if reads and any(_is(store, one) for one in statement["Resource"]):
                        may.setdefault(store, set()).update(_who(role, resource))

    told = {name: set(re.findall(r"`(\w+(?:Role|Policy))`", cells[3])) for name, cells in rows().items()}
    assert told == {name: may.get(name, set()) for name in rows()}


def _documents(template: Template, resource: Any) -> list[Any]:
    properties = template.decided(resource.get("Properties", {}), **ALL)
    match resource["Type"]:
        case "AWS::IAM::Role":
            return [one["PolicyDocument"] for one in properties["Policies"]]
        case "AWS::IAM::ManagedPolicy":
            return [properties["PolicyDocument"]]
    return []


def _who(name: str, resource: Any) -> set[str]:
    """Returns the roles that a policy is attached to, or its own name if it is for people."""
    return {one["Ref"] for one in resource["Properties"].get("Roles", []) if "Ref" in one} or {name}


def _is(store: str, resource: Any) -> bool:
    text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else ""
    return resource == arn(store) or f"${{{store}.Arn}}" in text or f"${{{store}}}" in text

"""Facts of no resource: the tasks, the built packages, the key, the network, and the day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.unit.zigzag_operate.doctor.templates import TEMPLATE, edited

from zigzag_operate.doctor import Report, examine, template
from zigzag_operate.doctor.examining import built, waits, with_more
from zigzag_operate.doctor.facts import Unknown

DAYS = 86_400
KEY = {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/ab"}
VPC = ["Resources", "WorkerFunction", "Properties", "VpcConfig"]


def examined(more: dict[str, Any], **parameters: str) -> Report:
    source = edited(TEMPLATE, VPC, {"SubnetIds": ["subnet-1"]}) if "ways out" in more else TEMPLATE
    return examine(with_more(template.facts_of(source, parameters), more))


@pytest.mark.parametrize(
    ("more", "parameters", "hazard", "words"),
    [
        ({"tasks": [{"name": "a", "error": "no module"}]}, {}, "H44", "can't be imported: no module"),
        ({"tasks": [{"name": "a", "attempts": 300, "waits": 11 * DAYS}]}, {}, "H32", "may wait 11 days"),
        ({"built": {"WorkerFunction": "aarch64"}}, {}, "H60", "is for aarch64, and it runs on x86_64"),
        ({"today": date(2029, 3, 1)}, {}, "H60", "Lambda ends python3.13 on 30 June 2029"),
        ({"key state": "PendingDeletion"}, KEY, "H20", "the key is PendingDeletion"),
        ({"ways out": {"sqs", "s3"}}, {}, "H115", "no endpoint of dynamodb"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else str(value)[:30],
)
def test_what_is_wrong_there_is_named(
    more: dict[str, Any], parameters: dict[str, str], hazard: str, words: str
) -> None:
    assert [
        one for one in examined(more, **parameters).findings if one.hazard == hazard and words in one.wrong
    ]


@pytest.mark.parametrize(
    ("more", "parameters"),
    [
        ({"tasks": [{"name": "a", "attempts": 20, "waits": 9 * DAYS}]}, {}),
        ({"built": {"WorkerFunction": "x86_64"}, "today": date(2028, 12, 1)}, {}),
        ({"built": {"WorkerFunction": "aarch64"}}, {"Architecture": "arm64"}),
        ({"key state": "Enabled"}, KEY),
        ({"ways out": {"nat"}}, {}),
        ({"ways out": {"sqs", "dynamodb"}}, {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else str(value)[:30],
)
def test_what_is_well_there_is_no_finding(more: dict[str, Any], parameters: dict[str, str]) -> None:
    report = examined(more, **parameters)

    assert [one for one in report.findings if "network interfaces" not in one.wrong] == []
    assert report.unknown == []


def test_a_network_that_may_not_be_looked_at_is_unknown() -> None:
    report = examined({"ways out": Unknown("ec2:DescribeSubnets")})

    assert [one.needs for one in report.unknown] == ["ec2:DescribeSubnets"]


def test_the_machine_of_a_built_function_is_that_of_its_compiled_modules(tmp_path: Path) -> None:
    module = tmp_path / "WorkerFunction" / "pydantic_core" / "core.cpython-313-aarch64-linux-gnu.so"
    module.parent.mkdir(parents=True)
    module.touch()
    (tmp_path / "ConsumerFunction").mkdir()  # it has none

    assert built(tmp_path) == {"WorkerFunction": "aarch64"}
    assert built(tmp_path / "never built") == {}


def test_every_task_of_the_project_can_be_imported_and_its_retries_fit() -> None:
    assert [one for one in waits() if "error" in one or one["waits"] > DAYS] == []

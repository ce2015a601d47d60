"""`zigzag_operate` in a person's script: values with names, one error, and nothing printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.stacks import deployed, queue

from zigzag_operate import Kind, OperateError, Rate, StackGates, find, send, status, target


@pytest.fixture
def outputs(account: None) -> dict[str, str]:
    return deployed(queue(), "true")


def test_the_answers_have_names(outputs: dict[str, str]) -> None:
    stack = find("zigzag")
    gates = StackGates(stack)

    sent = send(stack, "hello", {"name": "Ann"}, id="greeting-1")
    paused = gates.pause()

    assert sent.queue_url == outputs["QueueUrl"]
    assert (paused.queue, paused.waiting) == ("default", 1)
    assert (status(stack).waiting, status(stack).closed) == (1, "paused")
    assert gates.limit(Rate(every=10)).takes_seconds == 0.0
    assert gates.limits()["default"].closed == "paused"
    assert gates.resume().queue == "default"
    assert status(stack).closed is None


def test_nothing_is_printed(outputs: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    gates = StackGates(find("zigzag"))
    for operate in (gates.pause, gates.limits, gates.resume, gates.limit):
        operate()
    with pytest.raises(OperateError):
        find(profile="not there")

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("values", "may_be"),
    [
        ({"rate": Rate(0)}, "every may be at least 0.001"),
        ({"rate": Rate(1, 0)}, "burst may be at least 1"),
        ({"at_once": 0}, "at_once may be 1 to 30"),
        ({"at_once": 31, "trip": 31}, "at_once may be 1 to 30, trip may be 1 to 30"),
        ({"longest": 25 * 3600}, "longest may be 1 to 43200"),
    ],
    ids=str,
)
def test_a_limit_that_no_gate_has_is_refused_and_nothing_is_written(
    outputs: dict[str, str], values: dict[str, Any], may_be: str
) -> None:
    with pytest.raises(OperateError, match=f"no gate has such a value: {may_be}$") as refused:
        StackGates(find("zigzag")).limit(**values)

    assert refused.value.kind is Kind.WRONG
    assert boto3.client("dynamodb").scan(TableName=outputs["RecordsTableName"])["Items"] == []


@pytest.mark.parametrize(
    ("operate", "kind"),
    [
        (lambda: find(), Kind.REFUSED),
        (lambda: find(local=True), Kind.REFUSED),
        (lambda: find(profile="not there"), Kind.REFUSED),
        (lambda: status(find("other")), Kind.REFUSED),
        (lambda: status(find("zigzag", region="not a region")), Kind.REFUSED),
        (lambda: StackGates(find("zigzag"), "other"), Kind.WRONG),
        (lambda: send(find("zigzag"), "not_there", {}), Kind.BAD_PAYLOAD),
        (lambda: send(find("zigzag"), "hello", {"nome": "Ann"}), Kind.BAD_PAYLOAD),
        (lambda: send(find("zigzag"), "hello", {"name": "x" * 1_000_000}), Kind.BAD_PAYLOAD),
        (lambda: send(find("zigzag"), "hello", {"name": "Ann"}, delay_seconds=901), Kind.WRONG),
    ],
    ids=[
        *("no samconfig.toml", "a damaged note of the local AWS", "no such profile", "no such stack"),
        *("no region", "no such queue", "no such task", "a payload that does not fit", "a large one"),
        "a wrong option",
    ],
)
def test_each_failure_is_one_error_of_a_kind(
    outputs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    operate: Callable[[], object],
    kind: Kind,
) -> None:
    monkeypatch.setattr(target, "PROJECT", tmp_path)
    (tmp_path / ".zigzag-local").mkdir()
    (tmp_path / ".zigzag-local" / "state.json").write_text("{")

    with pytest.raises(OperateError) as wrong:
        operate()

    assert wrong.value.kind is kind

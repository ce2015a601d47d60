"""`./zigzag` with a stack whose trigger is events: what Lambda's poller does not know is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.stacks import deployed, queue

from zigzag_operate import find, status


@pytest.mark.parametrize(
    "arguments",
    [("pause",), ("resume",), ("limits",), ("limit", "--rate", "5/s"), ("limit", "--at-once", "2")],
    ids=str,
)
def test_pause_and_limits_are_refused_with_what_to_do(
    account: None, zigzag: Any, arguments: tuple[str, ...]
) -> None:
    deployed(queue(), "false", {"default": 1}, trigger="events")

    code, out, err = zigzag(*arguments)

    assert (code, out) == (1, "")
    said = " ".join(err.split())
    assert "knows no pause and no limit" in said
    assert "Trigger=schedule and FlowControl=true" in said


def test_a_stack_with_the_schedule_is_told_of_flow_control_only(account: None, zigzag: Any) -> None:
    deployed(queue(), "false", {"default": 1}, trigger="schedule")

    _, _, err = zigzag("pause")

    assert "set its parameter FlowControl to true" in " ".join(err.split())


def test_the_queues_are_open(account: None, zigzag: Any) -> None:
    deployed(queue(), "false", {"default": 1, "bulk": 1}, trigger="events")

    code, out, _ = zigzag("queues", "--json")

    assert code == 0
    assert {name: one["closed"] for name, one in json.loads(out).items()} == {"default": None, "bulk": None}


def test_a_queue_with_a_weight_says_why_nothing_starts(account: None) -> None:
    deployed(queue(), "false", {"default": 1, "urgent": 6}, trigger="events")

    closed = status(find("zigzag")).closed

    assert closed is not None
    assert closed.startswith("Trigger=events has no weights: take them off urgent")


def test_a_weight_is_no_reason_by_the_schedule(account: None) -> None:
    deployed(queue(), "false", {"default": 3, "urgent": 6}, trigger="schedule")

    assert status(find("zigzag")).closed is None

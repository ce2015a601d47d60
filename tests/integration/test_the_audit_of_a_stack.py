"""`./zigzag audit` on an account of moto's, and on saved lines: what it says, and its exit codes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

import boto3
import pytest
from tests.integration.test_the_status_of_a_stack import GROUPS, delivery, writes
from tests.stacks import deployed, queue, refused_without

TICK = {"message": "tick", "received": 2, "cap": 400, "stopped": "queue empty"}


def line(number: int = 1, **fields: Any) -> dict[str, Any]:
    of = {"id": f"order-{number}", "message_id": f"m-{number}", "receives": 1, "settled": True}
    return delivery(level="INFO", **(of | fields))


@pytest.fixture
def stack(account: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("COLUMNS", "80")
    outputs = deployed(queue(), **GROUPS)
    for group in GROUPS.values():
        boto3.client("logs").create_log_group(logGroupName=group)
        boto3.client("logs").create_log_stream(logGroupName=group, logStreamName="one")
    return outputs


WELL = """
0  lost
0  overlapping
0  repeated after completion
0  given up untried
0  over the rate
0  more at once than may
0  over the in-flight cap
0  not ended yet
0  possible duplicates
"""


def test_a_stack_that_keeps_its_promises_is_0(zigzag: Any, stack: dict[str, str]) -> None:
    writes("workers", line(1), line(2), {"message": "delivery", "of": "a task's own line"}, ago=3600)
    writes("consumers", TICK, ago=3590)

    code, out, _ = zigzag("audit")

    assert (code, "2 deliveries, 1 ticks: no finding." in " ".join(out.split())) == (0, True)
    assert [one.strip() for one in out.split("\n\n")[1].splitlines()] == WELL.split("\n")[1:-1]


def test_a_broken_promise_is_4_and_named(zigzag: Any, stack: dict[str, str]) -> None:
    writes("workers", line(1, outcome="retry later", retry_seconds=30), line(2), ago=3600)
    writes("consumers", TICK, ago=3590)

    code, out, _ = zigzag("audit", "--since", "2h")
    as_json = json.loads(zigzag("audit", "--since", "2h", "--json")[1])

    assert (code, "crawl_page (order-1) m-1: it has not ended, and is on no queue" in out) == (4, True)
    assert [(one["kind"], one["id"]) for one in as_json["findings"]] == [("lost", "order-1")]
    assert as_json["found"]["lost"] == 1


def killed(stack: dict[str, str]) -> None:
    writes("workers", line(outcome="retry later"), ago=3600)
    writes("workers", {"type": "platform.report", "record": {"status": "timeout"}}, ago=3500)


def waits(stack: dict[str, str]) -> None:
    writes("workers", line(outcome="retry later"), ago=7200)
    boto3.client("sqs").send_message(QueueUrl=stack["QueueUrl"], MessageBody="{}")


def says_less(stack: dict[str, str]) -> None:
    writes("workers", {name: value for name, value in line().items() if name != "receives"})


UNKNOWN: dict[str, Callable[[dict[str, str]], object]] = {
    "1 message without an end, and on no queue": killed,
    "the queues have 1 message: only once they are empty": waits,
    "1 message due for an hour or more": waits,
    "1 line of an older version": says_less,
    "no line is in the window": lambda stack: None,
    "no tick has a line": lambda stack: writes("workers", line()),
}


@pytest.mark.parametrize("sentence", UNKNOWN)
def test_what_the_lines_can_not_tell_is_5_and_a_sentence(
    zigzag: Any, stack: dict[str, str], sentence: str
) -> None:
    if sentence[:2] != "no":
        writes("consumers", TICK | {"received": 0}, ago=3590)
    UNKNOWN[sentence](stack)

    code, _, _ = zigzag("audit", "--since", "3h")
    as_json = json.loads(zigzag("audit", "--since", "3h", "--json")[1])

    assert (code, as_json["findings"]) == (5, [])
    assert [one for one in as_json["unknown"] if one.startswith(sentence)]


def test_a_log_group_of_a_day_is_said_to_be_shorter_than_a_week(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from zigzag_operate.target import Target

    read = Target.stack_as_it_is
    of_a_day = {"LogRetentionDays": "1"}
    monkeypatch.setattr(Target, "stack_as_it_is", lambda target: read(target)._replace(parameters=of_a_day))

    as_json = json.loads(zigzag("audit", "--since", "7d", "--json")[1])

    assert "the log groups keep 1 day: what was logged before is gone" in as_json["unknown"]
    assert as_json["until"] - as_json["since"] == pytest.approx(86_400)


@pytest.mark.parametrize("operation", ["FilterLogEvents", "GetQueueAttributes", "DescribeStacks"])
def test_a_permission_that_is_missing_is_1_and_named(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    refused_without(monkeypatch, operation)

    code, out, _ = zigzag("audit", "--json")

    assert (code, f"do not allow {operation}" in json.loads(out)["error"]) == (1, True)


def saved(*lines: dict[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return "".join(json.dumps({"timestamp": now} | one) + "\n" for one in lines)


def test_saved_lines_are_judged_as_well(
    zigzag: Any, account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {"at": time(), "text": "…", "fields": json.loads(saved(line(2)))}
    (tmp_path / "workers").write_text(saved(line()) + "no JSON\n" + json.dumps(shown))
    monkeypatch.setattr("sys.stdin", io.StringIO(saved(TICK | {"received": 401})))
    given = ("audit", "--file", str(tmp_path / "workers"), "--file", "-", "--empty", "--json")

    code, out, _ = zigzag(*given)

    assert (code, json.loads(out)["deliveries"]) == (4, 2)
    assert [one["said"] for one in json.loads(out)["findings"]] == ["a tick received 401, of 400 at most"]


def test_what_can_not_be_judged_is_2_and_a_sentence(zigzag: Any, account: None, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    said = {
        ("--file", str(tmp_path / "gone")): "gone can't be read: No such file or directory",
        ("--file", str(tmp_path)): "can't be read: Is a directory",
        ("--file", str(tmp_path / "empty")): "no line of Zigzag's functions is there",
        ("--since", "2999-01-01"): "--since 2999-01-01 is not in the past",
        ("--empty",): "--empty is for saved lines",
    }

    ended = {arguments: zigzag("audit", *arguments) for arguments in said}

    assert [run[0] for run in ended.values()] == [2] * len(said)
    assert [run[2] for arguments, run in ended.items() if said[arguments] not in run[2]] == []

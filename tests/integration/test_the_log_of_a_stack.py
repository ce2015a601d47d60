"""`./zigzag logs` on an account of moto's: which lines it shows, and in which form."""

from __future__ import annotations

import json
from time import time
from typing import Any

import boto3
import pytest
from tests.integration.test_the_status_of_a_stack import GROUPS, delivery, writes
from tests.stacks import deployed, queue, refused_without

from zigzag import Next, task
from zigzag_testing import Sandbox

TRACEBACK = """Traceback (most recent call last):
  File "/var/task/tasks/crawl_page.py", line 12, in crawl_page
    fetch(url)
  File "/opt/python/lib/python3.13/site-packages/httpx/_api.py", line 9, in get
    raise error
OSError: no disk"""
WORKERS: list[tuple[float, dict[str, Any] | str]] = [
    (7200, delivery(id="old")),
    (50, delivery(id="a-1", level="INFO")),
    (
        40,
        delivery(
            id="b \x1b[2J\nc",
            level="WARNING",
            outcome="retry later",
            reason="OSError: \x1b[2J",
            traceback=TRACEBACK,
        ),
    ),
    (30, {"message": "hello,\n12:00:00 Ann", "level": "INFO", "task": "hello", "id": "a-1"}),
    (20, "print() of a task"),
    (10, '{"type": "platform.report", "record": {"status": "timeout"}}'),
    (9, "REPORT RequestId: 1 Duration: 3 ms"),
    (8, "2027-01-15 Task timed out after 60.00 seconds"),
]


@pytest.fixture
def log(account: None) -> None:
    deployed(queue(), **GROUPS)
    for group in GROUPS.values():
        boto3.client("logs").create_log_group(logGroupName=group)
        boto3.client("logs").create_log_stream(logGroupName=group, logStreamName="one")
    texts = [(ago, line if isinstance(line, str) else json.dumps(line)) for ago, line in WORKERS]
    events = [{"timestamp": int((time() - ago) * 1000), "message": text} for ago, text in texts]
    boto3.client("logs").put_log_events(logGroupName="workers", logStreamName="one", logEvents=events)
    writes("consumers", {"message": "tick", "received": 1, "stopped": "queue empty"})


RETRIED = r"""WARNING retry later crawl_page (b \x1b[2J
        c), attempt 1: OSError: \x1b[2J  seconds=0.016 age_seconds=25.0
    Traceback (most recent call last):
      File "/var/task/tasks/crawl_page.py", line 12, in crawl_page
        fetch(url)
      … 1 frame of libraries
    OSError: no disk""".replace("        c)", "    c)")
REPORT, TIMED_OUT = str(WORKERS[5][1]), str(WORKERS[7][1])
DONE = "succeeded crawl_page (a-1), attempt 1  seconds=0.016 age_seconds=25.0"
HELLO = "hello,\n    12:00:00 Ann"


SHOWN: list[tuple[list[str], list[str]]] = [
    ([], [DONE, RETRIED, HELLO, "print() of a task", REPORT, TIMED_OUT]),
    (["--failed"], [RETRIED, REPORT, TIMED_OUT]),
    (["--task", "crawl_page"], [DONE, RETRIED]),
    (["--id", "a-1"], [DONE, HELLO]),
    (["--id", "b \x1b[2J\nc", "--task", "crawl_page"], [RETRIED]),
    (["--ticks"], ["tick  received=1 stopped=queue empty"]),
]


def test_it_shows_the_lines_that_are_meant(zigzag: Any, log: None) -> None:
    told = {}
    for arguments, _ in SHOWN:
        _, out, _ = zigzag("logs", *arguments)
        told[str(arguments)] = [line if line.startswith(" ") else line[9:] for line in out.splitlines()]

    assert told == {
        str(given): [one for line in lines for one in line.splitlines()] for given, lines in SHOWN
    }


@task
def crawl_page(payload: dict[str, Any]) -> Next:
    return count.then({"step": 2})


@task
def count(payload: dict[str, Any]) -> Next | None:
    return None if payload["step"] == 3 else count.then({"step": 3})


def test_a_chain_is_shown_step_by_step_by_the_id_of_its_first(zigzag: Any, log: None) -> None:
    with Sandbox({"crawl_page": crawl_page, "count": count}) as sandbox:
        crawl_page.send({}, id="a-1")
        sandbox.run()
    _, *steps = sandbox.reports
    writes("workers", *(delivery(task=one.task, id=one.id, level="WARNING") for one in reversed(steps)))

    whole = zigzag("logs", "--id", "a-1", "--chain")[1]
    failed = zigzag("logs", "--id", "a-1", "--chain", "--failed")[1]

    ids = ["a-1", *(str(one.id) for one in steps)]
    assert [
        [one for one in ids if f"({one})" in line] for line in whole.splitlines() if "age_sec" in line
    ] == [[one] for one in ids]
    assert len(failed.splitlines()) == len(steps) == 2


def test_since_a_longer_time_each_line_has_its_day(zigzag: Any, log: None) -> None:
    out = zigzag("logs", "--since", "2d", "--task", "crawl_page")[1]

    assert "succeeded crawl_page (old)" in out.splitlines()[0]
    assert len(out.partition(" succeeded")[0].split()) == 3


def test_json_is_an_object_a_line(zigzag: Any, log: None) -> None:
    out = zigzag("logs", "--json")[1]

    told = [json.loads(line) for line in out.splitlines()]
    assert [one["text"] for one in told if one["fields"] is None] == ["print() of a task", TIMED_OUT]
    assert told[1]["fields"]["reason"] == "OSError: \x1b[2J"


def test_what_can_not_be_shown_is_2_and_a_sentence(zigzag: Any, log: None) -> None:
    said = {
        ("--task", "refund"): "no line matches since 15min",
        ("--since", "yesterday"): "'yesterday' is no time: write 90s",
        ("--ticks", "--task", "pay"): "a tick has no task",
        ("--chain", "--task", "pay"): "--chain needs --id",
    }

    ended = {arguments: zigzag("logs", *arguments) for arguments in said}

    assert {arguments: run[:2] for arguments, run in ended.items()} == dict.fromkeys(said, (2, ""))
    assert [run[2] for arguments, run in ended.items() if said[arguments] not in run[2]] == []


def test_a_log_group_that_is_gone_is_1_in_json_as_well(zigzag: Any, log: None) -> None:
    boto3.client("logs").delete_log_group(logGroupName="workers")

    code, out, _ = zigzag("logs", "--json")

    assert (code, json.loads(out)["error"]) == (
        1,
        "the log group workers is gone: deploy the stack again, or make it by hand",
    )


def test_a_permission_that_is_missing_is_named(
    zigzag: Any, log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_without(monkeypatch, "FilterLogEvents")

    code, _, err = zigzag("logs")

    assert (code, "the AWS credentials do not allow FilterLogEvents" in err) == (1, True)

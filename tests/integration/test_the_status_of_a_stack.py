"""`./zigzag status` on an account of moto's: in 80 and in 60 columns, as JSON, and its exit codes."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.endpoint import Endpoint
from tests.project.docs.pages import blocks, read
from tests.stacks import before_each_call, deployed, queue, refused_without

from zigzag_cli import status
from zigzag_operate.facts import stack as stack_facts
from zigzag_operate.facts import verdict

IN_TIME = re.compile(r"\d+ s   ago|since .*|(?<=ago: )\d.*")
LONG = "send_the_welcome_mail_to_everybody_who_has_joined_since_yesterday"
GROUPS = {"ConsumerLogGroupName": "consumers", "WorkerLogGroupName": "workers"}


@pytest.fixture
def stack(account: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Deploys two queues, whose last tick was half a minute ago. Returns the outputs."""
    monkeypatch.setenv("COLUMNS", "80")
    functions = {"ConsumerFunctionName": "consumer", "WorkerFunctionName": "worker"}
    outputs = deployed(queue(), "true", {"default": 3, "bulk": 1}, **functions, **GROUPS)
    for group in GROUPS.values():
        boto3.client("logs").create_log_group(logGroupName=group)
        boto3.client("logs").create_log_stream(logGroupName=group, logStreamName="one")
    writes("consumers", {"message": "tick", "received": 120, "dispatched": 120, "stopped": "queue empty"})
    return outputs


def writes(group: str, *lines: dict[str, Any], ago: float = 30) -> None:
    events = [{"timestamp": int((time() - ago) * 1000), "message": json.dumps(one)} for one in lines]
    boto3.client("logs").put_log_events(logGroupName=group, logStreamName="one", logEvents=events)


def delivery(**fields: Any) -> dict[str, Any]:
    said = {"task": "crawl_page", "outcome": "succeeded", "attempt": 1, "seconds": 0.016, "age_seconds": 25.0}
    return {"message": "delivery", **said, **fields}


def measures(
    name: str, of: tuple[str, str], value: float, namespace: str = "AWS/SQS", ago: float = 1
) -> None:
    one = {"MetricName": name, "Dimensions": [dict(zip(("Name", "Value"), of, strict=True))], "Value": value}
    one["Timestamp"] = datetime.now(UTC) - timedelta(minutes=ago)
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[one])


@pytest.fixture
def trouble(stack: dict[str, str]) -> None:
    """Writes down a task that fails, with dead letters, and a pause of another queue."""
    sqs = boto3.client("sqs")
    for _ in range(3):
        sqs.send_message(QueueUrl=stack["QueueUrl"], MessageBody="{}")
        sqs.send_message(QueueUrl=stack["DeadLetterQueueUrl"], MessageBody="{}")
    sqs.receive_message(QueueUrl=stack["QueueUrl"])
    measures("ApproximateAgeOfOldestMessage", ("QueueName", stack["QueueUrl"].rpartition("/")[2]), 48)
    measures(
        "ApproximateAgeOfOldestMessage", ("QueueName", stack["DeadLetterQueueUrl"].rpartition("/")[2]), 1800
    )
    dead = [delivery(outcome="dead-letter", seconds=1.0, traceback="…") for _ in range(7)]
    writes("workers", *dead, delivery(), delivery(outcome="retry later"), delivery(task=LONG, seconds=75.0))


FACE = """
crawl_page fails: 7 of 9 attempts in 15 minutes. 3 dead letters wait for
somebody.
Type: ./zigzag dead-letters --task crawl_page

  waiting            2   the oldest of them 48 s
  in flight          1   with a worker, or waiting for a retry
  dead letters       3   the first since 15 Jan, 07:30
  last tick       31 s   ago: received 120, dispatched 120, queue empty
  deployed         0 s   ago: 15 Jan, 08:00

  queues     waiting  in flight   oldest
  default          2          1     48 s
  bulk             0          0

  15 minutes              deliveries  again  dead  half in  95 % in  waited 95 %
  crawl_page                       9      1     7    1.0 s    1.0 s         25 s
  send_the_welcome_mail_to_everybody_who_has_joined_since_yesterday
                                   1      0     0     75 s     75 s         25 s
"""


def test_the_face_has_80_columns(zigzag: Any, trouble: None) -> None:
    code, out, _ = zigzag("status")

    head, _, rest = out.partition("\n")
    assert (code, len(head)) == (0, 80)
    assert head.startswith("zigzag · eu-west-1 · 123456789012   ")
    assert "\n" + IN_TIME.sub("…", rest) == IN_TIME.sub("…", FACE)


def test_in_60_columns_all_is_there_as_well(
    zigzag: Any, trouble: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    zigzag("limit", "--rate", "5/s", "--at-once", "3")
    zigzag("pause", "bulk")

    lines = zigzag("status")[1].splitlines()

    assert [line for line in lines if len(line) > 60] == []
    assert "Type: ./zigzag resume bulk" in lines
    assert "  default runs 3 at once at most" in lines


def test_json_is_only_json_with_each_figure(zigzag: Any, trouble: None) -> None:
    told = json.loads(zigzag("status", "--json", "--region", "eu-west-1")[1])

    assert told.keys() == {
        *("stack", "region", "account", "at", "state", "kind", "verdict", "type", "waiting", "in_flight"),
        "deployed",
        *("delayed", "oldest_seconds", "closed", "dead_letters", "dead_letters_since", "last_tick", "work"),
        *("dropped_starts", "dropped_until", "worker_errors", "errors_until", "queues", "why"),
    }
    assert told["type"] == "./zigzag dead-letters --task crawl_page --region eu-west-1"
    assert (told["kind"], told["waiting"], told["oldest_seconds"]) == ("fails", 2, 48)
    assert told["queues"]["bulk"]["closed"] is None
    assert told["work"]["tasks"][0]["failed"] == 7


def test_a_permission_that_is_missing_hides_its_figures_and_no_other(
    zigzag: Any, trouble: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {
        "cloudwatch:GetMetricData": {
            *("oldest_seconds", "dead_letters_since"),
            *("dropped_starts", "dropped_until", "worker_errors", "errors_until"),
        },
        "logs:FilterLogEvents": {"last_tick", "work"},
        "sqs:GetQueueAttributes": {"waiting", "in_flight", "delayed", "dead_letters"},
        "dynamodb:BatchGetItem": {"closed"},
    }
    hidden: dict[str, set[str]] = {}
    for action in figures:
        with monkeypatch.context() as patch:
            refused_without(patch, action.partition(":")[2])
            told = json.loads(zigzag("status", "--json")[1])
        hidden[action] = {name for name, one in told.items() if one == {"unknown": f"needs {action}"}}

    assert hidden == figures


def test_calls_that_are_throttled_are_made_again(
    zigzag: Any, trouble: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece of the log is refused twice."""
    call, asked = vars(Endpoint)["_get_response"], Counter[bytes]()

    def throttled(self: Any, request: Any, model: Any, context: Any) -> Any:
        if model.name == "FilterLogEvents":
            asked[request.body] += 1
            if asked[request.body] <= 2:
                error = {"Code": "ThrottlingException", "Message": "Rate exceeded"}
                http = SimpleNamespace(status_code=400, headers={})
                return (http, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}), None
        return call(self, request, model, context)

    monkeypatch.setattr(Endpoint, "_get_response", throttled)

    told = json.loads(zigzag("status", "--json")[1])

    assert (set(asked.values()), told["kind"]) == ({3}, "fails")
    assert told["last_tick"]["received"] == 120


def drops(ago: float = 1) -> None:
    measures("AsyncEventsDropped", ("FunctionName", "worker"), 5, "AWS/Lambda", ago)


def test_check_tells_whether_something_is_wrong_or_unknown(zigzag: Any, stack: dict[str, str]) -> None:
    ended = [zigzag("status", "--check", "--json")]
    boto3.client("logs").delete_log_group(logGroupName="workers")
    ended.append(zigzag("status", "--check", "--json"))
    drops()
    ended.append(zigzag("status", "--check", "--json"))

    told = [(code, json.loads(out)["kind"]) for code, out, _ in ended]
    assert told == [(0, "keeping up"), (4, "unknown"), (4, "dropped")]


def test_a_new_stack_does_not_keep_up_before_its_first_tick(zigzag: Any, stack: dict[str, str]) -> None:
    boto3.client("logs").delete_log_stream(logGroupName="consumers", logStreamName="one")

    code, out, _ = zigzag("status", "--check")

    assert (code, out.splitlines()[1].partition(":")[0]) == (4, "No tick has ended yet")
    assert re.search(r"^  last tick +none   yet$", out, re.M)


def test_what_is_over_is_told_as_such_and_hides_nothing_newer(zigzag: Any, stack: dict[str, str]) -> None:
    drops(ago=8)
    measures("Errors", ("FunctionName", "worker"), 3, "AWS/Lambda")

    _, out, _ = zigzag("status")

    assert "3 invocations of the worker ended with an error" in out
    assert re.search(r"^  dropped +5   starts of the worker in 15 minutes, over since \d\d:\d\d$", out, re.M)
    assert re.search(r"^  errors +3   of the worker in 15 minutes$", out, re.M)


def test_a_stack_under_update_says_so(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.cloudformation.models import cloudformation_backends  # slow to load

    (made,) = cloudformation_backends["123456789012"]["eu-west-1"].stacks.values()
    monkeypatch.setattr(made, "status", "UPDATE_IN_PROGRESS")

    code, out, _ = zigzag("status")

    assert code == 0
    assert "The stack is UPDATE_IN_PROGRESS: figures may be of before and after." in out


def test_watch_looks_again_until_it_is_interrupted(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            refused_without(monkeypatch, "DescribeStacks")
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "sleep", sleep)

    code, out, _ = zigzag("status", "--watch", "--json")

    first, second, failed = map(json.loads, out.splitlines())
    assert (code, slept) == (0, [5.0, 5.0, 5.0])
    assert (first["kind"], second["kind"]) == ("keeping up", "keeping up")
    assert "do not allow DescribeStacks" in failed["error"]


def test_watch_says_what_a_terminal_has_no_room_for() -> None:
    assert status._first_of("a\nb\nc", 3) == "a\nb\nc"
    assert status._first_of("a\nb\nc\nd", 3) == "a\nb\n  and 2 lines more: ./zigzag status"


def test_watch_and_check_are_not_for_each_other(zigzag: Any, stack: dict[str, str]) -> None:
    assert zigzag("status", "--watch", "--check")[0] == 2


def made_long_ago(read_facts: Any) -> Any:
    return lambda *given: replace(read_facts(*given), created=0.0)


def test_the_page_names_the_permissions_that_it_needs_at_most(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: set[str] = set()

    def seen(client: Any, name: str, _: Any) -> None:
        called.add(f"{client.meta.service_model.service_name}:{name}")

    drops()
    events, consumer = boto3.client("events"), "arn:aws:lambda:eu-west-1:123456789012:function:consumer"
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": consumer}])
    boto3.client("logs").delete_log_stream(logGroupName="consumers", logStreamName="one")
    monkeypatch.setattr(stack_facts, "_facts", made_long_ago(vars(stack_facts)["_facts"]))
    before_each_call(monkeypatch, seen)

    zigzag("status")

    section = read("docs/operate.md").partition("## Status\n")[2].partition("\n## ")[0]
    (listed,) = blocks(section, "json")
    assert sorted(called) == sorted(json.loads(listed.text))


def test_the_page_tells_each_kind_of_sentence() -> None:
    kinds = set(re.findall(r'Verdict\(\s*"([\w ]+)"', Path(verdict.__file__).read_text()))
    table = read("docs/operate.md").partition("| `kind` |")[2].partition("\n\n")[0]

    told = {kind for row in table.splitlines()[2:] for kind in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert told == kinds | {"keeping up"}

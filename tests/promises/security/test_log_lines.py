"""No text of a message can end a log line, begin another, or pass for what we say ourselves."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import body_of, text

from shared import log
from zigzag import Context, Reject, Retry, task
from zigzag_testing import Sandbox

PRINTABLE = {chr(number) for number in range(0x20, 0x7F)}

LINES = Callable[[], list[str]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> LINES:
    """Returns the lines that were logged, as Lambda gets them."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(log.JsonFormatter())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    caplog.set_level(logging.INFO)
    return lambda: written.getvalue().split("\n")[:-1]


def test_whatever_the_character_a_line_is_one_line_of_printable_ascii() -> None:
    every = [chr(number) for number in range(sys.maxunicode + 1)]

    for start in range(0, len(every), 1000):
        one = "".join(every[start : start + 1000])
        record = logging.LogRecord("a", logging.INFO, "a.py", 1, one, (), (ValueError, ValueError(one), None))
        record.fields = {"what": one, one: one, "nested": [{one: one}]}
        line = log.JsonFormatter().format(record)

        assert set(line) <= PRINTABLE, f"the thousand characters from {start:#x} on"


FORGERIES = [
    'x"}\n{"timestamp": "2027-01-01", "level": "ERROR", "message": "FORGED"}',
    'x", "level": "ERROR", "outcome": "succeeded", "x": "',
    "\x1b[2J\x1b[31mFORGED\x1b]0;title\x07",
    "x\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029y",
    "\u202eDEGROF\u2066",
    "%s %d %(levelname)s {0} {level}",
    "END RequestId: 00000000-0000-0000-0000-000000000000",
    "\ud800",
    "x" * 300_000,
]


class Strict(BaseModel, extra="forbid"):
    """A model whose findings name keys that the message chose."""


@task(attempts=1)
def fail(payload: dict[str, Any], context: Context) -> None:
    raise ValueError(payload["text"])


@task(attempts=2)
def wait(payload: dict[str, Any], context: Context) -> None:
    context.log.warning("waits for %s", payload["text"])
    raise Retry(payload["text"], after=1)


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject(payload["text"])


@task()
def check(payload: Strict) -> None: ...


TASKS: dict[str, Any] = {"fail": fail, "wait": wait, "reject": reject, "check": check}


@pytest.mark.parametrize("forgery", FORGERIES, ids=range(len(FORGERIES)))
def test_a_forged_line_is_a_text_in_ours(forgery: str, lines: LINES) -> None:
    with Sandbox(TASKS) as sandbox:
        for name in TASKS:
            sandbox.send_message(body_of(name, {"text": forgery}, id=f"id {forgery}"))
            sandbox.send_message(body_of(name, {"text": forgery, forgery: forgery}))
        sandbox.send_message(body_of(f"t{forgery}"))
        sandbox.send_message(json.dumps({"text": forgery}), {"task": text("fail"), "zigzag": text("{}")})
        sandbox.send_message(json.dumps([forgery]))
        sandbox.send_message(f"not JSON {forgery!a}")
        sandbox.run()

    assert len(lines()) >= len(sandbox.reports) >= 12
    for line in lines():
        assert set(line) <= PRINTABLE
        assert len(line) <= log.MAX_LINE_BYTES
        said = json.loads(line)
        assert list(said)[:3] == ["timestamp", "level", "message"]
        assert said["level"] in ("INFO", "WARNING")
        assert said["timestamp"] != "2027-01-01"
    outcomes = [said["outcome"] for said in map(json.loads, lines()) if said["message"] == "delivery"]
    assert sorted(outcomes) == sorted(report.outcome for report in sandbox.reports)
    assert "succeeded" not in outcomes


METRICS = {
    "_aws": {
        "Timestamp": 1_800_000_000_000,
        "CloudWatchMetrics": [
            {"Namespace": "AWS/SQS", "Dimensions": [["who"]], "Metrics": [{"Name": "much"}]},
        ],
    },
    "who": "FORGED",
    "much": 1,
}
"""Keys that CloudWatch would make a metric of, and bill."""


@task()
def log_all(payload: dict[str, Any], context: Context) -> None:
    """Logs what it got in every way that somebody may think of."""
    context.log.info("%s", json.dumps(payload), extra={"fields": payload})
    own = logging.getLogger("own")
    own.info(json.dumps(payload), extra={"fields": payload})
    own.info("got it", extra=payload)
    own.info(payload)
    try:
        raise ValueError(json.dumps(payload))
    except ValueError:
        own.exception("failed", extra={"fields": {"payload": payload}})


def test_no_message_makes_a_metric_though_its_task_logs_all_of_it(lines: LINES) -> None:
    with Sandbox({"log_all": log_all}) as sandbox:
        sandbox.send_message(body_of("log_all", METRICS, id=json.dumps(METRICS)))
        sandbox.send_message(body_of(json.dumps(METRICS)), {"_aws": text(json.dumps(METRICS))})
        sandbox.run()

    written = [json.loads(line) for line in lines()]
    assert len([line for line in written if "FORGED" in str(line)]) >= 6
    assert [line for line in written if "_aws" in line] == []


SECRET = "4111-1111-1111-1111"


@task()
def keep(payload: dict[str, Any]) -> None: ...


class Card(BaseModel, hide_input_in_errors=False):
    number: int
    owner: str = ""


@task()
def pay(card: Card) -> None: ...


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body_of("keep", {"card": SECRET}), id="a good one"),
        pytest.param(body_of("nobody", {"card": SECRET}), id="no such task"),
        pytest.param(body_of("pay", {"number": SECRET}), id="no such payload"),
        pytest.param(body_of("keep", SECRET), id="no payload at all"),
        pytest.param(json.dumps({"task": [SECRET]}), id="no name"),
        pytest.param(json.dumps([SECRET]), id="no object"),
        pytest.param(f"{{{SECRET}", id="no JSON"),
        pytest.param(body_of("keep", {SECRET: float("nan")}), id="no number"),
        pytest.param(body_of("keep", {SECRET: json.loads("[" * 200 + "]" * 200)}), id="deep"),
    ],
)
def test_no_payload_is_in_the_log_or_in_a_dead_letters_note(body: str, lines: LINES) -> None:
    with Sandbox({"keep": keep, "pay": pay}) as sandbox:
        sandbox.send_message(body, {"card": text(SECRET)})
        sandbox.run()

    assert lines()
    assert SECRET not in "\n".join(lines())
    assert [letter for letter in sandbox.dead_letters if SECRET in json.dumps(dict(letter.note))] == []

"""The files of `events/`: what each does when it is given to its function."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.architecture.modules import ROOT
from tests.integration.conftest import Stack

EVENTS = ROOT / "events"

WORKER = {
    "worker-dispatch": ("succeeded", None),
    "worker-unknown-task": ("retry later", "no task is called 'helo'; there are: "),
    "worker-bad-payload": ("dead-letter", "the payload does not fit hello: name: Field required"),
    "worker-not-json": ("dead-letter", "the body is not JSON"),
}


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def test_every_file_is_tested_here() -> None:
    files = {path.stem for path in EVENTS.glob("*.json")}

    assert files == {*WORKER, "consumer-tick", "environment"}, (
        "`environment` is no event: sam local's --env-vars"
    )


@pytest.mark.parametrize("name", WORKER)
def test_a_dispatch(stack: Stack, name: str) -> None:
    outcome, reason = WORKER[name]

    report = stack.start_worker(event(name))

    assert report["outcome"] == outcome
    assert reason is None or report["reason"].startswith(reason)
    assert not report["settled"], "a file has no receipt handle, and no lease: it never goes stale"


def test_a_tick(stack: Stack) -> None:
    assert event("consumer-tick")["source"] == "aws.events"
    assert stack.wake_consumer()["stopped"] == "queue empty"

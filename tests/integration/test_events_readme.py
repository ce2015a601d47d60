"""Does events/README.md explain every file of events/, and does it show what the functions really answer?

The answers of the worker are compared here, in this process. tests/e2e/test_sam_local_invoke.py compares
those of both functions in containers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benchmarks.template import environment_of
from tests.integration.conftest import Stack
from tests.project.template.reading import parsed

from shared.settings import read
from worker.settings import WorkerSettings

FOLDER = Path(__file__).resolve().parents[2] / "events"
ENVIRONMENT = FOLDER / "environment.json"
EVENTS = sorted(file.name for file in FOLDER.glob("*.json") if file != ENVIRONMENT)
BY_OTHERS = ["worker-records.json", "worker-call.json"]
DISPATCHES = [name for name in EVENTS if name.startswith("worker-") and name not in BY_OTHERS]


def explained(name: str) -> str:
    """Returns what the README says under the file's name."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    return readme.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]


def shown(name: str) -> dict[str, Any]:
    """Returns the answer to the event that the README shows, below its command."""
    command, answer = explained(name).partition("```console\n")[2].partition("\n```")[0].splitlines()
    assert f"--event events/{name}" in command
    return dict(json.loads(answer))


def defaults(function: str) -> dict[str, str]:
    """Returns the function's variables that parameters set, as they are if nobody turns those."""
    template = parsed((FOLDER.parent / "template.yaml").read_text(encoding="utf-8"))
    of_each = template["Globals"]["Function"], template["Resources"][function]["Properties"]
    found = {name: one for part in of_each for name, one in part["Environment"]["Variables"].items()}
    known, parameters = environment_of(function), {*template["Parameters"], ""}
    return {name: known[name] for name, value in found.items() if value.get("Ref", "") in parameters}


def gist(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an answer without its random parts, and those that depend on the network or on the tasks."""
    ends = {"stopped": "receive", "reason": "; there are: "}
    return {
        key: value.partition(ends[key])[0] if key in ends and value else value
        for key, value in answer.items()
        if key != "retry_seconds"
    }


@pytest.mark.parametrize("name", [*EVENTS, ENVIRONMENT.name])
def test_the_readme_explains_every_file(name: str) -> None:
    assert explained(name)


@pytest.mark.parametrize("name", DISPATCHES)
def test_the_worker_answers_as_the_readme_shows(stack: Stack, name: str) -> None:
    answer = stack.start_worker(json.loads((FOLDER / name).read_text(encoding="utf-8")))

    assert gist(answer) == gist(shown(name))
    assert not answer["settled"], "a file has no receipt handle, and no lease: it never goes stale"


@pytest.mark.parametrize("name", BY_OTHERS)
def test_another_who_invokes_is_answered_as_the_readme_shows(stack: Stack, name: str) -> None:
    assert stack.start_worker(json.loads((FOLDER / name).read_text(encoding="utf-8"))) == shown(name)


def test_a_tick_is_what_the_schedule_sends(stack: Stack) -> None:
    event = json.loads((FOLDER / "consumer-tick.json").read_text(encoding="utf-8"))

    assert event["source"] == "aws.events"
    assert gist(stack.wake_consumer())["stopped"] == "queue empty"


def test_the_environment_is_what_a_function_needs_beside_the_templates_defaults() -> None:
    variables = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))["Parameters"]

    # `sam local invoke` gives the template's defaults to what is not there.
    settings = read(WorkerSettings, {**defaults("WorkerFunction"), **variables})

    assert settings.queue_url == variables["ZIGZAG_QUEUE_URL"]

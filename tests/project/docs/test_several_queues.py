"""Is docs/several-queues.md right: do its examples run, and are its prices those of the code?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.template import default
from tests.project.docs.pages import blocks, read
from tests.project.template.reading import TEMPLATE, Template, arn, statements
from tests.project.template.reading import read as read_template
from tests.project.template.test_template_lint import findings
from tests.project.template.yours import with_blocks, without_yours
from tests.unit.zigzag_testing.test_several_queues import idle_calls

from consumer.flow.spread import polls_wait
from consumer.tick import EMPTY_AGAIN_SECONDS
from shared.queues import MAX_WEIGHT
from shared.settings import PREFIX
from worker.settings import WorkerSettings
from zigzag import Task

PAGE = read("docs/several-queues.md")
CONFIGURED = {"Queue2": "urgent:6", "Queue3": "bulk", "DefaultWeight": "3"}
TICKS_A_MONTH = 30 * 24 * 60
SECONDS_A_MONTH = 30 * 24 * 3600
PRICE = 0.40 / 1_000_000


def test_the_examples_run() -> None:
    found: dict[str, Any] = {}
    for block in blocks(PAGE, "python"):
        exec(compile(block.text, "docs/several-queues.md", "exec"), found)  # noqa: S102 -- our own page

    assert isinstance(found["ring"], Task)
    assert found["ring"].queue == "urgent"


def test_the_parameters_of_the_example_are_those_that_the_text_speaks_of() -> None:
    block, of_fifo = blocks(PAGE, "toml")

    assert dict(re.findall(r'"(\w+)=([\w:]+)"', of_fifo.text)) == {"Queue3": "orders:2", "Queue3Fifo": "true"}
    assert dict(re.findall(r'"(\w+)=([\w:]+)"', block.text)) == CONFIGURED
    assert "`urgent` gets six messages of ten, `default` three and `bulk` one" in PAGE
    assert f"its weight, 1 to {MAX_WEIGHT}" in PAGE
    assert default("Queue2") == "none"


def test_an_idle_queue_costs_what_the_page_says() -> None:
    calls = idle_calls(more=1) - idle_calls(more=0)

    assert "takes three receives and one count a tick" in PAGE
    assert f"{TICKS_A_MONTH * calls:,} calls a month" in PAGE
    line = f"a queue  {TICKS_A_MONTH:,} ticks × {calls} calls × $0.40 / 1,000,000 = "  # noqa: RUF001
    assert f"{line}${TICKS_A_MONTH * calls * PRICE:.2f}" in PAGE


def test_a_queue_that_is_empty_while_another_is_busy_costs_what_the_page_says() -> None:
    assert EMPTY_AGAIN_SECONDS == 1
    assert f"${SECONDS_A_MONTH * PRICE:.2f} for a month without a break" in PAGE


def test_a_cap_is_as_small_as_the_page_says() -> None:
    assert "With a cap of less than 300 for each queue no poll waits" in PAGE
    assert [polls_wait(300 * 3 - 1, 3), polls_wait(300 * 3, 3)] == [False, True]


# ---- A worker of its own ----


def with_the_worker(template: str, *, role: bool = False) -> str:
    """Returns a project's template after that section; with `role`, after the one about a role as well."""
    section = PAGE.split("## A worker of its own\n")[1].split("\n## ")[0]
    text, its_role = section.split("### A role of its own\n")
    changed = with_blocks(template, text)
    if not role:
        return changed
    assert "`Role: !GetAtt VideoRole.Arn`, and no `DependsOn`" in its_role
    head, worker = changed.split("  VideoWorker:\n")
    worker = worker.replace("    DependsOn: TasksPolicy\n", "", 1)
    worker = worker.replace("!GetAtt WorkerRole.Arn", "!GetAtt VideoRole.Arn", 1)
    return with_blocks(f"{head}  VideoWorker:\n{worker}", its_role)


@pytest.fixture(params=[False, True], ids=["the stack's role", "its own role"])
def templates(request: pytest.FixtureRequest) -> tuple[Template, Template]:
    """Returns the template before and after."""
    text = TEMPLATE.read_text(encoding="utf-8")
    ours = without_yours(text)
    return read_template(text, ours), read_template(with_the_worker(text, role=request.param), ours)


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_it(tmp_path: Path) -> None:
    text = TEMPLATE.read_text(encoding="utf-8")

    assert findings(tmp_path, *(with_the_worker(text, role=role) for role in (False, True))) == ("", 0)


def test_it_differs_from_the_stacks_worker_in_what_the_page_says(
    templates: tuple[Template, Template],
) -> None:
    _, after = templates
    its_own, stacks = after.properties("VideoWorker"), after.properties("WorkerFunction")

    differs = {name for name in stacks if stacks[name] != its_own.get(name)}
    assert differs <= {"Description", "Environment", "MemorySize", "Timeout", "Role"} | {
        "ReservedConcurrentExecutions",
        "RecursiveLoop",  # by events, which gives it no messages
    }
    assert set(its_own) < set(stacks)
    assert after.resources["VideoWorkerEventInvokeConfig"]["Properties"] == {
        **after.resources["WorkerFunctionEventInvokeConfig"]["Properties"],
        "FunctionName": {"Ref": "VideoWorker"},
    }


def test_it_has_every_variable_of_zigzags_that_the_stacks_worker_has(
    templates: tuple[Template, Template],
) -> None:
    _, after = templates
    stacks = {name: one for name, one in after.variables("WorkerFunction").items() if name.startswith(PREFIX)}

    assert dict(after.variables("VideoWorker")) == stacks
    of_tasks = {"ZIGZAG_TOPIC_ARN"}  # tasks publish there; the worker does not read it
    assert {PREFIX + field.upper() for field in WorkerSettings._fields} | of_tasks == set(stacks)


def test_the_consumer_learns_its_queue_and_may_invoke_it_and_nothing_else_changes(
    templates: tuple[Template, Template],
) -> None:
    before, after = templates
    changed = {name for name, one in before.resources.items() if after.resources[name] != one}

    assert changed == {"ConsumerFunction"}
    assert after.variables("ConsumerFunction")["ZIGZAG_QUEUE_WORKERS"] == {
        "Fn::Join": [" ", ["", {"Fn::If": ["HasQueue2", {"Fn::Sub": "${Queue2}=${VideoWorker}"}, ""]}]]
    }
    policy = after.properties("VideoWorkerPolicy")
    (allowed,) = statements(policy["PolicyDocument"])
    assert policy["Roles"] == [{"Ref": "ConsumerRole"}]
    assert (allowed["Action"], allowed["Resource"]) == (["lambda:InvokeFunction"], [arn("VideoWorker")])


def test_its_own_role_has_what_the_workers_has_for_its_queue_alone() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    after = read_template(with_the_worker(text, role=True), without_yours(text))

    def allows(role: str) -> list[Any]:
        (policy,) = after.decided(
            after.properties(role)["Policies"], FlowControl="true", Queue2="video", Queue3="none"
        )
        return [
            (one["Action"], one["Resource"], one.get("Condition"))
            for one in statements(policy["PolicyDocument"])
        ]

    (settle, *others) = allows("WorkerRole")
    send = (["sqs:SendMessage"], [arn("TaskQueue2")], None)  # as TasksPolicy, for what repairs a task
    assert allows("VideoRole") == [(settle[0], [arn("TaskQueue2")], None), *others, send]


def test_without_its_queue_nothing_of_it_is_there(templates: tuple[Template, Template]) -> None:
    before, after = templates
    added = {name: one for name, one in after.resources.items() if name not in before.resources}

    assert {"VideoWorker", "VideoWorkerPolicy", "VideoWorkerEventInvokeConfig"} <= set(added)
    assert {one["Condition"] for one in added.values()} == {"HasQueue2"}

"""Does README.md show in its first lines what Zigzag is, and does its code run?"""

from __future__ import annotations

from typing import Any

from tests.project.docs.pages import blocks, read

from zigzag_testing import Sandbox

README = read("README.md")
LINES = README.splitlines()
MAX_LINES = 120
SENT_BEFORE_LINE = 20
SEND = 'take_order.send(Order(number="A-1"))'


def test_the_page_is_short() -> None:
    assert len(LINES) <= MAX_LINES


def test_a_task_is_written_and_sent_before_the_first_screen_ends() -> None:
    assert LINES.index(SEND) + 1 < SENT_BEFORE_LINE


def test_the_task_of_the_page_runs_when_it_is_sent() -> None:
    (block,) = blocks(README, "python")
    task, send, rest = block.text.partition(SEND)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(task, "README.md", "exec"), names)  # noqa: S102 -- our own page

    with Sandbox({"take_order": names["take_order"]}) as sandbox:
        exec(compile(send, "README.md", "exec"), names)  # noqa: S102
        sandbox.run()

    assert rest.strip() == ""
    assert [(report.task, report.outcome) for report in sandbox.reports] == [("take_order", "succeeded")]

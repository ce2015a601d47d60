"""A step that takes long says what it does: on a terminal by the last line of its log."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from tests.e2e.waiting import wait_until

from zigzag_local import steps

LINE = "CREATE_IN_PROGRESS AWS::SQS::Queue [red]"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_line_that_says_something_is_shown_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(steps, "LOOK_SECONDS", 0.01)
    log, said = tmp_path / "sam.log", io.StringIO()

    with steps.step(Console(file=said, force_terminal=terminal, width=80), "sam deploy", log):
        log.write_text(f"before\n{LINE.replace(' ', '    ')}\n-----\n\n")
        shown = wait_until(lambda: LINE in said.getvalue(), 10 if terminal else 0.1, 0.01)

    assert shown is terminal
    assert "sam deploy" in said.getvalue()

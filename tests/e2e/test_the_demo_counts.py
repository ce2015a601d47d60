"""`make run` must not say that all is well when a message is missing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from tests.e2e.conftest import PROJECT

from tasks import TASKS
from zigzag_local.demo import run as demo

pytestmark = pytest.mark.slow


@pytest.mark.skipif("crawl_page" not in TASKS, reason="the example tasks were deleted")
def test_a_demo_that_ends_before_its_messages_did_fails_and_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given no time to wait for the schedule
    monkeypatch.setattr(demo, "GIVE_UP_SECONDS", 0)
    said = io.StringIO()

    # When the demo runs
    went_well = demo.run(PROJECT, Console(file=said, width=100))

    # Then nothing is done, and it says so
    assert not went_well
    assert "65 of 65 messages are unaccounted for" in said.getvalue()

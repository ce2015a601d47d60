"""Does the consumer put as many messages into a dispatch as its setting says?"""

from __future__ import annotations

import json

import pytest
from tests.integration.conftest import Stack
from tests.support import body_of


@pytest.mark.parametrize(("most", "sizes"), [("1", [1, 1, 1]), ("2", [1, 2]), ("10", [3])])
def test_a_dispatch_carries_as_many_messages_as_the_setting_says(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, most: str, sizes: list[int]
) -> None:
    monkeypatch.setenv("ZIGZAG_BATCH_SIZE", most)
    for name in ("ann", "bob", "cid"):
        stack.send(body_of("greet", {"name": name}))

    summary = stack.wake_consumer()

    assert summary["dispatched"] == 3
    events = [json.loads(event) for event in stack.endpoint.requests]
    assert sorted(len(event.get("Messages", "1")) for event in events) == sizes

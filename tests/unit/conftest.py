"""Unit tests: no network, no waiting. Time is virtual. The fakes are those that are shipped."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.support import World


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("ZIGZAG_", "AWS_")):
            monkeypatch.delenv(name)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()

"""Says at the end of a session how often each kind of fault has struck."""

from __future__ import annotations

from typing import Any

from tests.hostile.world import STRUCK


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if STRUCK:
        counts = ", ".join(f"{kind} {times:,}" for kind, times in STRUCK.most_common())
        terminalreporter.write_line(f"Faults that struck: {counts}")

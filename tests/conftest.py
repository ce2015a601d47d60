"""Says at the end of a session what its tests counted: the properties that they recorded."""

from __future__ import annotations

from typing import Any

COUNTED = "counted"
"""The name of such a property: `record_property(COUNTED, "2,000 sent")`."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    said = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == COUNTED and report.when == "call"
    ]
    if said:
        terminalreporter.section("counted")
    for line in said:
        terminalreporter.write_line(line)

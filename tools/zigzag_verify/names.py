"""The names of a run's resources: by these, and by one tag, they are found and taken away."""

from __future__ import annotations

import re
import secrets

PREFIX = "zigzag-verify-"
TAG = "zigzag:verify"
"""The tag of all that a run makes; its value is the run."""

SETTINGS: dict[str, dict[str, str]] = {
    "standard-lean": {"Transport": "lean"},
    "standard-boto": {"Transport": "boto", "WatchAlways": "true"},
    "fifo-lean": {"Transport": "lean", "Fifo": "true", "WatchAlways": "true"},
    "fifo-boto": {"Transport": "boto", "Fifo": "true"},
}
"""The parameters of each of a run's stacks, by its short name."""

EVERY_STACK = {
    "FlowControl": "true",
    "InFlightCap": "40",
    "LogRetentionDays": "1",
    "WorkerTimeout": "180",
}
"""The parameters that all of them have."""


def new_run() -> str:
    """Returns the name of a run that nobody else has."""
    return secrets.token_hex(4)


def stack_of(run: str, setting: str) -> str:
    return f"{PREFIX}{run}-{setting}"


def stacks_of(run: str) -> list[str]:
    return [stack_of(run, setting) for setting in SETTINGS]


def bucket_of(run: str) -> str:
    return f"{PREFIX}{run}-code"


def run_of(name: str) -> str | None:
    """Returns the run that a name, a URL or an ARN is of, or None."""
    found = re.search(rf"(?:^|[/:]){PREFIX}([0-9a-f]{{8}})-", name)
    return found[1] if found else None


def is_made(name: str, run: str) -> bool:
    """Returns whether a name or URL is one that a run gives: others may have names that begin like it."""
    own = name.rpartition("/")[2]
    return own == bucket_of(run) or any(own.startswith(f"{stack}-") for stack in stacks_of(run))

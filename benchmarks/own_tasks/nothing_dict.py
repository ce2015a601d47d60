"""A task that does nothing, with a plain payload."""

from typing import Any

from zigzag import task


@task()
def nothing_dict(payload: dict[str, Any]) -> None:
    """Does nothing."""

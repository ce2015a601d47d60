"""The failure of a command: its text and its exit code."""

from __future__ import annotations

FAILED = 1
WRONG_OPTION = 2  # the usual code for this
BAD_PAYLOAD = 3


class Failure(Exception):  # noqa: N818 -- the command fails, not the code
    """Says in one sentence what is wrong, and how to correct it. No traceback is shown."""

    def __init__(self, sentence: str, exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code

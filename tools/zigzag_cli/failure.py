"""What the command says when it can't do something, and with which exit code."""

from __future__ import annotations

FAILED = 1
WRONG_OPTION = 2  # as everywhere
BAD_PAYLOAD = 3


class Failure(Exception):  # noqa: N818 -- of the command, not of the code
    """One sentence: what is wrong, and how to mend it. No traceback is shown."""

    def __init__(self, sentence: str, exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code

"""A function's process, as Lambda has it: imports the handler that is on its path, and is given events.

It is run as a script with the module of the handler, and imports nothing else of this repository: the code
may be of any version. Each line of its standard input has an event, the seconds until the function's end, and
how far its clock is ahead of this machine's. Its answer to each is a line at the descriptor that it is given.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from typing import Any

ahead = 0.0
here = time.time
time.time = lambda: here() + ahead  # before any module takes its own


class Context:
    """The context that Lambda hands to a handler, as far as it is used."""

    aws_request_id = "request-1"

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


def main(module: str, answers: int) -> None:
    handler: Any = None
    for line in sys.stdin:
        asked = json.loads(line)
        global ahead
        ahead = asked["ahead"]
        handler = handler or import_module(module).handler
        try:
            said = {"answer": handler(asked["event"], Context(asked["seconds"]))}
        except Exception as error:  # Lambda would say so to the caller, and keep the process
            said = {"error": f"{type(error).__name__}: {error}"}
        os.write(answers, (json.dumps(said) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

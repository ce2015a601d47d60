"""The time of a run, which a test replaces."""

from __future__ import annotations

import time


class Clock:
    """This machine's."""

    def now(self) -> float:
        """Returns epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

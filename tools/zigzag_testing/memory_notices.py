"""The notices in memory: the `Notices` port for tests."""

from __future__ import annotations

from shared.ports.notices import Notice, NoticeError
from zigzag_testing.faults import Faults


class MemoryNotices:
    """Keeps the notices that were sent.

    faults -- of them, a call that fails and an answer that is lost can happen.
    """

    dead_letter_url = "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters"

    def __init__(self, faults: Faults) -> None:
        self.sent: list[Notice] = []
        self._faults = faults

    async def publish(self, notice: Notice, seconds: float) -> None:
        self._faults.before()
        if self._faults.strike("call failed"):
            raise NoticeError("a fault")
        self.sent.append(notice)
        if self._faults.strike("call's answer lost"):
            raise NoticeError("no answer", maybe=True)
        self._faults.after()

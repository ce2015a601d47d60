"""Zigzag in memory, to test tasks: `from zigzag_testing import Sandbox`."""

from zigzag_testing.dead_letters import DeadLetter
from zigzag_testing.replies import Reply
from zigzag_testing.sandbox import Sandbox

__all__ = ["DeadLetter", "Reply", "Sandbox"]

"""Zigzag for those who test their tasks: `from zigzag_testing import Sandbox`."""

from zigzag_testing.sandbox import DeadLetter, Sandbox

__all__ = ["DeadLetter", "Sandbox"]

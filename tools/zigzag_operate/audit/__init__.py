"""The audit: judges the promises on the lines that the functions of a stack have logged.

The judge takes values and calls nothing, so tests and the game day ask the same one.
"""

from zigzag_operate.audit.judge import Judge, Known
from zigzag_operate.audit.lines import audit_of_files, audit_of_stack
from zigzag_operate.audit.report import Duplicate, Finding, Report

__all__ = [
    "Duplicate",
    "Finding",
    "Judge",
    "Known",
    "Report",
    "audit_of_files",
    "audit_of_stack",
]

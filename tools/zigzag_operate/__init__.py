"""Operates a deployed stack, for the `zigzag` command and for scripts.

Functions return values and print nothing. A failure is an OperateError.
"""

from shared.ports.auto import Auto
from shared.ports.gates import Rate
from zigzag_operate.acting import Acted, Chosen, choose, drop
from zigzag_operate.call import Called, call
from zigzag_operate.dead_letters import Filter, dead_letters, show
from zigzag_operate.edit import Edited, edit
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.gates import StackGates
from zigzag_operate.kept import KeptQueue, kept
from zigzag_operate.letters import Letter
from zigzag_operate.redrive import redrive, would_redrive
from zigzag_operate.scheduled import cancel, scheduled
from zigzag_operate.send import send
from zigzag_operate.status import queues, status
from zigzag_operate.target import Stack, Target, find

__all__ = [
    "Acted",
    "Auto",
    "Called",
    "Chosen",
    "Edited",
    "Filter",
    "KeptQueue",
    "Kind",
    "Letter",
    "OperateError",
    "Rate",
    "Stack",
    "StackGates",
    "Target",
    "call",
    "cancel",
    "choose",
    "dead_letters",
    "drop",
    "edit",
    "find",
    "kept",
    "queues",
    "redrive",
    "scheduled",
    "send",
    "show",
    "status",
    "would_redrive",
]

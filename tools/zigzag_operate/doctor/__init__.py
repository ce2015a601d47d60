"""The doctor: rules on the facts of a stack's configuration, before a deployment and after it."""

from zigzag_operate.doctor.examining import Report, examine, examine_stack, examine_template
from zigzag_operate.doctor.finding import Advice, Finding, NotKnown

__all__ = ["Advice", "Finding", "NotKnown", "Report", "examine", "examine_stack", "examine_template"]

"""The figures of a stack as it is now, and the worst true sentence about them. Nothing is changed.

Each figure is a value, or an `Unknown` that names what it needs. `facts` reads them in three rounds of calls
at most; `verdict_of` judges them.
"""

from zigzag_operate.facts.figures import Unknown
from zigzag_operate.facts.stack import Facts, QueueFacts, facts
from zigzag_operate.facts.verdict import KEEPING_UP, Verdict, verdict_of

__all__ = ["KEEPING_UP", "Facts", "QueueFacts", "Unknown", "Verdict", "facts", "verdict_of"]

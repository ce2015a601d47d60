"""Switches the collector of garbage off while a function is loaded: its `app.py` imports this module first.

A start makes no garbage to speak of. To look for some takes a tenth of its processor time.
"""

from __future__ import annotations

import gc

gc.disable()


def is_over() -> None:
    """Switches the collector on. All that is loaded by now stays, so no collection looks at it again."""
    gc.freeze()
    gc.enable()

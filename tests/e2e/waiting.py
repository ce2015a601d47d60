"""How is something waited for that takes as long as it takes?"""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool], seconds: float, every: float = 1.0) -> bool:
    """Tells whether it came true in that time."""
    give_up_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(every)
    return True

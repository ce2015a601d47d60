"""On which processors do clients and stub run, and what machine is this?"""

from __future__ import annotations

import os
import platform
import ssl
import sys
from pathlib import Path


def _two_processors() -> tuple[int, int] | tuple[None, None]:
    """Where processes can be bound to processors and there are two: one for clients, one for the stub."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[1]) if len(ours) > 1 else (None, None)


CLIENT_CPU, STUB_CPU = _two_processors()


def description() -> str:
    """One line for a reader of the results."""
    try:
        named = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    except OSError:
        named = ""
    return (
        f"{os.cpu_count()} x {named or platform.machine()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    )


def load() -> float:
    """How many processes were running or waiting in the last minute, ours included."""
    return os.getloadavg()[0]


PYTHON = os.path.realpath(sys.executable)
"""The interpreter without its environment: nothing is installed in it."""

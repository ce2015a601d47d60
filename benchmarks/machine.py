"""Chooses the processors of clients and stub, and describes this machine."""

from __future__ import annotations

import os
import platform
import ssl
import sys
from pathlib import Path


def _two_processors() -> tuple[int, int] | tuple[None, None]:
    """Returns a processor for clients and one for the stub; None for both if there are not two."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[1]) if len(ours) > 1 else (None, None)


CLIENT_CPU, STUB_CPU = _two_processors()


def description() -> str:
    """Returns one line for a reader of the results."""
    try:
        named = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    except OSError:
        named = ""
    return (
        f"{os.cpu_count()} x {named or platform.machine()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    )


def load() -> float:
    """Returns the average number of processes that ran or waited in the last minute, ours included."""
    return os.getloadavg()[0]


PYTHON = os.path.realpath(sys.executable)
"""The interpreter outside its environment, without installed packages."""

"""Runs a blocking call beside an event loop, in threads of its own.

The loop's own threads are few, and an application needs them, to look up each name for example. While SQS is
silent, sends would keep them all. In a worker a run's threads are its own already, and end with it; in a
sandbox only the loop's stop its clock.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from zigzag.aws import identity
from zigzag.outbox import standing_in

MAX_SENDS_AT_ONCE = 10
"""Most calls at the same time, as many as boto keeps connections. The others wait."""


async def run_in_thread[R](function: Callable[[], R]) -> R:
    """Returns what the function returns. A call that is cancelled goes on, if it has begun.

    Raises SendError if more than one sandbox is open, and this thread does not say which.
    """
    in_a_producer = identity() is None and standing_in(None) is None
    threads = _of(os.getpid()) if in_a_producer else None
    return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, function)


@functools.cache
def _of(process: int) -> ThreadPoolExecutor:
    """Returns the threads of a process. A forked child has none of its parent's."""
    return ThreadPoolExecutor(MAX_SENDS_AT_ONCE, "zigzag-send")

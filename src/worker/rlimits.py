"""Puts back the resource limits of the process: the limits of one task could kill the next."""

from __future__ import annotations

from _thread import stack_size
from resource import (
    RLIM_INFINITY,
    RLIMIT_AS,
    RLIMIT_CPU,
    RLIMIT_DATA,
    RLIMIT_FSIZE,
    RLIMIT_NOFILE,
    RLIMIT_NPROC,
    getrlimit,
    setrlimit,
)

# Limits that kill a task, or make it fail. To read one takes a third of a microsecond.
_NUMBERS = {
    "RLIMIT_AS": RLIMIT_AS,
    "RLIMIT_CPU": RLIMIT_CPU,
    "RLIMIT_DATA": RLIMIT_DATA,
    "RLIMIT_FSIZE": RLIMIT_FSIZE,
    "RLIMIT_NOFILE": RLIMIT_NOFILE,
    "RLIMIT_NPROC": RLIMIT_NPROC,
}
_ALL = tuple(_NUMBERS.values())


class ResourceLimits:
    """The limits before a task, with the size of a thread's stack."""

    def __init__(self) -> None:
        self._limits = list(map(getrlimit, _ALL))
        self._stack = stack_size()
        stack_size(self._stack)  # to ask for it has set it to the system's own

    def put_back(self) -> list[str]:
        """Puts back the limits. Returns the names of those whose hard limit can't be raised again; their soft
        limit is the old one, or as high as it can be."""
        stack_size(self._stack)
        if list(map(getrlimit, _ALL)) == self._limits:
            return []
        return [name for name, limit in zip(_NUMBERS, self._limits, strict=True) if not _is_back(name, limit)]


def _is_back(name: str, limit: tuple[int, int]) -> bool:
    number, soft = _NUMBERS[name], limit[0]
    try:
        setrlimit(number, limit)
    except ValueError:  # only root may raise a hard limit
        hard = getrlimit(number)[1]
        setrlimit(number, (hard if soft == RLIM_INFINITY else min(soft, hard), hard))
        return False
    return True

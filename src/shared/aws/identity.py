"""The identity that calls AWS: a function, by its variables as they were when it began.

A task may set variables, or boto3's default session, for its own calls. Zigzag's calls keep the function's
identity, even the first one that needs boto, and those of a forked child.
"""

from __future__ import annotations

import os
from _thread import RLock, get_ident
from collections.abc import Callable, ItemsView, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Self

_making: dict[int, RLock] = {}  # for each process


def alone() -> RLock:
    """Returns the lock of who makes a client of boto's in this process: a session makes one at a time."""
    return _making.setdefault(os.getpid(), RLock())


class Identity:
    """A copy of a function's variables, and boto3's session made with them when it is needed."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables: Mapping[str, str] = dict(variables)
        # A forked child has a session of its own: a thread of the parent may have been using the parent's.
        self._sessions: dict[int, Any] = {}

    def client(self, new_session: Callable[[], Any], service: str, **arguments: Any) -> Any:
        """Returns a client of boto3's session."""
        with alone(), self._in_place():
            session = self._sessions.get(os.getpid())
            if session is None:
                session = self._sessions[os.getpid()] = new_session()
            return session.client(service, **arguments)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Puts the variables in the place of os.environ, which boto reads in many places while it makes a
        client. The code of a task that runs in other threads, and child processes, find what was there."""
        found = os.environ
        os.environ = seen = _ForOneThread(self.variables, found)  # type: ignore[assignment]
        try:
            yield
        finally:
            os.environ = found  # noqa: B003
            seen.all_threads = True  # boto keeps it, to look for new credentials


class _ForOneThread(MutableMapping[str, str]):
    """An environment in which the thread that made it finds other variables.

    all_threads -- whether all do.
    """

    def __init__(self, variables: Mapping[str, str], found: MutableMapping[str, str]) -> None:
        self._variables = dict(variables)
        self._found = found
        self._thread = get_ident()
        self.all_threads = False

    def copy(self) -> dict[str, str]:
        return dict(self._now.items())

    def items(self) -> ItemsView[str, str]:
        return self.copy().items()  # of one of the two, though the other may take its place meanwhile

    @property
    def _now(self) -> MutableMapping[str, str]:
        ours = self.all_threads or get_ident() == self._thread
        return self._variables if ours else self._found

    def __getitem__(self, name: str) -> str:
        return self._now[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._now[name] = value

    def __delitem__(self, name: str) -> None:
        del self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def __or__(self, more: Mapping[str, str]) -> dict[str, str]:
        return {**self.copy(), **more}

    def __ror__(self, less: Mapping[str, str]) -> dict[str, str]:
        return {**less, **self.copy()}

    def __ior__(self, more: Mapping[str, str]) -> Self:
        self.update(more)
        return self

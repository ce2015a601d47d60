"""The identity that calls AWS: a function, by its variables as they were when it began.

A task may set variables, or boto3's default session, for its own calls. Zigzag's calls keep the function's
identity, even the first one that needs boto, and those of a forked child.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Identity:
    """A copy of a function's variables, and boto3's session made with them when it is needed."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables: Mapping[str, str] = dict(variables)
        # A forked child has a session of its own: a thread of the parent may have been using the parent's.
        self._sessions: dict[int, Any] = {}

    def client(self, new_session: Callable[[], Any], service: str, **arguments: Any) -> Any:
        """Returns a client of boto3's session. Only one thread may call this at a time."""
        with self._in_place():
            session = self._sessions.get(os.getpid())
            if session is None:
                session = self._sessions[os.getpid()] = new_session()
            return session.client(service, **arguments)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Puts the variables in the place of os.environ, which boto reads in many places while it makes a
        client. The process's real environment, which child processes get, does not change."""
        found = os.environ
        os.environ = dict(self.variables)  # type: ignore[assignment]  # noqa: B003
        try:
            yield
        finally:
            os.environ = found  # noqa: B003

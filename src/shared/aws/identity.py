"""Who calls AWS, and from where? A function, as its variables were when it began.

A task may set variables, or boto3's default session, for calls of its own. Zigzag's calls stay the
function's, even the first that needs boto, and those of a forked child.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Identity:
    """A function's variables, of which a copy is kept, and boto3's session by them, once there is a need."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables: Mapping[str, str] = dict(variables)
        # A forked child has a session of its own: the parent's may have been in use in another thread.
        self._sessions: dict[int, Any] = {}

    def client(self, new_session: Callable[[], Any], service: str, **arguments: Any) -> Any:
        """A client by boto3's session, which only one thread may use at a time."""
        with self._in_place():
            session = self._sessions.get(os.getpid())
            if session is None:
                session = self._sessions[os.getpid()] = new_session()
            return session.client(service, **arguments)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Has os.environ be the variables: boto reads it in many places, and all of them while it makes a
        client. The process's own environment, which child processes get, stays as it is."""
        found = os.environ
        os.environ = dict(self.variables)  # type: ignore[assignment]  # noqa: B003
        try:
            yield
        finally:
            os.environ = found  # noqa: B003

"""The port of the bucket that has the bodies of large messages.

Its methods block, unlike those of the other ports: a body is read while an attempt is prepared, and there
the user's code runs, which is synchronous.
"""

from __future__ import annotations

from typing import Protocol


class ObjectsError(Exception):
    """The call failed, through no fault of the object: a later one may work. `code` has no content."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ObjectGoneError(Exception):
    """The bucket has no such object."""


class ObjectTooLargeError(Exception):
    """The object has more bytes than may be read. None of them was."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size:,} bytes")
        self.size = size


class Objects(Protocol):
    """A bucket. Both methods raise ObjectsError if the call fails.

    bucket -- its name.
    """

    @property
    def bucket(self) -> str: ...

    def put(self, key: str, content: bytes) -> None:
        """Stores an object, in the place of one with the same key."""

    def get(self, key: str, max_bytes: int) -> bytes:
        """Returns an object's content. Raises ObjectGoneError, or ObjectTooLargeError before it reads any."""

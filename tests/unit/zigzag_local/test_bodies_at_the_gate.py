"""Bodies whose senders are not known yet hold up nobody else, and take no more memory than their bytes."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import pytest
from tests.unit.zigzag_local.test_gate import GREETING, KEYS, signed

from zigzag_local import gate
from zigzag_local.gate import MAX_HELD_BYTES, SMALL_BYTES, TOO_SLOW, guarded


class Visits:
    """Requests at one gate, and their statuses by name."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self._gate = guarded(self._application, KEYS.get)

    async def stalled(self, name: str, size: int) -> None:
        """Sends so many bytes, and then nothing more."""
        pieces = [{"type": "http.request", "body": bytes(size), "more_body": True}]
        await self._visit(name, unsigned_length(), pieces)

    async def greeting(self, name: str) -> None:
        await self._visit(name, signed(), [{"type": "http.request", "body": GREETING, "more_body": False}])

    async def _visit(self, name: str, scope: dict[str, Any], pieces: list[dict[str, Any]]) -> None:
        async def receive() -> dict[str, Any]:
            if not pieces:
                await asyncio.sleep(3600)
            return pieces.pop(0)

        async def send(message: dict[str, Any]) -> None:
            self.statuses.setdefault(name, message.get("status", 0))

        await self._gate(scope, receive, send)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"status": 200})


def unsigned_length() -> dict[str, Any]:
    """Returns a request whose body has to be read before its signature can be judged."""
    return signed(key=("test", "guessed"))


def test_large_bodies_that_stall_keep_no_small_one_out() -> None:
    visits = Visits()

    async def all_of() -> None:
        stalled = [asyncio.create_task(visits.stalled("large", MAX_HELD_BYTES // 2)) for _ in range(2)]
        await asyncio.sleep(0)
        await visits.greeting("small")
        for one in stalled:
            one.cancel()

    asyncio.run(all_of())

    assert visits.statuses["small"] == 200
    assert len(GREETING) < SMALL_BYTES


def test_a_body_that_does_not_come_is_refused_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "JUDGED_SECONDS", 0.05)
    visits = Visits()

    asyncio.run(visits.stalled("slow", 100))

    assert visits.statuses == {"slow": TOO_SLOW}


def test_a_body_in_small_pieces_takes_no_more_memory_than_its_bytes() -> None:
    pieces = 300_000
    visits = Visits()
    left = pieces

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": b"ab", "more_body": left > 0}

    async def send(message: dict[str, Any]) -> None:
        visits.statuses.setdefault("pieces", message.get("status", 0))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    asyncio.run(guarded(visits._application, KEYS.get)(unsigned_length(), receive, send))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert visits.statuses == {"pieces": 403}
    assert grown < 16 * 1024  # kilobytes; a piece each was 70 MB

"""Which connection does a call go over? One that is kept alive, unless it may be gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint, wait_for
from tests.transports import as_on_lambda
from tests.unit.shared.aws.ways import GOOD, Way, bad, call, invoke_at_once

from shared.aws import within
from shared.aws.lean import connections, streams
from shared.aws.transport import AnsweredError, NoAnswerError, NotSentError
from zigzag.in_place import run_in_place


class TestConnections:
    """They are kept alive, and not used when they may be gone."""

    def test_one_that_rested_too_long_is_not_used(
        self, endpoint: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A function is frozen between two events, and the other side's goodbye may never come."""
        call(way)
        now = connections.time
        monkeypatch.setattr(connections, "time", lambda: now() + 60)

        call(way)

        assert endpoint.connections == 2

    def test_one_that_the_other_side_has_closed_is_not_used(self, endpoint: HttpEndpoint, way: Way) -> None:
        endpoint.answer = "bye"
        way.run(way.transport.invoke("worker", b"{}"))
        wait_for(lambda: endpoint.closed == 1)

        way.run(way.transport.invoke("worker", b"{}"))

        assert (len(endpoint.requests), endpoint.connections) == (2, 2)

    def test_a_call_that_waits_too_long_for_a_turn_is_not_sent(
        self, endpoint: HttpEndpoint, consumers_way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given four connections, and four calls that get no answer
        monkeypatch.setattr(connections, "OPEN_SECONDS", 0.3)
        endpoint.answer = "hang"

        async def five() -> list[BaseException | None]:
            calls = [asyncio.create_task(consumers_way.transport.invoke("worker", b"{}")) for _ in range(5)]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            endpoint.released.set()
            await asyncio.wait(calls)
            return [one.exception() for one in done]

        # When a fifth is made
        failed = consumers_way.run(five())

        # Then it fails before the others do, and never began
        assert [type(error) for error in failed] == [NotSentError]
        assert len(endpoint.requests) == 4

    @pytest.mark.parametrize("answer", ["close", "reset", "half", b"no HTTP at all\r\n\r\n"])
    def test_one_on_which_a_call_failed_is_not_used(
        self, endpoint: HttpEndpoint, way: Way, answer: str | bytes
    ) -> None:
        endpoint.answer = answer
        with pytest.raises(NoAnswerError):
            call(way)
        endpoint.answer = GOOD

        call(way)

        assert endpoint.connections == 2

    def test_one_is_used_again_after_an_error_that_was_answered(
        self, endpoint: HttpEndpoint, way: Way
    ) -> None:
        endpoint.answer = bad(400)
        with pytest.raises(AnsweredError):
            call(way)
        endpoint.answer = GOOD

        call(way)

        assert endpoint.connections == 1

    def test_one_that_the_answer_says_is_closed_is_not_used(self, endpoint: HttpEndpoint, way: Way) -> None:
        endpoint.answer = GOOD.replace(b"Content", b"Connection: close\r\nContent")

        call(way)
        call(way)

        assert endpoint.connections == 2

    @pytest.mark.parametrize("before", [0.8, 5.0])
    def test_a_call_has_its_own_time_whatever_the_one_before_had(
        self, endpoint: HttpEndpoint, way: Way, before: float
    ) -> None:
        way.run(way.transport.call("sqs", "DeleteMessageBatch", {}, time.time() + before))
        endpoint.answer, began = "hang", time.monotonic()

        with pytest.raises(NoAnswerError, match="TimeoutError"):
            way.run(way.transport.call("sqs", "DeleteMessageBatch", {}, time.time() + 1.2))

        assert 1.1 < time.monotonic() - began < 4
        assert endpoint.connections == 1

    def test_there_are_no_more_at_a_time_than_was_said(
        self, endpoint: HttpEndpoint, consumers_way: Way
    ) -> None:
        invoke_at_once(consumers_way, *[b"{}"] * 20)

        assert (len(endpoint.requests), endpoint.connections) == (20, 4)

    def test_threads_may_share_a_transport(self, endpoint: HttpEndpoint, workers_way: Way) -> None:
        """A task may send from several."""
        with ThreadPoolExecutor(4) as threads:
            for _ in range(80):
                threads.submit(call, workers_way)

        assert len(endpoint.requests) == 80

    def test_a_call_that_is_cancelled_leaves_no_connection_behind(
        self, endpoint: HttpEndpoint, consumers_way: Way
    ) -> None:
        endpoint.answer = "hang"

        async def cancelled() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(consumers_way.transport.invoke("worker", b"{}"), 0.2)

        consumers_way.run(cancelled())
        endpoint.released.set()
        endpoint.answer = GOOD
        call(consumers_way)

        assert endpoint.connections == 2


def test_that_a_host_has_no_address_is_remembered_for_a_moment(
    consumers_way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that, each of many calls would ask, and the event loop stand still each time."""
    asked: list[str] = []

    def nobody(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(streams, "getaddrinfo", nobody)
    monkeypatch.setattr(streams, "_known", {})
    as_on_lambda(monkeypatch)

    for _ in range(3):
        with pytest.raises(NotSentError):
            call(consumers_way)

    assert asked == ["sqs.us-east-1.amazonaws.com"]


def test_a_look_up_that_hangs_takes_no_more_than_its_time_and_serves_a_later_call(
    endpoint: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, go_on, asked = socket.getaddrinfo, threading.Event(), []

    def slow(host: str, port: int, **named: Any) -> list[Any]:
        asked.append(host)
        go_on.wait(3)
        return really(host, port, **named)

    monkeypatch.setattr(streams, "getaddrinfo", slow)
    monkeypatch.setattr(streams, "_known", {})
    began = time.monotonic()
    for _ in range(2):  # the second one does not ask again
        with pytest.raises(NotSentError, match="TimeoutError"):
            way.run(way.transport.call("sqs", "DeleteMessage", {}, time.time() + 0.2))
    assert time.monotonic() - began < 2

    go_on.set()
    wait_for(lambda: all(isinstance(found, list) for _, found in streams._known.values()))
    call(way)
    assert len(asked) == 1


def test_a_look_up_that_fails_late_takes_no_newer_answer_away(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, ("127.0.0.1", 443))]

    def overtaken(host: str, port: int) -> OSError:
        streams._known[host, port] = time.time() + 30, answer
        return OSError("no such name")

    monkeypatch.setattr(streams, "_known", {})
    monkeypatch.setattr(streams, "_asked", overtaken)

    assert streams.addresses("sqs", 443, 1.0) == streams.addresses("sqs", 443, 1.0) == answer


def test_without_one_more_thread_a_name_is_looked_up_as_well(
    endpoint: HttpEndpoint, workers_way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task may have started as many as its process may have."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(within, "start_new_thread", refuse)
    monkeypatch.setattr(streams, "_known", {})

    assert call(workers_way) == {}


class _Dripping:
    """A stream on which a byte of an endless answer comes a second, as soon as it is asked for."""

    secure = None

    def __init__(self) -> None:
        self.seconds = 0.0

    async def send(self, data: bytes, seconds: float) -> None: ...

    async def receive(self, seconds: float) -> bytes:
        self.seconds += 1
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        return head if self.seconds == 1 else b"1\r\nx\r\n"

    def close(self) -> None: ...


class _OneStream:
    """Streams that open that one."""

    def __init__(self, stream: _Dripping) -> None:
        self._stream = stream

    async def open(self, *_: object) -> _Dripping:
        return self._stream

    def turns(self, limit: int, seconds: float) -> Any:
        return contextlib.nullcontext()


def test_an_answer_of_which_a_piece_is_always_there_is_given_up_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = _Dripping()
    monkeypatch.setattr(connections, "monotonic", lambda: stream.seconds)
    host = connections.Connections("sqs.test", 80, None, _OneStream(stream), 1)  # type: ignore[arg-type]

    with pytest.raises(NoAnswerError, match="TimeoutError"):
        run_in_place(host.exchange(lambda: b"", 25))

    assert stream.seconds <= 26

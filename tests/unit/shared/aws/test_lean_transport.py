"""The lean transport: which connection a call goes over, when it is sent again, and what a failure means.

Over real sockets, in place as the worker does, and in a loop as the consumer does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.certificates import make_certificate
from tests.lambda_endpoint import LambdaEndpoint, wait_for
from tests.transports import TRANSPORTS, as_on_lambda

from shared.aws import connections, streams
from shared.aws.boto_transport import BotoTransport
from shared.aws.choice import BOTO, LEAN, transport_in_a_loop, transport_in_place
from shared.aws.lean_transport import LeanTransport
from shared.aws.transport import AnsweredError, CallError, NoAnswerError, NotSentError, Transport
from shared.aws.trust import trust
from zigzag.in_place import run_in_place

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def bad(status: int, headers: str = "", body: str = "{}") -> bytes:
    return f"HTTP/1.1 {status} Bad\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Way(Protocol):
    """A way to wait."""

    transport: Transport

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R: ...

    def close(self) -> None: ...


class WorkersWay:
    def __init__(self, attempts: int = 1) -> None:
        self.transport = transport_in_place(LEAN, attempts=attempts)

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine)

    def close(self) -> None:
        self.transport.close()


class ConsumersWay:
    def __init__(self, attempts: int = 1) -> None:
        self.transport = transport_in_a_loop(LEAN, attempts=attempts, connections=4)
        self._runner = asyncio.Runner()

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.transport.close()
        self._runner.close()


WAYS = {"in place": WorkersWay, "in a loop": ConsumersWay}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaEndpoint]:
    with LambdaEndpoint(GOOD) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        yield endpoint


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest, endpoint: LambdaEndpoint) -> Iterator[Way]:
    way: Way = request.param()
    yield way
    way.close()


def call(way: Way, operation: str = "DeleteMessage") -> dict[str, Any]:
    return way.run(way.transport.call("sqs", operation, {"QueueUrl": "tasks"})).body


class TestConnections:
    """They are kept alive, and not used when they may be gone."""

    def test_one_serves_call_after_call(self, endpoint: LambdaEndpoint, way: Way) -> None:
        for _ in range(5):
            call(way)

        assert (len(endpoint.requests), endpoint.connections) == (5, 1)

    def test_one_that_rested_too_long_is_not_used(
        self, endpoint: LambdaEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A function is frozen between two events, and the other side's goodbye may never come."""
        call(way)
        now = connections.time.time
        monkeypatch.setattr(connections.time, "time", lambda: now() + 60)

        call(way)

        assert endpoint.connections == 2

    def test_one_that_the_other_side_has_closed_is_not_used(self, endpoint: LambdaEndpoint, way: Way) -> None:
        endpoint.answer = "bye"
        way.run(way.transport.invoke("worker", b"{}"))
        wait_for(lambda: endpoint.closed == 1)

        way.run(way.transport.invoke("worker", b"{}"))

        assert (len(endpoint.requests), endpoint.connections) == (2, 2)

    @pytest.mark.parametrize("answer", ["close", "reset", "half", b"no HTTP at all\r\n\r\n"])
    def test_one_on_which_a_call_failed_is_not_used(
        self, endpoint: LambdaEndpoint, way: Way, answer: str | bytes
    ) -> None:
        endpoint.answer = answer
        with pytest.raises(NoAnswerError):
            call(way)
        endpoint.answer = GOOD

        call(way)

        assert endpoint.connections == 2

    def test_one_is_used_again_after_an_error_that_was_answered(
        self, endpoint: LambdaEndpoint, way: Way
    ) -> None:
        endpoint.answer = bad(400)
        with pytest.raises(AnsweredError):
            call(way)
        endpoint.answer = GOOD

        call(way)

        assert endpoint.connections == 1

    def test_one_that_the_answer_says_is_closed_is_not_used(self, endpoint: LambdaEndpoint, way: Way) -> None:
        endpoint.answer = GOOD.replace(b"Content", b"Connection: close\r\nContent")

        call(way)
        call(way)

        assert endpoint.connections == 2

    def test_there_are_no_more_at_a_time_than_was_said(self, endpoint: LambdaEndpoint) -> None:
        way = ConsumersWay()  # with 4

        async def twenty() -> None:
            await asyncio.gather(*(way.transport.invoke("worker", b"{}") for _ in range(20)))

        way.run(twenty())
        way.close()

        assert (len(endpoint.requests), endpoint.connections) == (20, 4)

    def test_threads_may_share_a_transport(self, endpoint: LambdaEndpoint) -> None:
        """A task may send from several."""
        way = WorkersWay()
        threads = [
            threading.Thread(target=lambda: [call(way) for _ in range(20)], daemon=True) for _ in range(4)
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        way.close()

        assert len(endpoint.requests) == 80

    def test_a_call_that_is_cancelled_leaves_no_connection_behind(self, endpoint: LambdaEndpoint) -> None:
        endpoint.answer = "hang"
        way = ConsumersWay()

        async def cancelled() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(way.transport.invoke("worker", b"{}"), 0.2)

        way.run(cancelled())
        endpoint.released.set()
        endpoint.answer = GOOD

        way.run(way.transport.invoke("worker", b"{}"))
        way.close()

        assert endpoint.connections == 2


class TestSendingAgain:
    """As often as it was told, and only what may go well the next time."""

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param("close", id="no answer"),
            pytest.param(bad(500), id="500"),
            pytest.param(bad(503), id="503"),
            pytest.param(bad(429), id="429"),
            pytest.param(
                bad(400, body='{"__type": "com.amazonaws.sqs#ThrottlingException"}'), id="throttled"
            ),
        ],
    )
    def test_a_call_is_sent_again(self, endpoint: LambdaEndpoint, answer: str | bytes) -> None:
        endpoint.answer = answer
        way = WorkersWay(attempts=2)

        with pytest.raises(CallError):
            call(way)
        way.close()

        assert len(endpoint.requests) == 2

    def test_a_call_that_goes_well_the_second_time_went_well(self, endpoint: LambdaEndpoint) -> None:
        endpoint.answer = lambda _: 503 if len(endpoint.requests) == 1 else 200
        way = ConsumersWay(attempts=4)

        call(way)
        way.close()

        assert len(endpoint.requests) == 2

    def test_a_refusal_is_final(self, endpoint: LambdaEndpoint) -> None:
        endpoint.answer = bad(403)
        way = WorkersWay(attempts=4)

        with pytest.raises(AnsweredError):
            call(way)
        way.close()

        assert len(endpoint.requests) == 1

    @pytest.mark.parametrize("wanted", TRANSPORTS)
    @pytest.mark.parametrize("answer", [503, 429, "close"])
    def test_an_invoke_is_sent_once_whatever_was_told(
        self, endpoint: LambdaEndpoint, wanted: str, answer: int | str
    ) -> None:
        endpoint.answer = answer
        transport = transport_in_place(wanted, attempts=4)

        with pytest.raises(CallError):
            run_in_place(transport.invoke("worker", b"{}"))
        transport.close()

        assert len(endpoint.requests) == 1


def test_that_a_host_has_no_address_is_remembered_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of many calls would ask, and the event loop stand still each time."""
    asked: list[str] = []

    def nobody(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    monkeypatch.setattr(streams, "_known", {})
    as_on_lambda(monkeypatch)
    way = ConsumersWay()

    for _ in range(3):
        with pytest.raises(NotSentError):
            call(way)
    way.close()

    assert asked == ["sqs.us-east-1.amazonaws.com"]


def test_a_call_carries_the_trace_of_the_invocation(
    endpoint: LambdaEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)

    call(way)

    assert endpoint.headers[0]["x-amzn-trace-id"] == trace


class TestErrors:
    """An error has AWS's code and words, wherever they stand in the answer."""

    @pytest.mark.parametrize(
        ("answer", "code", "reason"),
        [
            pytest.param(
                bad(
                    400,
                    "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender\r\n",
                    '{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "There is none."}',
                ),
                "AWS.SimpleQueueService.NonExistentQueue",
                "There is none.",
                id="SQS, whose older code boto tells, too",
            ),
            pytest.param(
                bad(400, body='{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}'),
                "ResourceNotFoundException",
                "",
                id="DynamoDB",
            ),
            pytest.param(
                bad(
                    429,
                    "x-amzn-ErrorType: TooManyRequestsException:http://internal.amazon.com/\r\n",
                    '{"Reason": "CallerRateLimitExceeded", "Type": "User"}',
                ),
                "TooManyRequestsException",
                "CallerRateLimitExceeded",
                id="Lambda",
            ),
            pytest.param(bad(502, body="<html>"), "HTTP 502", "", id="a proxy's page"),
        ],
    )
    def test_its_code_and_words(
        self, endpoint: LambdaEndpoint, way: Way, answer: bytes, code: str, reason: str
    ) -> None:
        endpoint.answer = answer

        with pytest.raises(AnsweredError) as caught:
            call(way)

        assert (caught.value.code, caught.value.reason) == (code, reason)

    def test_a_good_answer_that_is_no_json_may_have_been_done(
        self, endpoint: LambdaEndpoint, way: Way
    ) -> None:
        endpoint.answer = bad(200, body="<html>")

        with pytest.raises(NoAnswerError):
            call(way)

    def test_an_answer_that_comes_before_all_is_sent_counts(self, endpoint: LambdaEndpoint, way: Way) -> None:
        endpoint.answer = "too large"

        with pytest.raises(AnsweredError) as caught:
            way.run(way.transport.invoke("worker", b"x" * 8_000_000))

        assert caught.value.status == 413

    def test_an_answer_that_trickles_is_given_up(
        self, endpoint: LambdaEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.aws.lean_transport.ANSWER_SECONDS", {"lambda": 0.3, "sqs": 0.3})
        endpoint.answer = "trickle"

        with pytest.raises(NoAnswerError):
            way.run(way.transport.invoke("worker", b"{}"))


class TestTls:
    """A certificate is always checked, and the list of authorities is read once."""

    @pytest.fixture
    def secure(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LambdaEndpoint]:
        certificate, context = make_certificate(tmp_path)
        with LambdaEndpoint(GOOD, context) as endpoint:
            as_on_lambda(monkeypatch, endpoint.url)
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
            yield endpoint

    @pytest.fixture(params=WAYS.values(), ids=WAYS)
    def way(self, request: pytest.FixtureRequest, secure: LambdaEndpoint) -> Iterator[Way]:
        way: Way = request.param()
        yield way
        way.close()

    def test_calls_go_through_it_and_large_ones_too(self, secure: LambdaEndpoint, way: Way) -> None:
        large = b'"%b"' % (b"x" * 1_000_000)

        way.run(way.transport.invoke("worker", large))
        way.run(way.transport.invoke("worker", b"{}"))

        assert secure.requests == [large, b"{}"]
        assert secure.connections == 1

    def test_an_authority_that_is_not_in_the_bundle_is_not_trusted(
        self, secure: LambdaEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_CA_BUNDLE")
        way = ConsumersWay()

        with pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
            call(way)
        way.close()

        assert secure.requests == []

    @pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
    def test_a_certificate_for_somebody_else_is_not_trusted(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: type[WorkersWay | ConsumersWay]
    ) -> None:
        certificate, context = make_certificate(tmp_path, address="127.0.0.9")
        with LambdaEndpoint(GOOD, context) as elsewhere:
            as_on_lambda(monkeypatch, elsewhere.url)
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
            way = make()

            with pytest.raises(NotSentError, match="IP address mismatch"):
                call(way)
            way.close()

        assert elsewhere.requests == []

    @pytest.fixture
    def with_amazons_too(
        self, secure: LambdaEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Path:
        """The bundle has two of Amazon's authorities beside the server's, and one that nobody knows."""
        bundle = tmp_path / "bundle.pem"
        parts = [(tmp_path / "certificate.pem").read_bytes()]
        for name in ("Amazon Root CA 1", "Starfield Services Root", "Nobody"):
            (tmp_path / name).mkdir()
            parts.append(make_certificate(tmp_path / name, name=name)[0].read_bytes())
        bundle.write_bytes(b"".join(parts))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        return bundle

    def test_of_a_bundle_amazons_authorities_are_read_at_first(self, with_amazons_too: Path) -> None:
        context = trust(str(with_amazons_too)).context

        names = [dict(one[0] for one in found["subject"])["commonName"] for found in context.get_ca_certs()]
        assert names == ["Amazon Root CA 1", "Starfield Services Root"]
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)

    def test_whom_amazon_does_not_vouch_for_is_trusted_if_another_of_the_bundle_does(
        self, secure: LambdaEndpoint, with_amazons_too: Path
    ) -> None:
        way = ConsumersWay()

        async def ten() -> None:
            await asyncio.gather(*(way.transport.invoke("worker", b"{}") for _ in range(10)))

        way.run(ten())
        way.close()

        assert len(secure.requests) == 10

    def test_a_bundle_that_is_not_there_is_named(
        self, secure: LambdaEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/bundle.pem")
        way = WorkersWay()

        with pytest.raises(NotSentError, match="/nowhere/bundle"):
            call(way)

        assert secure.requests == []

    def test_a_stranger_at_one_endpoint_does_not_shut_another_out(
        self, secure: LambdaEndpoint, with_amazons_too: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        # Given calls that go well, over connections whose sessions are remembered
        way = ConsumersWay()
        call(way)
        (tmp_path / "stranger").mkdir()
        _, context = make_certificate(tmp_path / "stranger")
        with LambdaEndpoint(GOOD, context) as stranger:
            monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", stranger.url)
            another = ConsumersWay()

            # When somebody is met whom nobody vouches for
            with pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
                another.run(another.transport.invoke("worker", b"{}"))
            another.close()

        # Then the others are still called, over new connections, too
        monkeypatch.setattr(connections, "RESTED_SECONDS", -1)
        call(way)
        call(way)
        way.close()
        assert secure.connections == 3

    @pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
    def test_a_new_connection_goes_on_with_the_session_of_the_last_one(
        self, secure: LambdaEndpoint, monkeypatch: pytest.MonkeyPatch, make: type[WorkersWay | ConsumersWay]
    ) -> None:
        monkeypatch.setattr(connections, "RESTED_SECONDS", -1)
        way = make()

        for _ in range(3):
            call(way)
        way.close()

        assert secure.resumed == [False, True, True]

    @pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
    def test_an_address_that_does_not_answer_leaves_time_for_the_next_and_comes_last_then(
        self, secure: LambdaEndpoint, monkeypatch: pytest.MonkeyPatch, make: type[WorkersWay | ConsumersWay]
    ) -> None:
        # Given a host of two addresses, at the first of which nobody ever says a word
        port = int(secure.url.rpartition(":")[2])
        both = [(2, 1, 6, "", ("127.0.0.9", port)), (2, 1, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        monkeypatch.setattr(streams, "_known", {})
        monkeypatch.setattr(connections, "OPEN_SECONDS", 1.0)
        with socket.create_server(("127.0.0.9", port)):
            way = make()

            call(way)
            way.close()

        assert [address for _, address in streams.addresses("127.0.0.1", port)] == [
            ("127.0.0.1", port),
            ("127.0.0.9", port),
        ]

    def test_the_authorities_are_read_once_for_all_connections(
        self, secure: LambdaEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Any] = []
        load = ssl.SSLContext.load_verify_locations
        trust.cache_clear()
        monkeypatch.setattr(
            ssl.SSLContext,
            "load_verify_locations",
            lambda context, *which, **named: read.append(which) or load(context, *which, **named),
        )
        way, another = ConsumersWay(), WorkersWay()

        async def ten() -> None:
            await asyncio.gather(*(way.transport.invoke("worker", b"{}") for _ in range(10)))

        way.run(ten())
        call(another)
        way.close()
        another.close()

        assert (secure.connections, len(read)) == (5, 1)


class TestChoice:
    """The lean transport, unless boto is asked for, or alone can serve."""

    def test_on_lambda_it_is_lean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        as_on_lambda(monkeypatch)

        assert isinstance(transport_in_place(LEAN, attempts=1), LeanTransport)
        assert isinstance(transport_in_a_loop(LEAN, attempts=1, connections=1), LeanTransport)

    def test_it_is_boto_where_that_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        as_on_lambda(monkeypatch)

        assert isinstance(transport_in_place(BOTO, attempts=1), BotoTransport)
        assert isinstance(transport_in_a_loop(BOTO, attempts=1, connections=1), BotoTransport)

    def test_it_is_boto_where_only_boto_can_and_the_log_says_so(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        as_on_lambda(monkeypatch)
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")

        with caplog.at_level("INFO"):
            chosen = transport_in_place(LEAN, attempts=1)

        assert isinstance(chosen, BotoTransport)
        assert [(record.message, "HTTPS_PROXY" in str(vars(record))) for record in caplog.records] == [
            ("boto is used", True)
        ]


def test_bytes_of_a_message_go_out_and_come_in_as_base64(endpoint: LambdaEndpoint, way: Way) -> None:
    attribute = {"DataType": "Binary", "BinaryValue": "/wA="}
    body = json.dumps({"Messages": [{"MessageAttributes": {"a": attribute}}, {}]})
    endpoint.answer = bad(200, body=body)

    sent = {"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": b"\xff\x00"}}}
    received = way.run(way.transport.call("sqs", "ReceiveMessage", sent)).body

    assert json.loads(endpoint.requests[0])["MessageAttributes"]["a"] == attribute
    assert received["Messages"][0]["MessageAttributes"]["a"]["BinaryValue"] == b"\xff\x00"

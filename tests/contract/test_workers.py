"""The `Workers` port on Lambda: what each answer of an invoke means, and that an invoke is sent once."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint, wait_for
from tests.transports import InALoop, as_on_lambda

from consumer.traces import traced
from shared.aws import boto, transport
from shared.aws.choice import BOTO, LEAN
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.lean import connections
from shared.lease import DISPATCH_SECONDS
from shared.ports.workers import Answer, Meaning


def dispatch(wanted: str, *events: bytes) -> list[Answer]:
    """Invokes the events as the consumer does. Returns the answers."""
    loop = InALoop(wanted)
    try:
        return loop.run(LambdaWorkers(loop.transport, "worker").dispatch(events))
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        pytest.param(202, Meaning.SENT, id="202"),
        pytest.param(413, Meaning.TOO_LARGE, id="413"),
        pytest.param(429, Meaning.TRANSIENT, id="429"),
        pytest.param(403, Meaning.DEFINITE, id="403"),
        pytest.param(500, Meaning.AMBIGUOUS, id="500"),
        pytest.param(503, Meaning.AMBIGUOUS, id="503"),
        pytest.param("close", Meaning.AMBIGUOUS, id="closed after the bytes"),
        pytest.param("reset", Meaning.AMBIGUOUS, id="reset after the bytes"),
        pytest.param("half", Meaning.AMBIGUOUS, id="closed within the answer"),
    ],
)
def test_an_answer_has_its_meaning_and_the_invoke_is_sent_once(
    endpoint: HttpEndpoint, wanted: str, answer: Any, meaning: Meaning
) -> None:
    endpoint.answer = answer

    (said,) = dispatch(wanted, b'{"a": 1}')

    assert said.meaning is meaning
    assert endpoint.requests == [b'{"a": 1}']
    assert bool(said.detail) is (meaning is not Meaning.SENT)


def test_an_answer_that_does_not_come_is_ambiguous(
    endpoint: HttpEndpoint, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an endpoint that takes the bytes and says nothing, and less patience than we have
    endpoint.answer = "hang"
    monkeypatch.setitem(transport.ANSWER_SECONDS, "lambda", 0.2)  # type: ignore[arg-type]

    (said,) = dispatch(wanted, b"{}")

    assert said.meaning is Meaning.AMBIGUOUS
    assert len(endpoint.requests) == 1


def test_a_connection_refused_means_that_nothing_was_sent(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        as_on_lambda(monkeypatch, f"http://127.0.0.1:{nobody_listens.getsockname()[1]}")

        (said,) = dispatch(wanted, b"{}")

    assert said.meaning is Meaning.TRANSIENT
    assert said.detail.startswith("nothing was sent")


def test_a_host_that_is_not_found_means_that_nothing_was_sent(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_on_lambda(monkeypatch, "http://lambda.invalid")

    assert dispatch(wanted, b"{}")[0].meaning is Meaning.TRANSIENT


@pytest.mark.parametrize(
    ("wanted", "meaning"),
    [
        pytest.param(BOTO, Meaning.AMBIGUOUS, id="boto does not say when"),
        pytest.param(LEAN, Meaning.TRANSIENT, id="lean knows that it was before"),
    ],
)
def test_a_tls_error_may_come_after_the_bytes_so_it_is_ambiguous(
    endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch, wanted: str, meaning: Meaning
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url.replace("http:", "https:"))

    assert dispatch(wanted, b"{}")[0].meaning is meaning


def test_without_credentials_nothing_is_sent(
    endpoint: HttpEndpoint, wanted: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))

    (said,) = dispatch(wanted, b"{}")

    assert said.meaning is Meaning.TRANSIENT
    assert endpoint.requests == []


def test_an_invoke_is_asynchronous_and_names_the_function(endpoint: HttpEndpoint, wanted: str) -> None:
    dispatch(wanted, b"{}")

    assert endpoint.paths == ["/2015-03-31/functions/worker/invocations"]
    assert endpoint.headers[0]["x-amz-invocation-type"] == "Event"


@pytest.mark.parametrize("traced_by_its_sender", [True, False])
def test_an_invoke_has_the_trace_of_its_event_in_place_of_the_callers(
    endpoint: HttpEndpoint, wanted: str, monkeypatch: pytest.MonkeyPatch, traced_by_its_sender: bool
) -> None:
    own, senders = f"Root=1-{1:08x}-{1:024x};Parent={1:016x};Sampled=0", f"Root=1-{2:08x}-{2:024x};Sampled=1"
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "consumer")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", own)

    dispatch(wanted, traced(b"{}", [senders if traced_by_its_sender else None]))

    assert endpoint.headers[0]["x-amzn-trace-id"] == (senders if traced_by_its_sender else own)


def test_the_connection_is_used_again(endpoint: HttpEndpoint, wanted: str) -> None:
    loop = InALoop(wanted)
    workers = LambdaWorkers(loop.transport, "worker")

    for _ in range(5):
        loop.run(workers.dispatch([b"{}"]))
    loop.close()

    assert (len(endpoint.requests), endpoint.connections) == (5, 1)


class TestBatch:
    """A batch goes out at once, with an answer for each, in order."""

    def test_each_event_has_its_own_answer(self, endpoint: HttpEndpoint, wanted: str) -> None:
        endpoint.answer = lambda body: 429 if b"odd" in body else 202

        answers = dispatch(wanted, *[b"even", b"odd", b"even", b"odd"])

        meanings = [answer.meaning for answer in answers]
        assert meanings == [Meaning.SENT, Meaning.TRANSIENT, Meaning.SENT, Meaning.TRANSIENT]
        assert sorted(endpoint.requests) == [b"even", b"even", b"odd", b"odd"]

    def test_all_are_under_way_at_the_same_time(self, endpoint: HttpEndpoint, wanted: str) -> None:
        # None is answered before all ten have come.
        endpoint.answer = lambda _: 202 if wait_for(lambda: len(endpoint.requests) >= 10, 4) else 500

        answers = dispatch(wanted, *[b"{}"] * 10)

        assert {answer.meaning for answer in answers} == {Meaning.SENT}

    def test_an_empty_batch_calls_nobody(self, endpoint: HttpEndpoint, wanted: str) -> None:
        assert dispatch(wanted) == []
        assert endpoint.requests == []


def test_an_answer_is_waited_for_no_longer_than_a_dispatch_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    as_on_lambda(monkeypatch)
    client = boto.BotoTransport(attempts=1).client("lambda")
    config = client.meta.config

    assert config.connect_timeout + config.read_timeout <= DISPATCH_SECONDS
    assert connections.OPEN_SECONDS + transport.ANSWER_SECONDS["lambda"] <= DISPATCH_SECONDS
    client.close()

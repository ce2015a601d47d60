"""An answer that puts the lean client itself in doubt: its process goes on by boto, and says so once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import make_certificate
from tests.http_endpoint import HttpEndpoint
from tests.transports import as_on_lambda
from tests.unit.shared.aws.ways import GOOD, Way, bad, invoke_at_once

from shared.aws.choice import LEAN, transport_in_a_loop, transport_in_place
from shared.aws.transport import AnsweredError, CallError, NoAnswerError, NotSentError


def refusal(code: str) -> bytes:
    return bad(403, body=json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": "as told"}))


NO_JSON = bad(200, body="<html>")
NO_HTTP = b"SSH-2.0-OpenSSH_9.9\r\n\r\n"

REFUSED = {
    "the signature is another one": "SignatureDoesNotMatch",
    "the same, in the words of Lambda and DynamoDB": "InvalidSignatureException",
    "a part of the signature is missing": "IncompleteSignature",
    "the same, in JSON's words": "IncompleteSignatureException",
    "there is no signature": "MissingAuthenticationToken",
    "the same, in the words of Lambda": "MissingAuthenticationTokenException",
    "the body can't be read": "SerializationException",
    "there is no such operation": "UnknownOperationException",
}
NOT_UNDERSTOOD = {
    "no JSON": NO_JSON,
    "no object": bad(200, body="[]"),
    "no HTTP": NO_HTTP,
}
NO_DOUBT = {
    "the key is not known": refusal("UnrecognizedClientException"),
    "the token is not known": refusal("InvalidClientTokenId"),
    "the token is too old": refusal("ExpiredTokenException"),
    "a permission is missing": refusal("AccessDeniedException"),
    "there is no such queue": refusal("QueueDoesNotExist"),
    "throttled": refusal("ThrottlingException"),
    "a server's error": bad(503, body="<html>"),
    "half an answer": "half",
    "no answer": "close",
}


def call(way: Way, **more: Any) -> dict[str, Any]:
    return way.run(way.transport.call("sqs", "GetQueueAttributes", {"QueueUrl": "tasks"}, **more)).body


class Told:
    """An endpoint that has one answer for the lean client, and is content with boto's calls."""

    def __init__(self, endpoint: HttpEndpoint, caplog: pytest.LogCaptureFixture) -> None:
        self.endpoint = endpoint
        self._caplog = caplog

    def answers_lean(self, answer: bytes | str) -> None:
        self.endpoint.answer = lambda _: GOOD if self.clients[-1] == "boto" else answer

    @property
    def clients(self) -> list[str]:
        """The client of each call: boto or lean."""
        agents = [headers.get("user-agent", "") for headers in self.endpoint.headers]
        return ["boto" if agent.startswith("Boto3") else "lean" for agent in agents]

    @property
    def said(self) -> list[Any]:
        """The log's lines on the use of boto."""
        return [vars(each)["fields"] for each in self._caplog.records if each.message == "boto is used"]


class WorkersWay(Way):
    def __init__(self, **more: Any) -> None:
        super().__init__(lambda: transport_in_place(LEAN, **{"attempts": 1, **more}))


class ConsumersWay(Way):
    def __init__(self, **more: Any) -> None:
        settings = {"attempts": 1, "connections": 10, "threads": 10, **more}
        super().__init__(lambda: transport_in_a_loop(LEAN, **settings), asyncio.Runner())


WAYS = {"in place": WorkersWay, "in a loop": ConsumersWay}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    caplog.set_level(logging.INFO)
    with HttpEndpoint(GOOD) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        yield Told(endpoint, caplog)


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest, told: Told) -> Iterator[Way]:
    with closing(request.param()) as way:
        yield way


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED)
def test_a_call_refused_for_what_only_its_client_can_have_done_wrong_is_made_by_boto(
    told: Told, way: Way, code: str
) -> None:
    told.answers_lean(refusal(code))

    assert call(way) == {}
    assert told.clients == ["lean", "boto"]


def test_so_is_an_invoke_which_has_run_nobody(told: Told, way: Way) -> None:
    told.answers_lean(refusal("InvalidSignatureException"))

    way.run(way.transport.invoke("worker", b'{"a": 1}'))

    assert told.endpoint.requests == [b'{"a": 1}'] * 2
    assert told.clients == ["lean", "boto"]


def test_every_later_call_is_botos_and_the_log_says_so_once(told: Told, way: Way) -> None:
    told.answers_lean(refusal("SignatureDoesNotMatch"))

    for _ in range(3):
        call(way)
    way.run(way.transport.invoke("worker", b"{}"))

    assert told.clients == ["lean", *["boto"] * 4]
    assert told.said == [{"reason": "sqs answered the lean client: SignatureDoesNotMatch"}]


@pytest.mark.parametrize("answer", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_after_an_answer_that_is_not_understood_the_next_call_is_botos(
    told: Told, way: Way, answer: bytes
) -> None:
    told.answers_lean(answer)

    with pytest.raises(NoAnswerError):  # it may have been done
        call(way)
    call(way)

    assert told.clients == ["lean", "boto"]
    assert len(told.said) == 1


def test_an_invoke_whose_answer_is_not_understood_is_not_sent_again(told: Told, way: Way) -> None:
    told.answers_lean(NO_HTTP)

    with pytest.raises(CallError):
        way.run(way.transport.invoke("worker", b"{}"))

    assert told.endpoint.requests == [b"{}"]


def test_a_call_that_may_be_sent_four_times_may_be_sent_by_boto(told: Told) -> None:
    told.answers_lean(NO_JSON)
    with closing(WorkersWay(attempts=4)) as way:
        assert call(way) == {}

    assert told.clients == ["lean", "boto"]


@pytest.mark.parametrize("answer", NO_DOUBT.values(), ids=NO_DOUBT)
def test_an_answer_that_boto_would_get_as_well_leaves_the_lean_one_in_place(
    told: Told, way: Way, answer: bytes | str
) -> None:
    told.answers_lean(answer)

    for _ in range(2):
        with pytest.raises(CallError):
            call(way)

    assert told.clients == ["lean", "lean"]
    assert told.said == []


def test_a_refusal_of_botos_own_is_the_calls(told: Told, way: Way) -> None:
    told.endpoint.answer = refusal("SignatureDoesNotMatch")

    with pytest.raises(AnsweredError, match="SignatureDoesNotMatch"):
        call(way)

    assert told.clients == ["lean", "boto"]


class TestCertificate:
    """One that the lean client does not accept: nothing was sent, and boto looks at it with its own eyes."""

    @pytest.fixture
    def certificate(self, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
        certificate, context = make_certificate(tmp_path)
        with HttpEndpoint(GOOD, context) as endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
            told.endpoint = endpoint
            yield certificate

    def test_the_call_is_made_if_boto_accepts_it(
        self, told: Told, way: Way, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        way.transport.prepare("sqs")  # without a bundle of its own
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))  # which boto finds

        assert call(way) == {}
        assert call(way) == {}

        assert told.clients == ["boto", "boto"]
        assert told.said == [{"reason": "sqs has a certificate that the lean client does not accept"}]

    @pytest.mark.usefixtures("certificate")
    def test_nothing_is_sent_if_boto_does_not(self, told: Told, way: Way) -> None:
        with pytest.raises(CallError, match="CERTIFICATE_VERIFY_FAILED"):
            call(way)

        assert told.endpoint.requests == []


class TestTime:
    """boto keeps to the same times."""

    def test_nothing_is_sent_by_boto_once_the_invocation_is_over(self, told: Told) -> None:
        ends = [float("inf")]
        told.answers_lean(refusal("SignatureDoesNotMatch"))
        with closing(WorkersWay(attempts=4, ends_at=lambda: ends[0])) as way:
            call(way)

            ends[0] = 0.0
            with pytest.raises(NotSentError, match="TooLate"):
                call(way)

        assert told.clients == ["lean", "boto"]

    def test_nor_once_the_lease_is(self, told: Told, way: Way) -> None:
        told.answers_lean(refusal("SignatureDoesNotMatch"))
        call(way)

        with pytest.raises(NotSentError, match="TooLate"):
            call(way, until=1.0)

        assert told.clients == ["lean", "boto"]


def test_boto_asks_for_half_the_messages_that_it_could_hold_alone_and_the_lean_client_for_all(
    told: Told,
) -> None:
    told.answers_lean(refusal("SignatureDoesNotMatch"))
    asked = {"QueueUrl": "tasks", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}

    with closing(ConsumersWay(botos_messages=4)) as way:
        way.run(way.transport.call("sqs", "ReceiveMessage", asked))

    assert [json.loads(request)["MaxNumberOfMessages"] for request in told.endpoint.requests] == [10, 2]


def test_many_calls_that_are_refused_together_are_each_made_once_by_boto(told: Told) -> None:
    seen: set[bytes] = set()

    def refused_at_first(body: bytes) -> bytes:
        answer = GOOD if body in seen else refusal("InvalidSignatureException")
        seen.add(body)
        return answer

    told.endpoint.answer = refused_at_first
    events = [b"%d" % number for number in range(10)]

    with closing(ConsumersWay()) as way:
        invoke_at_once(way, *events)

    assert sorted(told.endpoint.requests) == sorted(events * 2)
    assert len(told.said) == 1

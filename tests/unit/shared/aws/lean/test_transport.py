"""The lean transport: what a call carries, when it is sent again, and what a failure means."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS
from tests.unit.shared.aws.ways import WAYS, Way, bad, call

from shared.aws.choice import transport_in_place
from shared.aws.transport import AnsweredError, CallError, NoAnswerError, Service
from zigzag.in_place import run_in_place


def test_a_call_carries_the_trace_of_the_invocation(
    endpoint: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)

    call(way)

    assert endpoint.headers[0]["x-amzn-trace-id"] == trace


LARGE = json.dumps({"x": "a" * 1_048_576})


def test_a_receive_may_have_a_large_answer(endpoint: HttpEndpoint, way: Way) -> None:
    endpoint.answer = bad(200, body='{"Messages": [{"Body": "' + "a" * 1_048_576 + '"}]}')

    received = way.run(way.transport.call("sqs", "ReceiveMessage", {})).body

    assert [len(message["Body"]) for message in received["Messages"]] == [1_048_576]


@pytest.mark.parametrize(
    ("service", "operation"),
    [("sqs", "DeleteMessageBatch"), ("dynamodb", "GetItem"), ("lambda", "Invoke")],
)
def test_no_other_call_takes_a_large_answer(
    endpoint: HttpEndpoint, way: Way, service: Service, operation: str
) -> None:
    endpoint.answer = bad(200, body=LARGE)
    transport = way.transport
    invokes = service == "lambda"

    with pytest.raises(NoAnswerError, match="larger than 1,048,576 bytes"):
        way.run(transport.invoke("worker", b"{}") if invokes else transport.call(service, operation, {}))


def test_a_receive_that_fails_takes_no_large_answer(endpoint: HttpEndpoint, way: Way) -> None:
    endpoint.answer = bad(400, body=LARGE)

    with pytest.raises(NoAnswerError, match="larger than 1,048,576 bytes"):
        way.run(way.transport.call("sqs", "ReceiveMessage", {}))


class TestSendingAgain:
    """A call is sent again up to its limit of attempts, if it may go well the next time."""

    @pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
    @pytest.mark.parametrize(
        ("answer", "sent"),
        [
            pytest.param("close", 2, id="no answer"),
            pytest.param(bad(429), 2, id="429"),
            pytest.param(bad(400, body='{"__type": "sqs#ThrottlingException"}'), 2, id="throttled"),
            pytest.param(bad(403), 1, id="refused"),
        ],
    )
    def test_a_call_is_sent_again_unless_it_was_refused(
        self, endpoint: HttpEndpoint, make: Callable[..., Way], answer: str | bytes, sent: int
    ) -> None:
        endpoint.answer = answer

        with closing(make(attempts=2)) as way, pytest.raises(CallError):
            call(way)

        assert len(endpoint.requests) == sent

    @pytest.mark.parametrize("wanted", TRANSPORTS)
    @pytest.mark.parametrize("answer", [503, 429, "close"])
    def test_an_invoke_is_sent_once_whatever_was_told(
        self, endpoint: HttpEndpoint, wanted: str, answer: int | str
    ) -> None:
        endpoint.answer = answer
        transport = transport_in_place(wanted, attempts=4)

        with pytest.raises(CallError):
            run_in_place(transport.invoke("worker", b"{}"))
        transport.close()

        assert len(endpoint.requests) == 1


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
        self, endpoint: HttpEndpoint, way: Way, answer: bytes, code: str, reason: str
    ) -> None:
        endpoint.answer = answer

        with pytest.raises(AnsweredError) as caught:
            call(way)

        assert (caught.value.code, caught.value.reason) == (code, reason)

    def test_an_answer_that_comes_before_all_is_sent_counts(self, endpoint: HttpEndpoint, way: Way) -> None:
        endpoint.answer = "too large"

        with pytest.raises(AnsweredError) as caught:
            way.run(way.transport.invoke("worker", b"x" * 8_000_000))

        assert caught.value.status == 413

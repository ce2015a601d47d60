"""`./zigzag call`: what it says of each answer of Lambda's, and that it calls once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.stacks import deployed, queue

from zigzag_operate import OperateError, call, find

FAILED = {"X-Amz-Function-Error": "Unhandled"}


def answer(status: int, body: Any = "", **headers: str) -> bytes:
    text = json.dumps(body) if body != "" else ""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(text)}", "x-amzn-RequestId: the-request"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", text]).encode()


def refused(status: int, code: str, **headers: str) -> bytes:
    return answer(status, {"Message": "said so"}, **{"x-amzn-ErrorType": code}, **headers)


def failed(kind: str, text: str) -> bytes:
    return answer(200, {"errorType": kind, "errorMessage": text}, **FAILED)


@pytest.fixture
def lambdas(account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpEndpoint]:
    """Yields Lambda, and the stack called zigzag with its worker, the function `worker`."""
    deployed(queue(), WorkerFunctionName="worker")
    with HttpEndpoint() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint.url)
        yield endpoint


def test_it_shows_what_the_task_returns(lambdas: HttpEndpoint, zigzag: Any) -> None:
    lambdas.answer = answer(200, {"outcome": "succeeded", "result": {"total": 5}})

    shown = zigzag("call", "hello", '{"name": "world"}')
    told = zigzag("call", "hello", '{"name": "world"}', "--id", "a", "--json")

    assert shown == (0, '{\n  "total": 5\n}\n', "")
    assert json.loads(told[1]) == {"outcome": "succeeded", "result": {"total": 5}, "request": "the-request"}
    assert [json.loads(request) for request in lambdas.requests] == [
        {"task": "hello", "payload": {"name": "world"}},
        {"task": "hello", "payload": {"name": "world"}, "id": "a"},
    ]
    assert {one["x-amz-invocation-type"] for one in lambdas.headers} == {"RequestResponse"}


def test_no_terminal_obeys_a_result(lambdas: HttpEndpoint, zigzag: Any) -> None:
    lambdas.answer = answer(200, {"outcome": "succeeded", "result": "\x9b31m \u202e ü"})

    assert zigzag("call", "hello", '{"name": "world"}')[1] == '"\\u009b31m \\u202e ü"\n'


def test_a_dry_run_asks_lambda_and_runs_nothing(lambdas: HttpEndpoint, zigzag: Any) -> None:
    lambdas.answer = answer(204)

    code, out, _ = zigzag("call", "--dry-run", "hello", '{"name": "world"}')

    assert (code, out) == (0, "hello takes this payload, and its worker may be called; nothing has run\n")
    assert lambdas.headers[0]["x-amz-invocation-type"] == "DryRun"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (failed("TaskFailedError", "busy"), "hello has failed: busy"),
        (failed("ResultError", "hello has succeeded, but …"), "hello has succeeded, but …"),
        (failed("BadEventError", "no dispatch"), "a version that takes no call: deploy this one"),
        (
            failed("Runtime.ExitError", "exit status 1"),
            "the worker's process ended, and hello may have run: exit status 1. See the worker's log, by the "
            "request the-request",
        ),
        (answer(200, "no error", **FAILED), "the worker's process ended, and hello may have run: None"),
        (refused(404, "ResourceNotFoundException"), "there is no function worker: deploy the stack again"),
        (refused(429, "TooManyRequestsException"), "no concurrency free for it; nothing has run: try again"),
        (refused(413, "RequestTooLargeException"), "Lambda takes no call so large: store the payload"),
        (refused(403, "AccessDeniedException"), "A caller needs lambda:InvokeFunction on worker"),
        (refused(502, "KMSDisabledException"), "hello is not called: KMSDisabledException: said so"),
        (refused(500, "ServiceException"), "nobody knows whether hello has run: ServiceException: said so"),
        ("reset", "nobody knows whether hello has run: "),
    ],
    ids=str,
)
def test_any_other_answer_is_one_sentence_and_the_call_is_sent_once(
    lambdas: HttpEndpoint, zigzag: Any, said: Any, sentence: str
) -> None:
    lambdas.answer = said

    code, out, err = zigzag("call", "hello", '{"name": "world"}')
    told = zigzag("call", "hello", '{"name": "world"}', "--json")

    assert (code, out) == (1, "")
    assert sentence in " ".join(err.split())
    assert sentence in json.loads(told[1])["error"]
    assert len(lambdas.requests) == 2


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "the payload does not fit hello: name: Field required"),
        ({"name": "x" * 6_000_000}, "the call takes 6,000,042 bytes, and Lambda takes 6,000,000"),
    ],
    ids=["misfit", "large"],
)
def test_what_the_worker_would_refuse_is_not_sent(
    lambdas: HttpEndpoint, payload: dict[str, Any], reason: str
) -> None:
    with pytest.raises(OperateError, match=reason):
        call(find("zigzag"), "hello", payload)

    assert lambdas.requests == []

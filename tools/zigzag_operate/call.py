"""Calls a task directly: invokes the worker with it, and waits for what it returns. No queue is involved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from tasks import TASKS
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import BadPayloadError
from zigzag_operate.causes import cause
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.target import Target

MAX_CALL_BYTES = 6_000_000
"""Most bytes of a call. Lambda takes "6 MB", in its smaller meaning surely
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

_SPARE_SECONDS = 30
"""How much longer than WorkerTimeout an answer is waited for: a cold start, and the way."""

_DEFAULT_TIMEOUT = "60"
"""WorkerTimeout of a stack that does not say it."""

_REFUSED = {
    "ResourceNotFoundException": "there is no function {function}: deploy the stack again",
    "TooManyRequestsException": "Lambda has no concurrency free for it; nothing has run: try again",
    "RequestTooLargeException": "Lambda takes no call so large: store the payload, and call with its key",
    "AccessDeniedException": "{cause}. A caller needs lambda:InvokeFunction on {function}",
}

_UNKNOWN = (500, 503, 504)
"""Statuses that do not say whether the function has run. Of Lambda's errors, those with 502 do: it has not
(https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors)."""

_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError)


@dataclass(frozen=True, slots=True)
class Called:
    """A call's end.

    outcome -- "succeeded", or "not run" of a dry run.
    result  -- what the task returned.
    request -- Lambda's id of the invocation, which the worker's log has as `message_id`; None of a dry run.
    """

    outcome: str
    result: Any
    request: str | None


def call(
    target: Target, task: str, payload: Mapping[str, Any], *, id: str | None = None, dry_run: bool = False
) -> Called:
    """Calls the task called so, and waits for its end. The call is sent once.

    id      -- the task's id; without it, the invocation's.
    dry_run -- whether only the payload, the permission and the function are checked, and nothing runs.

    Raises OperateError if the task fails, and if it may not be called, or nobody knows whether it has run.
    """
    body = _body(task, payload, id)
    stack = target.stack_as_it_is()
    function = stack.outputs["WorkerFunctionName"]
    seconds = int(stack.parameters.get("WorkerTimeout", _DEFAULT_TIMEOUT)) + _SPARE_SECONDS
    patience = Config(
        connect_timeout=10, read_timeout=seconds, tcp_keepalive=True, retries={"total_max_attempts": 1}
    )
    kind = "DryRun" if dry_run else "RequestResponse"
    try:
        answer = target.client("lambda", patience).invoke(
            FunctionName=function, InvocationType=kind, Payload=body
        )
        said = answer["Payload"].read()
    except (BotoCoreError, ClientError) as error:
        raise OperateError(_not_answered(task, function, error)) from error
    request = answer["ResponseMetadata"]["RequestId"]
    if dry_run:
        return Called("not run", None, None)
    if "FunctionError" in answer:
        raise OperateError(_failed(task, said, request))
    return Called("succeeded", json.loads(said)["result"], request)


def _body(task: str, payload: Mapping[str, Any], id: str | None) -> bytes:
    try:
        event = {"task": task, "payload": find(task, TASKS).check(payload)}
    except (NoSuchTaskError, BrokenTaskError, BadPayloadError) as error:
        raise OperateError(str(error), Kind.BAD_PAYLOAD) from error
    body = json.dumps(event if id is None else {**event, "id": id}).encode()
    if len(body) > MAX_CALL_BYTES:
        raise OperateError(
            f"the call takes {len(body):,} bytes, and Lambda takes {MAX_CALL_BYTES:,}: store the payload, "
            "and call with its key",
            Kind.BAD_PAYLOAD,
        )
    return body


def _not_answered(task: str, function: str, error: BotoCoreError | ClientError) -> str:
    """Returns the sentence for a call without an answer of the function's."""
    if isinstance(error, ReadTimeoutError):
        return f"no answer came: {task} may have run, or may still run"
    if isinstance(error, ClientError):
        may_have_run = error.response["ResponseMetadata"].get("HTTPStatusCode") in _UNKNOWN
    else:
        may_have_run = isinstance(error, HTTPClientError) and not isinstance(error, _NOT_SENT)
    if may_have_run:
        return f"nobody knows whether {task} has run: {cause(error)}"
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    why = _REFUSED.get(code, "{cause}").format(function=function, cause=cause(error))
    return f"{task} is not called: {why}"


def _failed(task: str, said: bytes, request: str) -> str:
    """Returns the sentence for an answer that is an error of the function's."""
    try:
        error = dict(json.loads(said))
    except (ValueError, TypeError):
        error = {}
    kind, text = str(error.get("errorType")), str(error.get("errorMessage"))
    if kind == "TaskFailedError":
        return f"{task} has failed: {text}"
    if kind == "ResultError":
        return text
    if kind == "BadEventError":
        return "the stack's worker is of a version that takes no call: deploy this one"
    return (
        f"the worker's process ended, and {task} may have run: {text}. See the worker's log, by the request "
        f"{request}"
    )

"""Corrects MiniStack before it serves.

It checks permissions as AWS does, so that a role that works here works on AWS: a batch call needs the
permission of the single call, a mail needs its sender's identity instead of `*`, and a call to a table may be
limited to keys. An asynchronous event waits for free concurrency, as on AWS, until it is too old. A function
reserves what its template says. A run goes on, also if its function changes. A function's log lines are
waited for, and all of them are told. Its metrics and alarms are ours. Only callers with the key are answered.
MiniStack's own Python runs this file, with hypercorn's arguments.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

#: The action that AWS checks: in the Service Authorization Reference, batches have none of their own.
PERMISSIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}

LAMBDAS_EVENT_AGE = 21_600
"""Lambda's default of MaximumEventAgeInSeconds, the longest wait of an event."""

LOOK_AGAIN_SECONDS = 0.2

LOGS_WITHIN_SECONDS = 2.0
"""Time to wait for log lines after a function's answer. MiniStack waits for 0.05 s: on a busy machine a later
line is shown with the next invocation of that process, or never."""

NEXT_LINE_WITHIN_SECONDS = 0.2
"""Time to wait for the next line after a line. MiniStack waits for 0.005 s."""


def sender(path: str, body: bytes) -> str:
    """Returns the sender's address of a SendEmail call of SES (v2: JSON, v1: a form), or ''."""
    try:
        if path.endswith("/outbound-emails"):
            named = json.loads(body).get("FromEmailAddress", "")
        else:
            form = parse_qs(body.decode())
            named = form["Source"][0] if form.get("Action") == ["SendEmail"] else ""
    except (ValueError, KeyError, AttributeError):  # not for us to complain about
        return ""
    return parseaddr(str(named))[1]


def leading_keys(body: bytes) -> list[str]:
    """Returns the partition keys that a call to DynamoDB names, for items whose key is one attribute. Of a
    transaction, each item has one, which is empty if it is not known.

    AWS has them in the condition key dynamodb:LeadingKeys
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html).
    """
    try:
        asked = json.loads(body)
        found = [asked["Key"]] if "Key" in asked else []
        for of_table in asked.get("RequestItems", {}).values():
            found += of_table["Keys"]
        keys = [str(*typed.values()) for key in found for (typed,) in [key.values()]]
        items = [detail for item in asked.get("TransactItems", ()) for detail in item.values()]
        return keys + [_only_key(detail.get("Key", {})) for detail in items]
    except (ValueError, KeyError, TypeError, AttributeError):  # not for us to complain about
        return []


def _only_key(key: dict[str, dict[str, str]]) -> str:
    return str(*next(iter(key.values())).values()) if len(key) == 1 else ""


def judge_as_aws(actions: Any) -> None:
    """Corrects the permissions that the module ministack.core.iam_actions finds for a request."""
    its_action, its_resource = actions.extract_iam_action, actions.extract_resource_arn
    its_context, its_checks = actions.dynamodb_service_context, actions.dynamodb_transaction_checks
    keys: list[str] = []  # of the last request

    def context(body: bytes) -> Any:
        nonlocal keys
        keys = leading_keys(body)
        return {**its_context(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    def checks(*request: Any) -> Any:
        found = its_checks(*request)
        return _one_by_one(found, keys) if found and len(found) == len(keys) else found

    def action(*request: Any) -> Any:
        found = its_action(*request)
        return PERMISSIONS.get(found, found)

    def resource(*request: Any) -> Any:
        service, _method, path, _headers, body, _query, region, account = request
        if service == "ses" and (address := sender(path, body)):
            return f"arn:aws:ses:{region}:{account}:identity/{address}"
        return its_resource(*request)

    actions.extract_iam_action, actions.extract_resource_arn = action, resource
    actions.dynamodb_service_context, actions.dynamodb_transaction_checks = context, checks


def _one_by_one(checks: Sequence[Any], keys: list[str]) -> Iterator[Any]:
    """Yields the checks of a transaction, whose context has `keys`: for each, those of its own item."""
    for check, key in zip(checks, keys.copy(), strict=True):
        keys[:] = [key]
        yield check


def let_events_wait(lambdas: Any, throttled: Callable[[str], None]) -> None:
    """Corrects the module ministack.services.lambda_svc, which drops an event without free concurrency.

    The module does not tell which events are asynchronous, so synchronous ones, which AWS refuses, wait too.
    A function whose reserved concurrency is 0 gets none of them, at once
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).

    throttled -- called once for each event that has to wait, with the function's name.
    """
    its_acquire = lambdas._acquire_execution_slot

    def acquire(function: Any, configuration: Any) -> Any:
        of_latest = (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
        age = of_latest.get("MaximumEventAgeInSeconds", LAMBDAS_EVENT_AGE)
        if lambdas._reserved_concurrency(function, configuration) == 0:
            age = 0
        too_old_at = time.monotonic() + age
        slot, limit = its_acquire(function, configuration)
        if slot is None:
            throttled(configuration["FunctionName"])
        while slot is None and time.monotonic() < too_old_at:
            time.sleep(LOOK_AGAIN_SECONDS)
            slot, limit = its_acquire(function, configuration)
        return slot, limit

    lambdas._acquire_execution_slot = acquire


def count_in_numbers(lambdas: Any) -> None:
    """Corrects the module ministack.services.lambda_svc, to which a limit comes as a parameter's text."""
    its_concurrency = lambdas._sqs_esm_concurrency

    def concurrency(mapping: dict[str, Any], *others: Any) -> Any:
        scaling = {name: int(value) for name, value in (mapping.get("ScalingConfig") or {}).items()}
        return its_concurrency({**mapping, "ScalingConfig": scaling}, *others)

    lambdas._sqs_esm_concurrency = concurrency


def let_invocations_end(runtime: Any) -> None:
    """Corrects the module ministack.core.lambda_runtime, which kills what runs when its function is changed.

    Lambda goes on with the code and the configuration of before until a change is there
    (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
    """
    its_kill, its_release = runtime.kill_workers, runtime.release_worker
    retired = set[Any]()

    def kill(workers: Sequence[Any]) -> None:
        with runtime._lock:
            busy = {one for one in workers if one is not None and one.in_use}
            retired.update(busy)
        its_kill([one for one in workers if one not in busy])

    def release(worker: Any) -> None:
        its_release(worker)
        if worker in retired:
            retired.remove(worker)
            its_kill([worker])

    runtime.kill_workers, runtime.release_worker = kill, release


def wait_for_logs(worker: Any) -> None:
    """Corrects the class Worker of ministack.core.lambda_runtime, which may lose a function's lines."""
    its_drain = worker._drain_stderr_bounded

    def drain(self: Any) -> Any:
        return its_drain(
            self,
            first_line_wait=LOGS_WITHIN_SECONDS,
            idle_confirm=NEXT_LINE_WITHIN_SECONDS,
            hard_cap=LOGS_WITHIN_SECONDS,
        )

    worker._drain_stderr_bounded = drain


def answer_who_has_the_key(server: Any, credentials: Any) -> None:
    """Puts the gate in front of the application of the module ministack.app.

    credentials -- ministack.core.iam_evaluator. It knows the keys of roles, which functions get if roles are
                   enforced. Every other access key's id is the root user's.
    """
    from zigzag_local import gate

    roots = os.environ["AWS_SECRET_ACCESS_KEY"]

    def secret_of(access_key_id: str) -> str | None:
        if credentials.is_root_access_key(access_key_id):
            return roots
        found = credentials.resolve_credential(access_key_id)
        return getattr(found, "secret_access_key", None)  # it may return an error instead of raising it

    server.app = gate.guarded(server.app, secret_of)


def measure(server: Any, minute_seconds: float) -> None:
    """Has the modules of MiniStack tell a meter what happens; and lets events wait, which it must know of."""
    from zigzag_local import meter, minutes, reserved

    sqs, lambdas, cloudwatch, events, provisioners = (
        importlib.import_module(f"ministack.services.{name}")
        for name in ("sqs", "lambda_svc", "cloudwatch", "eventbridge", "cloudformation.provisioners")
    )
    ours = meter.Meter(minute_seconds)
    meter.watch_queues(sqs, ours)
    minutes.shorten_rates(events, minute_seconds)
    server.app = minutes.measured(server.app, minutes.Minutes(ours, sqs, cloudwatch))
    count_in_numbers(lambdas)
    reserved.reserve_as_templates_say(provisioners, lambdas)
    let_events_wait(lambdas, lambda name: ours.add(meter.of_function(name, "Throttles")))
    meter.watch_functions(lambdas, ours)


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[1]))  # after all other paths
    lambda_runtime = importlib.import_module("ministack.core.lambda_runtime")
    let_invocations_end(lambda_runtime)  # before others take its functions
    application = importlib.import_module("ministack.app")
    measure(application, float(os.environ.pop("MINUTE_SECONDS")))
    pages = importlib.import_module("zigzag_local.log_pages")
    pages.tell_all(importlib.import_module("ministack.services.cloudwatch_logs"))
    answer_who_has_the_key(application, importlib.import_module("ministack.core.iam_evaluator"))
    wait_for_logs(lambda_runtime.Worker)
    judge_as_aws(importlib.import_module("ministack.core.iam_actions"))
    importlib.import_module("hypercorn.__main__").main()

"""The local AWS is put right before it serves, as far as can be seen without starting it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zigzag_local import serve
from zigzag_local.reserved import reserve_as_templates_say

TAKEN = (None, "account")
FREE = ("a place", None)
NAMED = {"FunctionName": "worker"}


def lambdas(*answers: tuple[str | None, str | None], reserved: int | None = None) -> Any:
    """Returns a stand-in for MiniStack's module, whose concurrency answers so, and goes on with the last."""
    said = list(answers)
    return SimpleNamespace(
        _acquire_execution_slot=lambda *_: said.pop(0) if len(said) > 1 else said[0],
        _reserved_concurrency=lambda *_: reserved,
    )


def of_age(seconds: int) -> dict[str, Any]:
    return {"event_invoke_configs": {"$LATEST": {"MaximumEventAgeInSeconds": seconds}}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "LOOK_AGAIN_SECONDS", 0.01)


def test_an_event_that_finds_no_free_execution_waits_for_one() -> None:
    module, throttled = lambdas(TAKEN, TAKEN, FREE), list[str]()
    serve.let_events_wait(module, throttled.append)

    assert module._acquire_execution_slot(of_age(60), NAMED) == FREE
    assert throttled == ["worker"], "as CloudWatch counts it"


def test_an_event_is_dropped_at_its_functions_event_age() -> None:
    module = lambdas(TAKEN)
    serve.let_events_wait(module, lambda _: None)

    assert module._acquire_execution_slot(of_age(0), NAMED) == TAKEN


def test_an_event_of_a_function_that_reserves_none_does_not_wait() -> None:
    module = lambdas(TAKEN, FREE, reserved=0)
    serve.let_events_wait(module, lambda _: None)

    assert module._acquire_execution_slot(of_age(60), NAMED) == TAKEN


def test_an_event_of_a_function_that_says_nothing_waits() -> None:
    module = lambdas(TAKEN, FREE)
    serve.let_events_wait(module, lambda _: None)

    assert module._acquire_execution_slot({}, NAMED) == FREE


@pytest.mark.parametrize(
    ("before", "now", "reserved"),
    [(None, "3", 3), ("3", None, None), ("3", "3", 7)],
    ids=["new", "gone", "same"],
)
def test_a_function_reserves_what_its_template_changes(
    before: str | None, now: str | None, reserved: int | None
) -> None:
    old, new = ({} if one is None else {"ReservedConcurrentExecutions": one} for one in (before, now))
    functions = {"worker": {"concurrency": 7}}  # by a person, since
    handler: dict[str, Any] = {"create": lambda *_: ("worker", {}), "update": lambda *_: ("worker", {})}
    provisioners = SimpleNamespace(_RESOURCE_HANDLERS={"AWS::Lambda::Function": handler})
    reserve_as_templates_say(provisioners, SimpleNamespace(_functions=functions))

    assert handler["update"]("worker", old, new, "stack", "Worker") == ("worker", {})
    assert functions["worker"]["concurrency"] == reserved


def test_a_line_that_a_function_logs_late_is_waited_for() -> None:
    class Worker:
        """MiniStack's, of which the first line comes after 0.3 s, and the second 0.1 s later."""

        def _drain_stderr_bounded(
            self, first_line_wait: float = 0.05, idle_confirm: float = 0.005, hard_cap: float = 0.25
        ) -> str:
            first, second = first_line_wait >= 0.3, idle_confirm >= 0.1 and hard_cap >= 0.4
            return "both lines" if first and second else ""

    serve.wait_for_logs(Worker)

    assert Worker()._drain_stderr_bounded() == "both lines"


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (b'{"Key": {"key": {"S": "gate#default"}}}', ["gate#default"]),
        (b'{"RequestItems": {"t": {"Keys": [{"key": {"S": "a"}}, {"key": {"S": "b"}}]}}}', ["a", "b"]),
        (b'{"Key": {"id": {"S": "a"}, "at": {"N": "1"}}}', []),
        (b'{"RequestItems": {"t": [{"PutRequest": {}}]}}', []),
        (b'{"TransactItems": [{"Update": {"Key": {"id": {"S": "a"}}}}, {"Put": {"Item": {}}}]}', ["a", ""]),
        (b'{"TableName": "t"}', []),
        (b"[]", []),
        (b"", []),
    ],
)
def test_a_call_to_a_table_is_judged_by_the_keys_that_it_names(body: bytes, keys: list[str]) -> None:
    actions = SimpleNamespace(
        extract_iam_action=None,
        extract_resource_arn=None,
        dynamodb_service_context=lambda body: {"dynamodb:Select": "ALL_ATTRIBUTES"},
        dynamodb_transaction_checks=lambda *request: [],
    )
    serve.judge_as_aws(actions)

    found = actions.dynamodb_service_context(body)
    assert found.pop("dynamodb:LeadingKeys", []) == keys
    assert found == {"dynamodb:Select": "ALL_ATTRIBUTES"}


def test_each_item_of_a_transaction_is_judged_by_its_own_key() -> None:
    items = b'{"Update": {"Key": {"id": {"S": "a"}}}}, {"Delete": {"Key": {"id": {"S": "b"}}}}'
    body = b'{"TransactItems": [%b]}' % items
    its_checks = [("dynamodb:UpdateItem", "arn:t"), ("dynamodb:DeleteItem", "arn:t")]
    actions = SimpleNamespace(
        extract_iam_action=None,
        extract_resource_arn=None,
        dynamodb_service_context=lambda body: {},
        dynamodb_transaction_checks=lambda *request: its_checks,
    )
    serve.judge_as_aws(actions)

    context = {**actions.dynamodb_service_context(body)}
    judged = [(check, [*context["dynamodb:LeadingKeys"]]) for check in actions.dynamodb_transaction_checks()]
    assert judged == [(its_checks[0], ["a"]), (its_checks[1], ["b"])]

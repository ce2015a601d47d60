"""Does each rule of docs/flow-control.md take as many calls, and cost as much, as its table says?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import COUNTED, Record
from tests.contract.places import make_table
from tests.project.docs.pages import read
from tests.support import WatchedGates
from tests.worlds import moto

from shared.aws.dynamodb_gates import DynamoDbGates
from shared.ports.auto import Auto, Cut
from shared.ports.gates import Rate
from zigzag import Unavailable, task
from zigzag.in_place import run_in_place
from zigzag_testing import Sandbox

PAGE = read("docs/flow-control.md")
TASK_SECONDS = 4
ROW = re.compile(r"^\| (?P<rule>[^|]+) \| (?P<writes>[\d.]+) \| (?P<reads>[\d.]+) \| \$(?P<price>[\d.]+) \|$")
ROWS = {found["rule"]: found for line in PAGE.splitlines() if (found := ROW.match(line))}


def calls_of(
    messages: int, rule: Callable[[Sandbox], None], seconds: float, takes: Callable[[float], bool]
) -> tuple[int, int]:
    """Returns the writes and the reads of a backlog of messages under a rule."""

    @task
    async def call(payload: dict[str, Any]) -> None:
        taken = takes(sandbox.clock.now())
        await asyncio.sleep(seconds)
        if not taken:
            raise Unavailable("429")

    with Sandbox({"call": call}, flow_control=True) as sandbox:
        sandbox.gates = WatchedGates(sandbox.clock)
        rule(sandbox)
        for _ in range(messages):
            call.send({})
        sandbox.run()
        calls = sandbox.gates.calls
        return len(calls) - calls.count("read"), calls.count("read")


class Bucket:
    """Ten calls a second, and ten at once."""

    def __init__(self) -> None:
        self._left, self._at = 10.0, 0.0

    def takes(self, now: float) -> bool:
        self._left, self._at = min(10.0, self._left + 10 * (now - self._at)), now
        self._left -= (taken := self._left >= 1)
        return taken


RULES: dict[str, tuple[Callable[[Sandbox], None], float, Callable[[float], bool]]] = {
    "a rate of 100/s": (lambda sandbox: sandbox.limit(0.01), 0, lambda _: True),
    "a rate of 10/s": (lambda sandbox: sandbox.limit(0.1), 0, lambda _: True),
    "a rate of 1/s": (lambda sandbox: sandbox.limit(1), 0, lambda _: True),
    "`auto`, with a partner who takes 10/s": (
        lambda sandbox: sandbox.limit_by_itself(1, 0.01),
        0,
        Bucket().takes,
    ),
    "an exact cap of 30": (lambda sandbox: sandbox.limit_at_once(30), TASK_SECONDS, lambda _: True),
    "an exact cap of 5": (lambda sandbox: sandbox.limit_at_once(5), TASK_SECONDS, lambda _: True),
    "an exact cap of 1": (lambda sandbox: sandbox.limit_at_once(1), TASK_SECONDS, lambda _: True),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_costs_what_is_told(rule: str, record_property: Record) -> None:
    messages = 1000 if "auto" in rule else 300  # it takes a while to find its rate

    writes, reads = (calls / messages for calls in calls_of(messages, *RULES[rule]))

    record_property(COUNTED, f"{rule}: {writes:.3f} writes and {reads:.3f} reads a message")
    told = ROWS[rule]
    assert float(told["writes"]) == pytest.approx(writes, abs=0.05)
    assert float(told["reads"]) == pytest.approx(reads, abs=0.05)


@pytest.mark.parametrize("rule", ROWS)
def test_its_price_is_that_of_its_calls(rule: str) -> None:
    told = ROWS[rule]
    cost = float(told["writes"]) * unit_price("writes") + float(told["reads"]) * unit_price("reads")

    assert f"{1_000_000 * cost:.2f}" == told["price"]


def unit_price(calls: str) -> float:
    (price,) = re.findall(rf"^{calls} of an idle month .* \$(0\.0+\d+) +=", PAGE, re.MULTILINE)
    return float(price)


def test_a_refused_start_takes_so_many_writes() -> None:
    sent: list[str] = []
    now = 2e9  # later than the clock of the test: what tells a gate is not sent late
    with moto("lean") as aws:
        make_table("records")
        call = aws.transport.call

        async def counted(service: str, operation: str, *asked: Any) -> Any:
            sent.append(operation)
            return await call(service, operation, *asked)

        aws.transport.call = counted  # type: ignore[method-assign]
        gates = DynamoDbGates(aws.transport, "records")
        run_in_place(gates.limit("default", Rate(1), Auto()))
        sent.clear()

        run_in_place(gates.unavailable("default", "0a", now, None))
        assert sent == ["UpdateItem"]
        run_in_place(gates.cut("default", Cut(2, 1, now, 0.0)))
        run_in_place(gates.succeeded("default", now + 1, now + 1))

    assert sent == ["UpdateItem"] * 3
    assert "A refused start takes 3 writes" in PAGE


def test_the_table_has_these_rules() -> None:
    assert set(ROWS) == set(RULES)

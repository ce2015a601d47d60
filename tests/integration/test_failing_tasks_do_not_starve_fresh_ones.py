"""SQS counts a message that waits for its retry as in flight. A cap that took that at its word would let
failing tasks keep healthy ones out: here 500 of them wait, and a cap of 20 lets a fresh one start at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from zigzag import Context, Retry, task
from zigzag_testing import Sandbox

FAILING = 500
CAP = 20


@task(attempts=10)
def always_fails(payload: dict[str, Any]) -> None:
    raise Retry("not yet", after=6 * 3600)


def test_a_fresh_task_starts_at_once_while_500_failing_ones_wait_for_their_retry() -> None:
    waited: list[float] = []

    @task()
    def fresh(payload: dict[str, Any], context: Context) -> None:
        assert isinstance(context.sent_at, datetime)
        waited.append(sandbox.clock.now() - context.sent_at.timestamp())

    with Sandbox({"always_fails": always_fails, "fresh": fresh}, in_flight_cap=CAP) as sandbox:
        # Given 500 tasks that have failed, and wait
        for _ in range(FAILING):
            always_fails.send({})
        while len(sandbox.reports) < FAILING:
            sandbox.run_for(60)

        # When a fresh one is sent, and the consumer is woken
        fresh.send({})
        summary = sandbox.tick()

        # Then its first poll brings the fresh one, in no (virtual) time
        assert waited == [0.0]
        assert summary.received == 1

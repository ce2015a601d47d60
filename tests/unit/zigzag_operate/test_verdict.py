"""The worst true sentence about a stack, and what to type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from zigzag_operate.facts import Facts, QueueFacts, Unknown, verdict_of
from zigzag_operate.facts.why import Why
from zigzag_operate.facts.work import LastTick, TaskWork, Work
from zigzag_operate.metrics import Happened

NOW = 1_800_000_000.0
DAY = 86_400
TICK = LastTick(NOW - 31, 120, 120, "queue empty", well=True)
OPEN = QueueFacts(12, 37, 0, 48, None, None, None, None)
NAMES = {"ConsumerFunctionName": "the-consumer", "WorkerFunctionName": "the-worker"}
SOUND = Facts(
    *("zigzag", "eu-west-1", "123456789012", NOW, NOW - DAY, NOW - DAY, "UPDATE_COMPLETE"),
    parameters={},
    outputs=NAMES,
    queues={"default": OPEN},
    dead_letters=0,
    oldest_letter_seconds=None,
    last_tick=TICK,
    tick_within=180.0,
    work=Work([], all=True),
    dropped=Happened(0, None),
    died=Happened(0, None),
    why=Why(),
)
SILENT: dict[str, Any] = {"last_tick": replace(TICK, at=NOW - 300)}
RULE = "zigzag-ConsumerFunctionTick-1A"
KEEPS_UP = "The queue keeps up."
LOGS = "./zigzag logs --failed --task crawl_page --since 15min"
DIES = (
    "dies",
    "1 invocation of the worker ended with an error in 15 minutes: look for its memory, its time, "
    "its package.",
    "./zigzag logs --failed --since 15min",
)
NO_METRICS = Unknown("needs cloudwatch:GetMetricData")


def fails(
    failed: int,
    of: int,
    task: str = "crawl_page",
    dead: int = 0,
    done: int = 0,
    ago: float = 30,
    last: int = 0,
) -> dict[str, Any]:
    times = 0.1, 0.1, 1.0
    return {"work": Work([TaskWork(task, of, 0, dead, failed, *times, done, NOW - ago, last)], all=True)}


def times(many: int, ago: float = 60) -> Happened:
    return Happened(many, NOW - ago)


def queue(**changes: Any) -> dict[str, Any]:
    return {"queues": {"default": OPEN, "bulk": replace(OPEN, **changes)}}


@pytest.mark.parametrize(
    ("changes", "kind", "sentence", "type"),
    [
        ({}, "keeping up", KEEPS_UP, None),
        (
            SILENT | {"why": Why(rules={RULE: "DISABLED"}), "dropped": times(5)},
            "silent",
            "No tick has ended for 5 minutes: no task starts. Its rule is disabled.",
            f"aws events enable-rule --name {RULE}",
        ),
        (
            SILENT | {"why": Why(rules={RULE: "ENABLED"}, consumer=0)},
            "silent",
            "No tick has ended for 5 minutes: no task starts. Reserved concurrency of the consumer is 0.",
            "aws lambda delete-function-concurrency --function-name the-consumer",
        ),
        (
            {"last_tick": None, "why": Why(rules=Unknown("needs events:ListRules"), consumer=-1)},
            "silent",
            "No tick has ended for 15 minutes: no task starts.",
            "./zigzag logs --ticks --since 30min",
        ),
        (
            {"last_tick": None, "created": NOW - 250},
            "new",
            "No tick has ended yet: the stack is 4 minutes old. The first may take 7 minutes.",
            None,
        ),
        (
            {"last_tick": None, "created": NOW - 550, "dead_letters": 1},
            "silent",
            "No tick has ended yet, and the stack is 9 minutes old: no task starts.",
            "./zigzag logs --ticks --since 30min",
        ),
        ({"last_tick": None, "tick_within": None}, "keeping up", KEEPS_UP, None),
        (
            {"last_tick": replace(TICK, stopped="AccessDenied: no", well=False)},
            "refused",
            "The last tick did not end well: AccessDenied: no.",
            "./zigzag logs --ticks --since 15min",
        ),
        (
            {"dropped": times(5), "why": Why(worker=0), "oldest_letter_seconds": 11 * DAY},
            "dropped",
            "Lambda dropped 5 starts of the worker in 15 minutes: 0 executions are reserved for it, and "
            "WorkerConcurrency is 0.",
            "aws lambda delete-function-concurrency --function-name the-worker",
        ),
        (
            {"dropped": times(1), "why": Why(worker=1), "parameters": {"WorkerConcurrency": "20"}},
            "dropped",
            "Lambda dropped 1 start of the worker in 15 minutes: 1 execution is reserved for it, and "
            "WorkerConcurrency is 20.",
            "aws lambda put-function-concurrency --function-name the-worker "
            "--reserved-concurrent-executions 20",
        ),
        (
            {"dropped": times(5), "why": Why(worker=20), "parameters": {"WorkerConcurrency": "20"}},
            "dropped",
            "Lambda dropped 5 starts of the worker in 15 minutes: raise WorkerConcurrency, or lower "
            "InFlightCap.",
            None,
        ),
        (
            {"oldest_letter_seconds": 11 * DAY, "dead_letters": 1} | queue(closed="paused"),
            "letters near their end",
            "The oldest dead letter is 11 days old, and SQS deletes it after 14.",
            "./zigzag dead-letters --until 10d",
        ),
        (
            queue(closed="paused", closed_since=NOW - 120) | fails(5, 5),
            "paused",
            "bulk is paused since 15 Jan, 07:58. 12 messages wait.",
            "./zigzag resume bulk",
        ),
        (
            queue(closed="unavailable", waiting=1),
            "shut",
            "bulk is shut: a service is away. Once it is back, resume opens the queue at once. "
            "1 message waits.",
            "./zigzag resume bulk",
        ),
        (
            fails(110, 120, dead=77) | {"dead_letters": 173},
            "fails",
            "crawl_page fails: 110 of 120 attempts in 15 minutes. 173 dead letters wait for somebody.",
            "./zigzag dead-letters --task crawl_page",
        ),
        (
            fails(5, 9) | queue(oldest_seconds=3600),
            "fails",
            "crawl_page fails: 5 of 9 attempts in 15 minutes.",
            "./zigzag logs --failed --task crawl_page --since 15min",
        ),
        (
            fails(5, 9, task="x; rm -rf /"),
            "fails",
            "x; rm -rf / fails: 5 of 9 attempts in 15 minutes.",
            "./zigzag logs --failed --since 15min",
        ),
        (fails(4, 4), "keeping up", KEEPS_UP, None),
        (fails(50, 100), "keeping up", KEEPS_UP, None),
        (fails(50, 60, done=5), "keeping up", KEEPS_UP, None),
        (fails(5, 5, ago=301) | {"died": times(1)}, *DIES),
        (
            fails(5, 9, ago=301, dead=2) | {"dead_letters": 2, "died": times(1, 1201)},
            "failed",
            "crawl_page failed: 5 of 9 attempts in 15 minutes, none since 07:54. "
            "2 dead letters wait for somebody.",
            "./zigzag dead-letters --task crawl_page",
        ),
        (
            {"dropped": times(5, 121)} | fails(5, 5),
            "fails",
            "crawl_page fails: 5 of 5 attempts in 15 minutes.",
            LOGS,
        ),
        (
            {"dropped": times(50), "why": Why(worker=-1)} | fails(5, 5),
            "fails",
            "crawl_page fails: 5 of 5 attempts in 15 minutes.",
            LOGS,
        ),
        (
            {"dropped": times(5, 299), "dead_letters": 2},
            "dropped",
            "Lambda dropped 5 starts of the worker in 15 minutes: raise the account's quota of executions, "
            "or lower InFlightCap.",
            None,
        ),
        (
            fails(5, 5, ago=121) | queue(closed="paused", waiting=1),
            "paused",
            "bulk is paused. 1 message waits.",
            "./zigzag resume bulk",
        ),
        ({"dropped": times(5, 301), "why": Why(worker=0)}, "keeping up", KEEPS_UP, None),
        (
            fails(5, 5040, last=5),
            "fails",
            "crawl_page fails: its last 5 of 5,040 attempts in 15 minutes.",
            LOGS,
        ),
        (fails(7, 5040, last=4), "keeping up", KEEPS_UP, None),
        ({"dropped": times(4)}, "keeping up", KEEPS_UP, None),
        ({"died": times(3, 360), "parameters": {"WorkerTimeout": "60"}}, "keeping up", KEEPS_UP, None),
        ({"died": times(1, 359), "parameters": {"WorkerTimeout": "60"}}, *DIES),
        (
            {"died": times(3)} | queue(oldest_seconds=3600),
            "dies",
            "3 invocations of the worker ended with an error in 15 minutes: look for its memory, its time, "
            "its package.",
            "./zigzag logs --failed --since 15min",
        ),
        (
            queue(oldest_seconds=1200, waiting=5000) | {"dead_letters": 2},
            "falling behind",
            "bulk falls behind: 5,000 messages wait, the oldest for 20 minutes. The last tick ended with: "
            "queue empty.",
            "./zigzag logs --ticks --since 15min",
        ),
        (
            queue(oldest_seconds=1200, waiting=1) | {"last_tick": replace(TICK, at=NOW - 170)},
            "falling behind",
            "bulk falls behind: 1 message waits, the oldest for 20 minutes. The last tick ended 3 minutes "
            "ago with: queue empty.",
            "./zigzag logs --ticks --since 15min",
        ),
        (queue(oldest_seconds=1200, waiting=0), "keeping up", "The queues keep up.", None),
        (
            queue(oldest_seconds=240, waiting=3567),
            "keeping up",
            "The queues keep up. In bulk 3,567 messages wait, the oldest for 4 minutes.",
            None,
        ),
        (
            {"dead_letters": 1},
            "dead letters wait",
            "1 dead letter waits for somebody.",
            "./zigzag dead-letters",
        ),
        (
            {"dropped": NO_METRICS, "oldest_letter_seconds": NO_METRICS},
            "unknown",
            "Nothing wrong is seen, but not all is known: needs cloudwatch:GetMetricData.",
            None,
        ),
        (
            {"dropped": NO_METRICS, "dead_letters": 2},
            "dead letters wait",
            "2 dead letters wait for somebody.",
            "./zigzag dead-letters",
        ),
        ({"last_tick": NO_METRICS, "tick_within": None}, "keeping up", KEEPS_UP, None),
    ],
)
def test_the_worst_true_sentence_is_told_with_what_to_type(
    changes: dict[str, Any], kind: str, sentence: str, type: str | None
) -> None:
    verdict = verdict_of(replace(SOUND, **changes))

    assert (verdict.kind, verdict.sentence, verdict.type) == (kind, sentence, type)

"""The rules about concurrency and time: caps against workers, reserved executions, batches."""

from __future__ import annotations

from worker.deadline import ANOTHER_SECONDS
from zigzag_operate.doctor.facts import Facts, Unknown, as_text
from zigzag_operate.doctor.finding import Found, NotKnown, of_parameter, wrong

MAX_CAP = 60_000
"""Up to twice the cap is received and not settled, and SQS lets 120,000 messages of a queue be in flight."""

TASKS_A_MINUTE = 600
"""Tasks that a worker finishes in a minute if each takes a tenth of a second."""

DISPATCHED = 6_000
"""Messages that a consumer of 128 MB dispatches in a minute, at least (docs/scale.md)."""

MAX_IN_FLIGHT = 120_000
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

MAX_POLLED = 1_000
"""https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html"""


def judge_concurrency(facts: Facts) -> Found:
    """Judges the caps against the workers that there can be."""
    for one in facts.functions:
        reserved = one.get("ReservedConcurrentExecutions")
        if isinstance(reserved, Unknown):
            yield NotKnown(f"{one.id}.ReservedConcurrentExecutions", reserved.needs)
        elif reserved is not None and as_text(reserved) == "0":
            yield wrong(
                "H24" if one.id == "ConsumerFunction" else "H9",
                one,
                "ReservedConcurrentExecutions",
                "it reserves 0, so Lambda never runs it",
                "take ReservedConcurrentExecutions away",
            )
        elif one.id == "ConsumerFunction" and reserved is not None:
            least = int(facts.parameters.get("MaxConsumers", "1")) + 1
            if float(reserved) < least:
                yield wrong(
                    "H22",
                    one,
                    "ReservedConcurrentExecutions",
                    f"it reserves {reserved}, and a tick begins "
                    "before the last one has ended: every second one is refused",
                    f"reserve {least}, or take the line away",
                )
        elif one.id == "WorkerFunction" and as_text(reserved or 0) != facts.parameters.get(
            "WorkerConcurrency", "0"
        ):
            yield wrong(
                "H68",
                one,
                "ReservedConcurrentExecutions",
                f"{reserved or 'nothing'} is reserved, and "
                f"WorkerConcurrency is {facts.parameters.get('WorkerConcurrency', '0')}",
                "reserve !Ref WorkerConcurrency, as Zigzag's template does",
            )
    yield from _caps(facts)


def _caps(facts: Facts) -> Found:
    cap, workers = _number(facts, "InFlightCap"), _number(facts, "WorkerConcurrency")
    if facts.by_events:
        if workers > MAX_POLLED:
            said = f"WorkerConcurrency={workers:,} is more than the {MAX_POLLED:,} that Lambda's poller takes"
            change = f"lower it to {MAX_POLLED:,}, or set it to 0"
            yield of_parameter(facts, "H155", "WorkerConcurrency", f"{said}: it can't be deployed", change)
        return
    lower = f"lower InFlightCap below {MAX_CAP:,}"
    if cap > MAX_CAP:
        yield of_parameter(
            facts,
            "H21",
            "InFlightCap",
            f"twice InFlightCap={cap:,} is more than the 120,000 messages that SQS lets be in flight",
            lower,
        )
    elif workers and cap > workers * TASKS_A_MINUTE:
        yield of_parameter(
            facts, "H9", "InFlightCap", *_too_few(workers, f"InFlightCap={cap:,} tasks in a minute")
        )
    elif workers and not cap and _dispatched(facts) > workers * TASKS_A_MINUTE:
        many = f"the {_dispatched(facts):,} messages of a minute that InFlightCap=0 lets come"
        yield of_parameter(facts, "H9", "InFlightCap", *_too_few(workers, many))
    limit = facts.more.get("concurrency")
    if isinstance(limit, Unknown):
        yield NotKnown("the account's concurrency", limit.needs)
    elif limit is not None and not workers and (cap == 0 or cap > limit):
        yield of_parameter(
            facts,
            "H9",
            "InFlightCap",
            f"the account runs {limit:,} functions at once, and "
            f"InFlightCap={cap:,}: what a minute can't start is dropped, and comes again",
            "lower InFlightCap, or raise the quota (docs/operations.md)",
        )


def _too_few(workers: int, many: str) -> tuple[str, str]:
    """Returns the sentence and the change."""
    who = "1 worker" if workers == 1 else f"{workers} workers"
    return (
        f"{who} can't start {many}, even of 0.1 s each: the others are dropped, and come again",
        f"set InFlightCap={workers * TASKS_A_MINUTE} or less, or raise WorkerConcurrency",
    )


def _dispatched(facts: Facts) -> int:
    """Returns how many messages come in a minute without a cap, at least, if so many wait."""
    consumers, memory = _number(facts, "MaxConsumers") or 1, _number(facts, "ConsumerMemory") or 128
    return min(MAX_IN_FLIGHT, DISPATCHED * consumers * memory // 128)


def judge_batches(facts: Facts) -> Found:
    """Judges whether a batch has enough time."""
    size, seconds = _number(facts, "BatchSize"), _number(facts, "WorkerTimeout")
    least = int(ANOTHER_SECONDS) + size
    if size > 1 and seconds < least:
        yield of_parameter(
            facts,
            "H91",
            "WorkerTimeout",
            f"{size} tasks share WorkerTimeout={seconds}, and with less "
            f"than {ANOTHER_SECONDS:g} s left no other one starts: the rest comes again and again",
            f"set WorkerTimeout to {least} or more, or BatchSize=1",
        )


def _number(facts: Facts, parameter: str) -> int:
    text = facts.parameters.get(parameter, "")
    return int(text) if text.isdigit() else 0

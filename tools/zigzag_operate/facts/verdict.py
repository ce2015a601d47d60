"""The worst true sentence about a stack, and the command to type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from consumer.summary import PAUSED, UNAVAILABLE
from zigzag_operate.facts.figures import Unknown
from zigzag_operate.facts.stack import Facts
from zigzag_operate.facts.work import NOT_READ, OTHERS, TaskWork
from zigzag_operate.who import short
from zigzag_operate.words import at, clock, letters_wait, many, minutes, wait

KEEPING_UP = "keeping up"

LATE_SECONDS = 900
"""As the alarm on late tasks."""

NEAR_END_DAYS = 10
"""As the alarm on dead letters near their end: SQS deletes them after 14 days."""

_LEAST = 5
"""A task that has failed fewer times may have been unlucky, and so may fewer starts that were dropped."""

_MINUTES = 15

NOW_SECONDS = 120
"""What has not happened for so long may be over: what is wrong now is told before it."""

_A_TICK = 60
"""Seconds. What is older has seen a tick that left it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentence, and what to type.

    kind -- the word for it, such as "silent" or "keeping up".
    type -- a command that helps, or shows the cause, or None if there is none.
    """

    kind: str
    sentence: str
    type: str | None


def verdict_of(facts: Facts) -> Verdict:
    """Returns the worst true sentence. A figure that is unknown is never taken for a good one."""
    now = replace(facts, within=NOW_SECONDS)
    for seen, judges in ((now, _OF_NOW), (facts, _OF_BEFORE)):
        for judge in judges:
            for verdict in judge(seen):
                return verdict
    if facts.unknown:
        said = f"Nothing wrong is seen, but not all is known: {'; '.join(facts.unknown)}."
        return Verdict("unknown", said, None)
    return Verdict(KEEPING_UP, _keeps_up(facts), None)


def _keeps_up(facts: Facts) -> str:
    """Returns the good sentence, and how much waits where a tick has left it."""
    said = "The queue keeps up." if len(facts.queues) == 1 else "The queues keep up."
    for name, queue in facts.queues.items():
        waiting, oldest = queue.waiting, queue.oldest_seconds
        if isinstance(waiting, int) and isinstance(oldest, int) and waiting and oldest >= _A_TICK:
            return f"{said} In {name} {wait(waiting)}, the oldest for {minutes(oldest)}."
    return said


def _silent(facts: Facts) -> Iterator[Verdict]:
    if not facts.is_silent:
        return
    begin = f"{_no_tick(facts)}: no task starts"
    rules = {} if isinstance(facts.why.rules, Unknown) else facts.why.rules or {}
    off = [name for name, state in rules.items() if state == "DISABLED"]
    consumer = facts.outputs.get("ConsumerFunctionName")
    if off:
        yield Verdict("silent", f"{begin}. Its rule is disabled.", f"aws events enable-rule --name {off[0]}")
    elif facts.why.consumer == 0:
        why = "Reserved concurrency of the consumer is 0."
        yield Verdict("silent", f"{begin}. {why}", _delete_concurrency(consumer))
    elif facts.why.rules == {}:
        said = f"{begin}. Its rule is gone: take the change back that removed it, or make the stack again."
        yield Verdict("silent", said, f"aws events list-rules --name-prefix {facts.stack[:25]}")
    else:
        yield Verdict("silent", f"{begin}.", "./zigzag logs --ticks --since 30min")


def _no_tick(facts: Facts) -> str:
    last = facts.last_tick
    if last is None and facts.is_new:
        return f"No tick has ended yet, and the stack is {minutes(facts.age)} old"
    if last is None or isinstance(last, Unknown):
        return f"No tick has ended for {_MINUTES} minutes"
    return f"No tick has ended for {minutes(facts.at - last.at)}"


def _refused(facts: Facts) -> Iterator[Verdict]:
    last = facts.last_tick
    if last is not None and not isinstance(last, Unknown) and not last.well:
        said = f"The last tick did not end well: {last.stopped}."
        yield Verdict("refused", said, "./zigzag logs --ticks --since 15min")


def _drops(facts: Facts) -> Iterator[Verdict]:
    if isinstance(facts.dropped, Unknown) or not facts.drops:
        return
    said = f"Lambda dropped {many(facts.dropped.times, 'start')} of the worker in {_MINUTES} minutes"
    worker, reserved = facts.outputs.get("WorkerFunctionName"), facts.why.worker
    meant = int(facts.parameters.get("WorkerConcurrency", "0")) or -1
    if isinstance(reserved, int) and reserved != meant:
        some = f"{many(reserved, 'execution')} {'is' if reserved == 1 else 'are'} reserved"
        are = some if reserved >= 0 else "no executions are reserved"
        as_meant = f"--function-name {worker} --reserved-concurrent-executions {meant}"
        put = f"aws lambda put-function-concurrency {as_meant}"
        command = put if meant > 0 else _delete_concurrency(worker)
        yield Verdict("dropped", f"{said}: {are} for it, and WorkerConcurrency is {max(meant, 0)}.", command)
    elif facts.dropped.times >= _LEAST:
        cure = "raise WorkerConcurrency" if meant > 0 else "raise the account's quota of executions"
        yield Verdict("dropped", f"{said}: {cure}, or lower InFlightCap.", None)


def _held_back(facts: Facts) -> Iterator[Verdict]:
    """Yields the verdict on dropped starts that a command ends. Others delay tasks, and lose none."""
    return (one for one in _drops(facts) if one.type is not None)


def _near_end(facts: Facts) -> Iterator[Verdict]:
    age = facts.oldest_letter_seconds
    if isinstance(age, int) and age > NEAR_END_DAYS * 86_400:
        said = f"The oldest dead letter is {age // 86_400} days old, and SQS deletes it after 14."
        yield Verdict("letters near their end", said, f"./zigzag dead-letters --until {NEAR_END_DAYS}d")


def _closed(facts: Facts) -> Iterator[Verdict]:
    for name, queue in facts.queues.items():
        if queue.closed is None or isinstance(queue.closed, Unknown):
            continue
        since = "" if not isinstance(queue.closed_since, float) else f" since {at(queue.closed_since)}"
        waits = f" {wait(queue.waiting)}." if isinstance(queue.waiting, int) else ""
        if queue.closed.startswith(PAUSED):
            by = f" by {short(queue.closed_by)}" if queue.closed_by else ""
            yield Verdict("paused", f"{name} is {queue.closed}{since}{by}.{waits}", f"./zigzag resume {name}")
        elif queue.closed == UNAVAILABLE:
            said = (
                f"{name} is shut{since}: a service is away. Once it is back, resume opens the queue at once"
            )
            yield Verdict("shut", f"{said}.{waits}", f"./zigzag resume {name}")
        else:
            yield Verdict("closed", f"{name} is closed: {queue.closed}.{waits}", "./zigzag limits")


def _fails(facts: Facts) -> Iterator[Verdict]:
    for task in _worst(facts, lambda task: facts.is_recent(task.failed_at)):
        said = f"{task.task} fails: {_many_of(task)}.{_letters_too(facts)}"
        yield Verdict("fails", said, _look_at(task, facts))


def _failed(facts: Facts) -> Iterator[Verdict]:
    """Yields the verdict on a task that has not failed for minutes, and not succeeded either."""
    for task in _worst(facts, lambda task: task.failed_at is not None):
        since = clock(task.failed_at or 0.0)
        said = f"{task.task} failed: {_many_of(task)}, none since {since}.{_letters_too(facts)}"
        yield Verdict("failed", said, _look_at(task, facts))


def _worst(facts: Facts, counts: Callable[[TaskWork], bool]) -> list[TaskWork]:
    tasks = [] if isinstance(facts.work, Unknown) else facts.work.tasks
    failing = [one for one in tasks if _has_failed(one) and counts(one)]
    return sorted(failing, key=lambda one: (one.failed, one.task))[-1:]


def _many_of(task: TaskWork) -> str:
    these = f"{task.failed:,}" if 2 * task.failed > task.deliveries else f"its last {task.failed_since:,}"
    return f"{these} of {many(task.deliveries, 'attempt')} in {_MINUTES} minutes"


def _letters_too(facts: Facts) -> str:
    letters = facts.dead_letters
    return f" {letters_wait(letters)}" if isinstance(letters, int) and letters else ""


def _has_failed(task: TaskWork) -> bool:
    """Returns whether it fails more often than not, and has not recovered, or whether it has just begun."""
    often = task.failed >= _LEAST and 2 * task.failed > task.deliveries and task.done_since < _LEAST
    return often or task.failed_since >= _LEAST


def _look_at(worst: TaskWork, facts: Facts) -> str:
    # A sender may have written the name: a person will paste it into a shell.
    is_name = worst.task not in (OTHERS, NOT_READ) and re.fullmatch(r"[\w.][\w.-]*", worst.task, re.ASCII)
    task = f" --task {worst.task}" if is_name else ""
    if worst.dead and _letters_too(facts):
        return f"./zigzag dead-letters{task}"
    return f"./zigzag logs --failed{task} --since {_MINUTES}min"


def _dies(facts: Facts) -> Iterator[Verdict]:
    if facts.dies and not isinstance(facts.died, Unknown):
        times = f"{many(facts.died.times, 'invocation')} of the worker ended with an error"
        said = f"{times} in {_MINUTES} minutes: look for its memory, its time, its package."
        yield Verdict("dies", said, f"./zigzag logs --failed --since {_MINUTES}min")


def _behind(facts: Facts) -> Iterator[Verdict]:
    late = {
        name: queue.oldest_seconds
        for name, queue in facts.queues.items()
        if isinstance(queue.oldest_seconds, int)
        and queue.oldest_seconds > LATE_SECONDS
        and queue.waiting != 0
    }
    if late:
        name = max(late, key=lambda one: late[one])
        waits = facts.queues[name].waiting
        these = f"{wait(waits)}, " if isinstance(waits, int) else ""
        said = f"{name} falls behind: {these}the oldest for {minutes(late[name])}.{_last_ended(facts)}"
        look = "./zigzag logs --ticks --since 15min" if facts.tick_within is not None else "./zigzag queues"
        yield Verdict("falling behind", said, look)


def _last_ended(facts: Facts) -> str:
    """Returns how the last tick ended, and when, if the next one should have ended since then."""
    tick = facts.last_tick
    if tick is None or isinstance(tick, Unknown) or not tick.stopped:
        return ""
    ago = facts.at - tick.at
    since = f" {minutes(ago)} ago" if ago > 2 * _A_TICK else ""
    return f" The last tick ended{since} with: {tick.stopped}."


def _dead(facts: Facts) -> Iterator[Verdict]:
    if isinstance(facts.dead_letters, int) and facts.dead_letters:
        yield Verdict("dead letters wait", letters_wait(facts.dead_letters), "./zigzag dead-letters")


def _new(facts: Facts) -> Iterator[Verdict]:
    if facts.last_tick is None and facts.tick_within is not None:
        said = f"No tick has ended yet: the stack is {minutes(facts.age)} old."
        yield Verdict("new", f"{said} The first may take {minutes(facts.first_within)}.", None)


_OF_NOW = _silent, _refused, _held_back, _near_end, _closed, _fails, _dies, _drops, _behind
_OF_BEFORE = _held_back, _fails, _dies, _drops, _failed, _dead, _new


def _delete_concurrency(function: str | None) -> str:
    return f"aws lambda delete-function-concurrency --function-name {function}"

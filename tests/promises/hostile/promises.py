"""The promises, checked on a hostile world's trail. docs/reliability.md has them, with their limits.

Each check forgives only what a fault did to this very message or record, as `zigzag_testing.faults` notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from math import inf

from tests.promises.hostile.trail import Life, Start
from tests.promises.hostile.world import IDEMPOTENT, HostileWorld

from shared.lease import LEASE_SECONDS
from zigzag_operate.audit import Known
from zigzag_operate.audit.report import Finding
from zigzag_testing.faults import SLOWEST_CALL_SECONDS


def check_every_message_ended(
    world: HostileWorld, is_forgiven: Callable[[Life], bool] = lambda life: False
) -> None:
    """Nothing is lost: each message succeeded, or its task is recorded as done, or it became a dead letter
    with its reason, or an operator purged it."""
    for life in world.trail.lives:
        done = is_idempotent(world, life.id) and life.id in world.trail.done
        done |= bool(life.tokens & world.trail.spent)  # another message of its redrive was
        ended = life.succeeded or done or life.letters or life.purged or is_forgiven(life)
        assert ended, f"{life} is lost: {world.trail.sent[life.id]}"
        assert all(letter.reason for letter in life.letters), f"{life} has a letter without a reason"
    for letter in world.sandbox.dead_letters:
        assert letter.reason, f"{letter} has no reason: SQS itself has moved it"


def check_dead_letters_were_tried(
    world: HostileWorld, is_excused: Callable[[Life], bool] = lambda life: False
) -> None:
    """A message is dead-lettered after its attempts really started: for a permanent reason, after one start.

    While its record could not be reached, SQS's receive count decided, but one start there was.
    Attempts begin again when it is redriven. Messages of one id share them, while they fail.
    """
    for life in world.trail.lives:
        sent = world.trail.sent[life.id]
        if not life.letters or sent["task"] is None or is_excused(life):
            continue
        since = _attempts_count_since(world, life)
        dead_at = min(letter.at for letter in life.letters)
        starts = [one for one in world.trail.starts(life.id) if one.ended >= since and one.began <= dead_at]
        names = keys(world, life.id)
        in_vain = sum(key in names and since <= at <= dead_at for key, at in world.faults.in_vain)
        least = 1 if sent.get("rejects") or times_unreached(world, life.id) else world.attempts
        assert len(starts) + in_vain >= least, f"{life} is dead after {len(starts)} starts: {starts}"


def check_no_start_too_many(world: HostileWorld) -> None:
    """At most one start more than the policy's attempts, where those that were interrupted behind others of
    their batch are none; and one more for each of its events that Lambda
    doubled, and for each time that its record could not be reached.

    An idempotent task's message that could not be deleted after its letter was stored begins again.
    """
    for id in world.trail.sent:
        lives = world.trail.of(id)
        for together in [lives] if any(life.shares for life in lives) else [[life] for life in lives]:
            starts = [start for life in together for start in life.attempts]
            anew = sum(began_anew(life) for life in together) if is_idempotent(world, id) else 0
            doubled = sum(world.faults.doubled[one] for life in together for one in life.message_ids)
            messages = sum(len(life.message_ids) for life in together)
            most = (world.attempts + 1) * (messages + anew) + doubled + times_unreached(world, id)
            assert len(starts) <= most, f"{together} started {len(starts)} times, of {most}"


def check_nothing_overlaps(world: HostileWorld, *, plain: bool = True) -> None:
    """No two starts of one message, or of one idempotent task, at the same time, while its lease holds."""
    for id in world.trail.sent:
        if is_idempotent(world, id):
            check_one_after_the_other(world, id, world.trail.starts(id))
        elif plain:
            for life in world.trail.of(id):
                if len(life.message_ids) == 1 and not any(map(world.faults.doubled.get, life.message_ids)):
                    check_one_after_the_other(world, id, life.starts)


def check_nothing_done_is_repeated(world: HostileWorld) -> None:
    """Of an idempotent task, nothing starts once its completion is recorded."""
    for id in world.trail.sent:
        if is_idempotent(world, id):
            done = world.trail.done.get(id, float("inf"))
            late = [start for start in world.trail.starts(id) if start.began > done]
            assert not late, f"{id} started after its completion was recorded at {done}: {late}"


def check_order_in_groups(world: HostileWorld) -> None:
    """In a group, nothing starts before what is ahead of it has started for the last time, and ended.

    A letter that was stored twice has two places in the group once both are redriven.
    """
    ended: dict[str, float] = {}
    for life in world.trail.lives:
        if life.group is None or not life.starts or len(life.message_ids) > 1:
            continue
        began = min(start.began for start in life.starts)
        assert began >= ended.get(life.group, 0.0), f"{life} began before one ahead of it had ended"
        ended[life.group] = max(start.ended for start in life.starts)


def check_nothing_is_hot(world: HostileWorld) -> None:
    """No message is received more than once a second, unless a process that stops gives it back at once."""
    for message_id, times in world.trail.receives.items():
        for one, other in pairwise(times):
            assert other - one >= 1 or (message_id, one) in world.trail.returned, (
                f"{message_id} was received twice within {other - one} s"
            )


def check_the_audit(
    world: HostileWorld, is_forgiven: Callable[[Finding], bool] = lambda finding: False
) -> None:
    """An audit of the lines, and of how many messages are on the queues, finds nothing.

    No line tells that an operator purged a queue.
    """
    purged = any(life.purged for life in world.trail.lives)
    left = sum(map(len, world.sandbox.queues.values()))
    queues = {name: name for name in world.sandbox.queues}
    report = world.lines.audit(Known(queues, on_queues=None if purged else left))
    findings = [one for one in report.findings if not is_forgiven(one)]
    assert not findings, findings


def check_one_after_the_other(
    world: HostileWorld, id: str, starts: list[Start], leases: Collection[str] = ()
) -> None:
    """No start before the one before it has ended, unless that lost its lease.

    leases -- names of the leases that forbid it, messages' or records'. Without it, all that the task has.
    """
    names = leases or (*world.trail.message_ids(id), *keys(world, id))
    for one, other in pairwise(sorted(starts, key=lambda start: start.began)):
        if one.ended > other.began and not _lost_its_lease(world, id, one, other, names):
            raise AssertionError(f"{id} ran twice at the same time: {one}, {other}")


def _lost_its_lease(world: HostileWorld, id: str, one: Start, other: Start, names: Collection[str]) -> bool:
    """Tells whether a fault hit a renewal of one of these leases by the first one's process.

    The renewal came while it ran, and not long before the other began.
    """
    message_ids = world.trail.message_ids(id)
    received = (at for one_id in message_ids for at in world.trail.receives[one_id] if at > one.began)
    # A lease until the message is visible, and some ticks until it is received.
    after = max(one.began, min(received, default=other.began) - 2 * LEASE_SECONDS - SLOWEST_CALL_SECONDS)
    return any(
        unheld.process == one.process
        and unheld.began <= other.began
        # One that was refused is the last: so it must have been while this task ran.
        and (unheld.began >= one.began if unheld.ended == inf else unheld.ended >= after)
        for name in names
        for unheld in world.faults.unheld.get(name, ())
    )


def _attempts_count_since(world: HostileWorld, life: Life) -> float:
    """Returns from when on attempts count.

    A plain task's count for its message, a key's since they were last forgotten. A doubled event may come
    after that: its start counts for the next message of that key.
    """
    lives = world.trail.of(life.id)
    if not is_idempotent(world, life.id):
        return min(one.sent_at for one in lives if one is life or one.tokens & life.tokens)
    since = min(one.sent_at for one in lives) if life.shares else life.sent_at
    return max((letter.at for one in lives for letter in one.letters if letter.at <= since), default=0.0)


def began_anew(life: Life) -> int:
    """Returns how often it started again though it was a dead letter already."""
    return sum(any(start.began > letter.at for start in life.starts) for letter in life.letters)


def is_idempotent(world: HostileWorld, id: str) -> bool:
    return world.trail.sent[id]["task"] in IDEMPOTENT


def keys(world: HostileWorld, id: str) -> set[str]:
    """Returns the keys that a record of this task may have."""
    task = world.trail.sent[id]["task"]
    messages = set(world.trail.message_ids(id))
    tokens = set[str]().union(*(life.tokens for life in world.trail.of(id)))
    return (
        {f"redrive#{one}" for one in tokens}
        | {f"starts#{one}" for one in messages}
        | {f"run#{task}#{what}" for what in (id, *messages)}
    )


def times_unreached(world: HostileWorld, id: str) -> int:
    return sum(world.faults.unreached[key] for key in keys(world, id))

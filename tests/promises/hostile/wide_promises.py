"""The promises in a wider world, where faults last. Only what no code can help is forgiven."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from math import inf

from tests.promises.hostile import promises
from tests.promises.hostile.held import Span
from tests.promises.hostile.trail import Letter, Life, Start
from tests.promises.hostile.wide import Drawn
from tests.promises.hostile.wide_flow import FLOW, is_free
from tests.promises.hostile.wide_world import WideWorld

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.flow.slots import LATE_SECONDS
from consumer.summary import UNAVAILABLE
from shared.lease import DROP_MARGIN_SECONDS, EVENT_AGE_SECONDS, KEPT_SECONDS, LEASE_SECONDS
from shared.ports.queue import MAX_POLL_SECONDS
from worker.outcome import LOADS
from worker.starts import MAX_STARTS
from zigzag_operate.audit.report import OVERLAPPING, UNTRIED
from zigzag_testing.faults import SLOWEST_CALL_SECONDS
from zigzag_testing.outages import SLOW_SECONDS
from zigzag_testing.sandbox import CLOCKS_DIFFER_SECONDS

ASKED_IN_VAIN = 5
"""A message may be asked for its key so many times as often, where what it needs then can't be reached."""

MAX_COUNTED = 20
"""Starts of a message whose code kills or hangs, if its task has not more attempts."""

DEPLOY_SECONDS = 3600
"""How long a message outlives a deploy that lacks its task."""

NO_TASK = r"no task is called|can't be imported|has no function"

NO_START_HELPS = (
    NO_TASK,
    r"the body (is|names|has) ",
    r"`(task|payload|id)` (is|has) ",
    r"the payload does not fit",
    r"too large for an asynchronous invoke",
    r"received [\d,]+ times",
    r"SQS would drop the message in less than \d+ days(: not started|, and no worker could be sent for it)",
)
"""Reasons of dead letters whose tasks never started, and why no start could help."""


def check_every_message_ended(world: WideWorld, drawn: Drawn) -> None:
    """Nothing is lost, and every dead letter has its reason.

    By a schedule with gaps, a message may have no other chance in its last four days than one whose start was
    killed, and was its first to be counted, or that started no worker, or one that was killed before the
    start; or no tick but one that found its queue shut, or crashed: docs/reliability.md, "Open".
    """

    def is_forgiven(life: Life) -> bool:
        since = life.sent_at + KEPT_SECONDS - DROP_MARGIN_SECONDS - CLOCKS_DIFFER_SECONDS
        told = [at for at, said in world.lines.written if said.get("message_id") in life.message_ids]
        poisoned = world.faults.poisoned

        def how(start: Start) -> str:
            # One that was interrupted, and whose process was killed before it could settle, has no line.
            could_settle = start.process not in poisoned and any(at >= start.began for at in told)
            return start.how if could_settle else "killed"

        starts = [(start.began, how(start)) for start in life.starts]
        killed = [began >= since for began, how in starts if how == "killed"]
        if not drawn.has("schedule") or sum(killed) > 1:
            return False
        starts += [(at, "killed") for key, at in world.faults.in_vain if key in promises.keys(world, life.id)]
        if [began >= since for began, how in starts if how == "killed"] == [True] == [True for _ in starts]:
            return True
        received = sorted(at for one in life.message_ids for at in world.trail.receives[one] if at >= since)
        dropped = [at for one in life.message_ids for at in world.faults.dropped[one]]
        dropped += world.trail.kills(life)

        def was_no_chance(begin: float, end: float) -> bool:
            started = [how for began, how in starts if begin <= began < end]
            return started == ["killed"] if started else any(begin <= at < end for at in dropped)

        if not received:  # a tick that finds the queue shut receives a few, and one that crashes has no line
            until, lines = life.sent_at + KEPT_SECONDS, world.lines.written
            ticks = [said for at, said in lines if said["message"] == "tick" and since <= at <= until]
            return [said["stopped"] for said in ticks] in ([], [UNAVAILABLE])  # the next is days away
        return all(was_no_chance(*each) for each in pairwise([*received, inf]))

    promises.check_every_message_ended(world, is_forgiven)


def check_letters_say_why(world: WideWorld, drawn: Drawn) -> None:
    """Every dead letter has a start, or it names the cause that no start could have helped."""
    for life in world.trail.lives:
        for letter in life.letters:
            named = any(re.search(cause, letter.reason) for cause in NO_START_HELPS)
            started = world.trail.touches(life.id) + in_vain(world, life.id)
            assert named or started, f"{life} never started, and is dead: {letter.reason}"


def check_letters_were_tried(world: WideWorld, drawn: Drawn) -> None:
    """A message that fails for good had all its attempts: no receive, and no outage, counts as one.

    An attempt whose task was not found, by a bad deploy, runs no code that would tell.
    """
    if drawn.has("bad deploy"):
        return
    for life in world.trail.lives:
        for letter in life.letters:
            said = re.match(r"failed after (\d+) attempt", letter.reason)
            if said is None or life.shares or re.search(NO_TASK, letter.reason):
                continue
            # A start that is taken back stays counted if another delivery of the message began meanwhile.
            twice = sum(world.faults.doubled[one] for one in life.message_ids)
            free = sum(is_free(world, life, start.process) for start in life.starts)
            tried = world.trail.touches(life.id) - free + in_vain(world, life.id) + twice
            assert tried >= int(said[1]), f"{life} was tried {tried} times: {letter.reason}"


def check_no_letter_after_a_success(world: WideWorld, drawn: Drawn) -> None:
    """A message that succeeded is no dead letter, with three exceptions.

    Its process was killed before it could settle that, its record could not be reached, or
    its lease was lost.
    """
    for life in world.trail.lives:
        if _is_doubled(world, life) or promises.times_unreached(world, life.id):
            continue
        lost = {one.process for id in life.message_ids for one in world.faults.unheld.get(id, ())}
        for start in life.starts:
            if start.how != "succeeded" or start.process in world.trail.killed | lost:
                continue
            late = [letter for letter in life.letters if letter.at > start.ended]
            assert not late, f"{life} had succeeded, and is dead: {late[0].reason}"


def check_reasons_are_true(world: WideWorld, drawn: Drawn) -> None:
    """A letter's reason has happened to its message."""
    for life in world.trail.lives:
        for letter in life.letters:
            if not _is_doubled(world, life):
                assert _is_true(letter, life, world, drawn), f"{life} is dead for no such reason: {letter}"


def _is_true(letter: Letter, life: Life, world: WideWorld, drawn: Drawn) -> bool:
    reason, sent = letter.reason, world.trail.sent[life.id]
    failed = any(start.how == "failed" for start in life.starts)
    if reason.startswith("rejected"):
        return failed and bool(sent.get("rejects"))
    if reason.endswith("ValueError: broken"):
        return failed
    if said := re.match(r"started (\d+|once)", reason):
        times = 1 if said[1] == "once" else int(said[1])
        unended = any(start.how == "killed" for start in life.starts) or in_vain(world, life.id)
        excused = world.trail.killed & life.touches.keys() or promises.times_unreached(world, life.id)
        lost = any(world.faults.unheld.get(id) for id in life.message_ids)
        tried = len(life.touches) + in_vain(world, life.id)
        return bool(tried >= times and (unended or excused or lost or "SQS would drop" in reason))
    if reason.startswith("not started in"):
        return drawn.has("bad deploy") or world.may_fail_to_load(sent["task"])
    if reason.startswith("SQS would drop"):
        return letter.at - life.sent_at >= KEPT_SECONDS - DROP_MARGIN_SECONDS - CLOCKS_DIFFER_SECONDS
    if said := re.match(r"received ([\d,]+) times", reason):
        most = max(len(world.trail.receives[id]) for id in life.message_ids)
        return most >= int(said[1].replace(",", ""))
    return True


def _is_doubled(world: WideWorld, life: Life) -> bool:
    """Tells whether another message, or another worker, may have had its start, or its letter."""
    return life.shares or len(life.message_ids) > 1 or any(map(world.faults.doubled.get, life.message_ids))


def check_starts_are_bounded(world: WideWorld, drawn: Drawn) -> None:
    """No message is started without end, no matter what its code does, or what can't be reached.

    While dead letters can't be stored, records are slow or away, or another message of its key has to end
    first, one is asked for its key each time that it comes: more often, and not without end either.
    A start that was held back after its user's code had ended well was asked for its key in addition.
    """
    reached = not any(width.startswith(("dead letters", "records")) for width in drawn.widths)
    # Starts that others of its batch left too little time for: in a group one, elsewhere one a delivery.
    behind = 1 if drawn.fifo else MAX_STARTS if drawn.options["batch_size"] > 1 else 0
    for life in world.trail.lives:
        doubled = sum(world.faults.doubled[one] for one in life.message_ids)
        most = (max(MAX_COUNTED, world.attempts) + 1 + behind) * len(life.message_ids) + doubled
        most += sum(is_free(world, life, start.process) for start in life.starts)
        assert len(life.starts) <= most, f"{life.id} was started {len(life.starts)} times, of {most}"
        most *= 1 if reached and not life.shares else ASKED_IN_VAIN
        most += len(life.message_ids)  # once more before it is given up, as it may be done
        most += sum(_is_held_back(process, life, world) for process in life.touches)
        if world.may_fail_to_load(world.trail.sent[life.id]["task"]):
            most += LOADS * len(life.message_ids)  # tries to load it, which have a count of their own
        assert len(life.touches) <= most, f"{life.id} was asked {len(life.touches)} times, of {most}"


def _is_held_back(process: int, life: Life, world: WideWorld) -> bool:
    """Tells whether a start was taken back for what its user's code has no part in.

    That code had ended well. After that another worker owned the run, or a fault struck the process: a slow
    call may take all the time that the function has left.
    """
    trail, faults = world.trail, world.faults
    if process not in life.prepared or not any((process, one) in trail.excused for one in life.message_ids):
        return False
    return (process, life.id) in trail.busy or faults.of_process[process] > life.prepared[process]


def check_attempts_are_kept(world: WideWorld, drawn: Drawn) -> None:
    """A task whose record can be reached runs once more than its policy says, at most."""
    for life in world.trail.lives:
        if life.shares or len(life.message_ids) > 1 or promises.times_unreached(world, life.id):
            continue
        doubled = sum(world.faults.doubled[one] for one in life.message_ids)
        most = (world.attempts + 1) * (1 + promises.began_anew(life)) + doubled
        most += sum(is_free(world, life, start.process) for start in life.starts)
        assert len(life.attempts) <= most, f"{life} started {len(life.attempts)} times, of {most}"


def check_nothing_overlaps(world: WideWorld, drawn: Drawn) -> None:
    """Two runs overlap only where the renewals of the very lease that forbids it failed.

    That is the message's for a plain task, and the record's for an idempotent one.
    A failure elsewhere is no excuse.
    """
    for id in world.trail.sent:
        if promises.is_idempotent(world, id):
            promises.check_one_after_the_other(world, id, world.trail.starts(id), promises.keys(world, id))
            continue
        for life in world.trail.of(id):
            if len(life.message_ids) == 1 and not any(map(world.faults.doubled.get, life.message_ids)):
                promises.check_one_after_the_other(world, id, life.starts, life.message_ids)


def check_nothing_done_is_repeated(world: WideWorld, drawn: Drawn) -> None:
    """Of an idempotent task, nothing starts once its completion is recorded."""
    promises.check_nothing_done_is_repeated(world)


def check_nothing_is_hot(world: WideWorld, drawn: Drawn) -> None:
    """No message is received more than once a second, unless SQS itself delivers it twice."""
    for message_id, times in world.trail.receives.items():
        hot = sum(other - one < 1 for one, other in pairwise(times))
        assert hot <= world.faults.doubled[message_id], f"{message_id} was received twice within a second"


def check_no_task_runs_too_late(world: WideWorld, drawn: Drawn) -> None:
    """A process that must end runs no code of another task."""
    assert not world.faults.too_late, world.faults.too_late[:3]


def check_a_poisoned_process_ends(world: WideWorld, drawn: Drawn) -> None:
    """A process that reaches nothing any more gets no other event."""
    assert not world.faults.spared, world.faults.spared[:3]


def check_the_cap(world: WideWorld, drawn: Drawn) -> None:
    """Fewer messages than twice the cap are received and not settled.

    Each further run within a minute may add one cap. Beyond that there is a tenth of the cap a run. A queue
    with an exact cap is bounded by its permits alone.
    """
    cap = drawn.options["in_flight_cap"]
    if not cap or drawn.at_once is not None or drawn.has("message doubled"):
        return
    fired = sorted(world.sandbox.fired)
    small = max(1, cap // 10)
    lives_for = drawn.options["worker_timeout_seconds"] + LEASE_SECONDS + EVENT_AGE_SECONDS
    for at, number in _peaks(world.trail.held.spans):
        runs = max(1, bisect_right(fired, at) - bisect_left(fired, at - 60 + 1e-3))
        long = max(1, bisect_right(fired, at) - bisect_left(fired, at - lives_for))
        most = cap * (1 + runs) + small * long
        assert number <= most, f"{number} in flight at {at}, of {most}: cap {cap}, {runs} runs in a minute"


def check_deploys_are_outlived(world: WideWorld, drawn: Drawn) -> None:
    """A message whose task is missing, or can't be imported, is not given up within an hour."""
    for life in world.trail.lives:
        for letter in life.letters:
            if not re.search(NO_TASK, letter.reason):
                continue
            since = min(at for one in life.message_ids for at in world.trail.receives[one])
            took = letter.at - since
            assert took >= DEPLOY_SECONDS, f"{life.id} was given up after {took:.0f} s: {letter.reason}"


def check_a_pause_holds(world: WideWorld, drawn: Drawn) -> None:
    """Nothing is received while the queue is paused, but by a poll that began before the pause was read.

    A read of the gates is older than a second only if it took longer, and a poll waits for 20 s at most.
    """
    slow = SLOWEST_CALL_SECONDS if drawn.has("old faults") else 0.0
    read = slow + (SLOW_SECONDS if drawn.has("records slow") else 0.0)
    poll = MAX_POLL_SECONDS + slow + (SLOW_SECONDS if drawn.has("queue slow") else 0.0)
    bound = max(LOOK_AGAIN_SECONDS, read) + poll
    for began, ended in world.pauses:
        late = [
            at - began
            for times in world.trail.receives.values()
            for at in times
            if began + bound < at < ended
        ]
        assert late == [], f"received {late} s after the pause began, of {bound} at most"


def check_the_exact_cap(world: WideWorld, drawn: Drawn) -> None:
    """No more run at once than there are permits, no matter what fails."""
    if drawn.at_once is not None:
        most = world.trail.most_at_once()
        assert most <= drawn.at_once, f"{most} ran at once, of {drawn.at_once}"


def check_the_rate(world: WideWorld, drawn: Drawn) -> None:
    """In no window of T seconds more tasks start than n (T + L + D) + burst.

    n is the rate, L how late a worker may start for its slot, D the most by which two clocks differ.
    """
    if drawn.rate is None:
        return
    every, burst = drawn.rate
    late = max(LATE_SECONDS, every) + (2 * CLOCKS_DIFFER_SECONDS if drawn.has("old faults") else 0.0)
    started = {process for life in world.trail.lives for process in life.touches}
    began = sorted(at for process, at in world.trail.began.items() if process in started)
    world.faults.struck["rate"] += len(began)
    for seconds in (0.0, 1.0, 10.0, 60.0, 600.0):
        most = int((seconds + late) / every + 1e-6) + burst
        for number, at in enumerate(began):
            inside = bisect_right(began, at + seconds) - number
            assert inside <= most, f"{inside} starts within {seconds} s of {at}, of {most}: {drawn.rate}"


def check_the_audit(world: WideWorld, drawn: Drawn) -> None:
    """An audit of the lines alone finds nothing.

    If a message came twice at once, and that worker was killed, no line tells of its start. Then the letter
    looks untried: `check_letters_were_tried` asks the trail. If it waited behind others of its batch, no line
    tells when it came: `check_nothing_overlaps` knows.
    """
    unseen = {UNTRIED, OVERLAPPING} if drawn.options["batch_size"] > 1 else {UNTRIED}
    doubled = world.faults.doubled
    promises.check_the_audit(world, lambda one: one.kind in unseen and doubled[one.message_id or ""] > 0)


def in_vain(world: WideWorld, id: str) -> int:
    """Returns how many starts of a task were recorded, and then a fault came before any of its code."""
    keys = promises.keys(world, id)
    return sum(key in keys for key, _ in world.faults.in_vain)


def _peaks(spans: Iterable[Span]) -> Iterable[tuple[float, int]]:
    """Yields when another one began, and how many there were then."""
    changes = sorted(
        change for span in spans for change in ((span.began, 1), (span.ended, -1)) if span.ended > span.began
    )
    number = 0
    for at, change in changes:
        number += change
        if change > 0:
            yield at, number


JUDGES: Mapping[str, Callable[[WideWorld, Drawn], None]] = {
    judge.__name__.removeprefix("check_").replace("_", " "): judge
    for judge in (
        check_every_message_ended,
        check_letters_say_why,
        check_letters_were_tried,
        check_no_letter_after_a_success,
        check_reasons_are_true,
        check_starts_are_bounded,
        check_attempts_are_kept,
        check_nothing_overlaps,
        check_nothing_done_is_repeated,
        check_nothing_is_hot,
        check_no_task_runs_too_late,
        check_a_poisoned_process_ends,
        check_the_cap,
        check_deploys_are_outlived,
        check_a_pause_holds,
        check_the_rate,
        check_the_exact_cap,
        *FLOW,
        check_the_audit,
    )
}

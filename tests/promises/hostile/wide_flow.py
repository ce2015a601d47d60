"""The promises of a queue's breaker, and of a rate that finds itself, in a wider world."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from tests.promises.hostile.said import Opened, Told
from tests.promises.hostile.trail import Life
from tests.promises.hostile.wide import Drawn
from tests.promises.hostile.wide_world import WideWorld

from consumer.flow.gate import LOOK_AGAIN_SECONDS, MAX_SWAP_SECONDS
from consumer.flow.gated import TRY_SECONDS
from consumer.flow.slots import AHEAD_SECONDS, LATE_SECONDS
from shared.ports.auto import CUT_EVERY_SECONDS
from shared.ports.breaker import CUTS_SECONDS, NEAR_SECONDS, PROBE_SECONDS, QUIET_SECONDS
from shared.ports.queue import MAX_POLL_SECONDS
from worker.flow.breaker import FIRST, FREE_RECEIVES
from zigzag_testing.faults import SLOWEST_CALL_SECONDS
from zigzag_testing.outages import SLOW_SECONDS
from zigzag_testing.sandbox import CLOCKS_DIFFER_SECONDS

WASTED = 6
"""Consumers in a row that may try a message and bring none, where their calls fail at random."""

RANDOM = ("old faults", "receive failed", "short poll misses")


def clocks(drawn: Drawn) -> float:
    """Returns by how much two clocks differ at most."""
    return 2 * CLOCKS_DIFFER_SECONDS if drawn.has("old faults") else 0.0


def slowness(drawn: Drawn, service: str) -> float:
    """Returns how much longer than it should a call of this service may take, at most."""
    random = SLOWEST_CALL_SECONDS if drawn.has("old faults") else 0.0
    return random + (SLOW_SECONDS if drawn.has(f"{service} slow") else 0.0)


def check_a_shut_queue_only_tries(world: WideWorld, drawn: Drawn) -> None:
    """Once enough messages have said Unavailable, one a minute is received, until one succeeds.

    Those that were received before it was known, and by polls under way then, count as one. When there are
    enough, polls under way go on as well: they may have read the gate before, and taken slots. A try waits
    for a message, for TRY_SECONDS.
    """
    receives = _receives(world)
    late = slowness(drawn, "records") + slowness(drawn, "queue")
    under_way = max(LOOK_AGAIN_SECONDS, slowness(drawn, "records")) + late + MAX_POLL_SECONDS
    after = (drawn.breaks.after if drawn.breaks else None) or PROBE_SECONDS
    between = max(1.0, min(PROBE_SECONDS - TRY_SECONDS, after - LOOK_AGAIN_SECONDS) - clocks(drawn))
    for shut, until in _times_shut(world, drawn):
        tries = receives[bisect_right(receives, shut + under_way) : bisect_left(receives, until)]
        world.faults.struck["breaker"] += len(tries)
        for number, at in enumerate(tries, 1):
            most = int((at - tries[0] + late) / between + 1e-6) + 1
            assert number <= most, f"{number} received by {at}, of {most}: shut from {shut} to {until}"


def _times_shut(world: WideWorld, drawn: Drawn) -> Iterator[tuple[float, float]]:
    """Yields from when until when the queue must be shut, by what its tasks have said.

    The longest time that it may be shut runs from the first of them at the earliest, if there was no hour
    without any, in which it was open.
    """
    slow = slowness(drawn, "records") + clocks(drawn)
    known = max(LOOK_AGAIN_SECONDS, slow) + MAX_POLL_SECONDS + slowness(drawn, "queue")
    patience = CUTS_SECONDS + clocks(drawn) if drawn.auto else 0.0
    since = last = -inf
    begun, shut, over, names = inf, inf, -inf, set[str]()
    for one in (*_in_order(world), Opened(inf, inf)):
        if isinstance(one, Opened):
            if shut < inf and one.received_at < begun - NEAR_SECONDS - clocks(drawn):
                continue  # it began before all that, so it does not count
            if shut < min(one.at, over):
                yield shut, min(one.at, over)
            begun, shut, names = inf, inf, set()
            last = -inf if one.resumed else last
            continue
        if begun == inf and one.at - last > QUIET_SECONDS + slow:
            since = one.at
        begun, last = min(begun, one.at), one.at
        if one.received_at > begun + known:
            names.add(f"{one.process}" if one.name == FIRST else one.name)
        if len(names) >= one.gate.breaker.trip and one.at >= begun + patience and shut == inf:
            shut, over = one.at, since + one.gate.breaker.longest - slow


def _in_order(world: WideWorld) -> list[Told | Opened]:
    return sorted((*world.said.told, *world.said.opened), key=lambda one: one.at)


def check_it_is_never_shut_for_longer(world: WideWorld, drawn: Drawn) -> None:
    """An Unavailable uses up no attempt, for `longest` at most, until it is quiet for an hour."""
    slow = slowness(drawn, "records") + clocks(drawn)
    since = last = -inf
    enough: list[float] = []
    for told in _in_order(world):
        if isinstance(told, Opened):
            since, last = (-inf, -inf) if told.resumed else (since, last)
            continue
        breaker = told.gate.breaker
        if breaker.last < told.at - slow:  # not enough have said it
            continue
        since, last = since if told.at - last <= QUIET_SECONDS - slow else told.at, told.at
        enough.append(told.at)
        lasts = told.at - since
        if breaker.is_shut(max(breaker.begun, told.at - slow)):
            late = 2 * slow  # the first word may be written so late, and the last one's clock be behind
            assert lasts <= breaker.longest + late, f"shut for {lasts} s at {told.at}"
        began = bisect_left(enough, breaker.since - slow)
        assert enough[began] <= breaker.since + slow, f"it was not shut at {breaker.since}"


def check_tries_use_up_no_attempt(world: WideWorld, drawn: Drawn) -> None:
    """An Unavailable while the queue is shut is no attempt, if its record can be reached.

    A first delivery's start is not counted until it has failed, so nothing of it is taken back. Of deliveries
    at the same time, one takes back for all.
    """
    if drawn.has("message doubled"):
        return
    slow = slowness(drawn, "records") + clocks(drawn)
    away = [one for one in world.outages if one.service == "records"]
    free = {
        told.process
        for told in world.said.told
        if all(told.gate.breaker.is_shut(at) for at in (told.at, told.at + slow))
        and not world.faults.of_process[told.process]
        and not any(one.began - slow <= told.at <= one.ended + slow for one in away)
    }
    open_in = {told.process for told in world.said.told if not _may_be_shut(told, 0.0)}
    for life in (life for life in world.trail.lives if not life.shares):
        for start in life.starts[1:]:
            if start.how == "unavailable" and start.process in free - open_in - world.trail.killed:
                assert is_free(world, life, start.process), f"{life.id} used up an attempt: {start}"


def check_refusals_are_free_for_a_while(world: WideWorld, drawn: Drawn) -> None:
    """With a rate that finds itself, a refusal is no attempt, but for so many receives only."""
    slow = slowness(drawn, "records") + clocks(drawn)
    shut_in = {told.process for told in world.said.told if _may_be_shut(told, slow)}
    for life in world.trail.lives:
        free = sum(one.process not in shut_in for one in life.starts if is_free(world, life, one.process))
        most = FREE_RECEIVES * len(life.message_ids) if drawn.auto else 0
        assert free <= most, f"{life.id} was refused {free} times, of {most}, and these are no attempts"


def _may_be_shut(told: Told, slow: float) -> bool:
    """Tells whether the queue was shut when a task told its Unavailable, by a clock that may be wrong."""
    breaker = told.gate.breaker
    return any(breaker.is_shut(at) for at in (max(breaker.begun, told.at - slow), told.at, told.at + slow))


def is_free(world: WideWorld, life: Life, process: int) -> bool:
    """Tells whether a message's start in this process was refused by the service, and is no attempt."""
    refused = any(one.process == process and one.how == "unavailable" for one in life.starts)
    names = life.message_ids | life.tokens  # a redriven message's starts are counted by its token
    return refused and any((process, name) in world.trail.excused for name in names)


def check_tries_are_made(world: WideWorld, drawn: Drawn) -> None:
    """A consumer that may try a message, while some wait, receives one: unless its calls fail."""
    receives = _receives(world)
    soon = TRY_SECONDS + slowness(drawn, "records") + slowness(drawn, "queue") + 1
    most = WASTED if any(map(drawn.has, RANDOM)) else 0
    wasted, seen = 0, set[int]()
    for look in world.said.looks:
        harmed = any(one.began - soon <= look.at <= one.ended + soon for one in world.outages)
        if look.consumer in seen or harmed:
            continue
        seen.add(look.consumer)
        received = bisect_right(receives, look.at + soon) - bisect_left(receives, look.at - soon)
        wasted = 0 if received else wasted + 1
        assert wasted <= most, f"{wasted} consumers in a row could try a message, and did not, by {look.at}"


def check_it_is_back_in_a_minute(world: WideWorld, drawn: Drawn) -> None:
    """Once the service is back, and all else is well, a task succeeds within a minute and a tick.

    A message that is tried and ends without a call of the service costs another minute and a tick. The first
    success opens the queue.
    """
    if world.back is None or drawn.has("schedule") or drawn.breaks is None:
        return
    back, gate = world.back
    if not gate.breaker.is_shut(back + QUIET_SECONDS):
        return
    world.faults.struck["back"] += 1
    accepted = min((at for at, _ in world.said.accepted if at >= back), default=inf)
    others = [at for at in _receives(world) if back <= at < accepted]
    each = max(PROBE_SECONDS, drawn.breaks.after or 0.0) + 60 + drawn.breaks.takes
    waited = accepted - back
    assert waited <= each * max(1, len(others)), f"the first success {waited} s after its return"
    opened = [one.at for one in world.said.opened if one.at >= back]
    ended = [
        start.ended
        for life in world.trail.lives
        for start in life.starts
        if start.how == "succeeded"
        and world.trail.received[start.process] >= back
        and start.process not in world.faults.poisoned  # it can't tell the gate
    ]
    succeeded = min(ended, default=inf)
    if succeeded >= gate.breaker.since + gate.breaker.longest:
        return  # it was open for that, and another message may have shut it anew
    assert min(opened, default=inf) <= succeeded + 1, f"a task succeeded at {succeeded}, and it is shut"


def check_the_rate_finds_itself(world: WideWorld, drawn: Drawn) -> None:
    """It is cut seldom, and in no window of T seconds more tasks start than n (T + L + D) + 1.

    n is the quickest rate of that time, and of the time before it in which its slots were taken.
    """
    if drawn.auto is None:
        return
    for before, after in pairwise(world.said.cuts):
        assert after.at - before.at >= CUT_EVERY_SECONDS, f"cut at {before.at} and at {after.at}"
    started = {process for life in world.trail.lives for process in life.touches}
    began = sorted(at for process, at in world.trail.began.items() if process in started)
    world.faults.struck["auto"] += len(world.said.cuts)
    times = [at for at, _ in world.said.rates]
    for seconds in (0.0, 1.0, 10.0, 60.0):
        for number, at in enumerate(began):
            late = max(LATE_SECONDS, drawn.auto.slowest) + AHEAD_SECONDS + slowness(drawn, "records")
            first = max(0, bisect_right(times, at - late - clocks(drawn)) - 1)
            last = bisect_right(times, at + seconds)
            every = min(one for _, one in world.said.rates[first : max(last, first + 1)])
            assert drawn.auto.fastest <= every <= drawn.auto.slowest, f"one each {every} s: {drawn.auto}"
            most = int((seconds + max(LATE_SECONDS, every) + clocks(drawn)) / every + 1e-6) + 1
            inside = bisect_right(began, at + seconds) - number
            assert inside <= most, f"{inside} starts within {seconds} s of {at}, of {most}: {every} s each"


def check_no_task_starts_after_its_slot(world: WideWorld, drawn: Drawn) -> None:
    """A slot is taken before the receive, for a second ahead at most. It ends, however late its event is."""
    every = drawn.auto.slowest if drawn.auto else drawn.rate.every if drawn.rate else inf
    write = min(MAX_SWAP_SECONDS, slowness(drawn, "records"))
    most = max(LATE_SECONDS, every) + AHEAD_SECONDS + write + clocks(drawn)
    for life in world.trail.lives:
        for process in life.touches:
            late = world.trail.began[process] - world.trail.received[process]
            assert late <= most, f"{life.id} started {late} s after its receive, of {most} s: {process}"


def _receives(world: WideWorld) -> list[float]:
    return sorted(at for times in world.trail.receives.values() for at in times)


FLOW = (
    check_a_shut_queue_only_tries,
    check_it_is_never_shut_for_longer,
    check_tries_use_up_no_attempt,
    check_refusals_are_free_for_a_while,
    check_tries_are_made,
    check_it_is_back_in_a_minute,
    check_the_rate_finds_itself,
    check_no_task_starts_after_its_slot,
)
"""The judges of a queue's flow."""

"""A wider world from a seed: what it has is drawn, it is lived in, and judged.

Of each width (a kind of thing that the narrow world has not) about a third of all worlds have some.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from tests.promises.hostile.service import UNLIMITED, Service
from tests.promises.hostile.wide_world import FOR_EVER, IMPORTED, TEXTS, Calls, WideWorld, padding

from shared.ports.auto import Auto
from shared.ports.gates import Rate
from zigzag_testing.faults import OF_A_WIDER_WORLD, POISONED
from zigzag_testing.outages import HOWS, OUTAGES, SERVICES, Outage
from zigzag_testing.schedules import DAY, HOUR, MINUTE, Schedule, every, office_hours

SOME, MANY, FEW, LIMITED = 400, 1_600, 200, 100
"""Messages of a world: some or many; few where each starts up to 30 times; and fewer still with a limit, as
then the limit sets how long the world lives."""

MAX_LIFE_SECONDS = 30 * DAY

CODE = ("slow code", "very slow code", "hanging code", "killing code", "stubborn code")
TAKES_SECONDS = {
    "slow code": (5, 50),
    "very slow code": (127, 300),
    "hanging code": (FOR_EVER,),
    "killing code": (0, 5),
}
"""How long an import, a check or a key function takes. 127 s is Linux's own time-out of a connection."""

OTHERS = (
    "late count",
    "long tasks",
    "schedule",
    "short time-out",
    "large body",
    "operator",
    "bad deploy",
    POISONED,
    "old faults",
    "pause",
    "rate",
    "cap",
    "auto",
    "breaker",
)
WIDTHS = (*OUTAGES, *OF_A_WIDER_WORLD, *CODE, *OTHERS)
"""Each kind of thing that a wider world may have, and the narrow one has not."""

OLD_FAULTS = {
    "invoke throttled": 0.02,
    "invoke failed": 0.02,
    "event dropped": 0.02,
    "event late": 0.05,
    "call slow": 0.1,
    "crash before a call": 0.01,
    "crash after a call": 0.01,
    "crash of a task": 0.01,
    "clock off": 0.2,
}
"""Of the narrow world's: what takes no lease away, and doubles nothing."""

SELDOM = {"crash before a call": 0.001, "crash after a call": 0.001}
"""By a schedule with gaps, a consumer that crashes is back a day later. If most runs crashed, the queue would
never be empty, and what nobody receives in 14 days is dropped."""

LIMITS = (0.5, 2.0, 6.0)
"""Calls a second that a service takes which has a limit."""

RATES = (Rate(0.1, 10), Rate(0.5, 5), Rate(2, 1), Rate(6, 3))


class Breaks(NamedTuple):
    """The breaker of a queue, and the times at which the service is away that its tasks call.

    trip, longest -- as `Sandbox.break_at` takes them.
    takes, after  -- as `Calls` has them.
    away          -- from when until when, in seconds from the beginning.
    """

    trip: int | None
    longest: float | None
    takes: float
    after: float | None
    away: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Drawn:
    """A world's parts, apart from its seed."""

    seed: int
    widths: frozenset[str]
    fifo: bool
    messages: int
    options: Mapping[str, Any]
    rate: Rate | None = None
    at_once: int | None = None
    breaks: Breaks | None = None
    auto: Auto | None = None

    def has(self, width: str) -> bool:
        return width in self.widths


@dataclass(frozen=True)
class Judged:
    """One wider world: what happened, and each promise that it broke, by its judge's name."""

    drawn: Drawn
    lives: int
    starts: int
    dead: int
    struck: Counter[str]
    broken: Mapping[str, str]


def draw(seed: int, *, messages: int | None = None) -> Drawn:
    """Draws a world's widths and its stack, and how many messages it has if that is not said."""
    # Each width by a chance of its own: a new one leaves the others as they are.
    widths = {width for width in WIDTHS if Random(f"{seed} {width}").random() < 0.3}
    random = Random(f"{seed} stack")
    options = {
        "concurrency": random.choice([None, None, 20, 50]),
        "batch_size": random.choice([1, 3, 10]),
        "in_flight_cap": random.choice([0, 5, 50, 200]),
        **random.choice([{}, {}, {"linger_seconds": 10}, {"watch_always": True}]),
        "superseded_handles_act": random.random() < 0.5,
        "worker_timeout_seconds": random.choice([10, 15] if "short time-out" in widths else [60, 300, 900]),
    }
    options["attempts"] = Random(f"{seed} attempts").choice((1, 3, 3, 30))
    fifo = random.random() < 0.35
    if "late count" in widths:
        options["count_late_seconds"] = random.uniform(1, 60)
    rate = None
    if "rate" in widths and not fifo and "schedule" not in widths:
        rate = Random(f"{seed} rate").choice(RATES)
    at_once = None
    if "cap" in widths and not fifo and "schedule" not in widths:
        at_once = Random(f"{seed} cap").choice((5, 10, 30))
    breaks, auto = _breaks(seed, widths), _auto(seed, widths, fifo)
    if auto is not None:
        rate = None
    if "pause" in widths or rate or at_once or breaks or auto:
        options["flow_control"] = True
        if "schedule" not in widths:
            options |= _consumers(seed)
    if messages is None:
        many = Random(f"{seed} messages").choice((SOME, MANY))
        limited = rate or at_once or breaks or auto
        messages = LIMITED if limited else FEW if options["attempts"] > 3 else many
    if "schedule" in widths:
        options["schedule"] = _schedule(random, fifo)
        # A limit of any kind, in runs of three days between them, can't keep up with what is sent.
        options |= {"in_flight_cap": 0, "concurrency": None, "batch_size": 1}
    return Drawn(seed, frozenset(widths), fifo, messages, options, rate, at_once, breaks, auto)


def _consumers(seed: int) -> dict[str, Any]:
    """Draws how many consumers overlap, one to four; each lives for 75 s."""
    consumers = Random(f"{seed} consumers").choice((1, 1, 2, 3, 4))
    return {} if consumers == 1 else {"schedule": every(75 / consumers), "watch_always": True}


def _breaks(seed: int, widths: Set[str]) -> Breaks | None:
    if "breaker" not in widths:
        return None
    random = Random(f"{seed} breaker")
    longest = 5 if "schedule" in widths else 4  # tries come more seldom then
    began = sorted(random.uniform(0, 3 * HOUR) for _ in range(random.choice((1, 1, 2, 3))))
    return Breaks(
        random.choice((None, 1, 3)),
        random.choice((None, 10 * MINUTE, HOUR / 2)),
        random.choice((0.2, 2.0, 10.0)),
        random.choice((None, None, 5.0, 300.0)),
        [(at, at + 10 ** random.uniform(2, longest)) for at in began],
    )


def _auto(seed: int, widths: Set[str], fifo: bool) -> Auto | None:
    if "auto" not in widths or fifo or "schedule" in widths:
        return None
    return Random(f"{seed} auto").choice((Auto(), Auto(1, 0.25), Auto(20, 0.1)))


def _calls(drawn: Drawn, world: WideWorld) -> Calls | None:
    """Returns the service that all tasks call, if there is one, and how they do."""
    if drawn.breaks is None and drawn.auto is None:
        return None
    breaks = drawn.breaks or Breaks(None, None, 0.2, None, ())
    random, began = Random(f"{drawn.seed} limits"), world.sandbox.clock.now()
    limits = [random.choice(LIMITS) if drawn.auto else UNLIMITED for _ in range(100)]
    world.away += [(began + since, began + until) for since, until in breaks.away]

    def limit(now: float) -> float:
        if any(since <= now < until for since, until in world.away):
            return 0.0
        return limits[int((now - began) / (HOUR / 4)) % len(limits)]

    return Calls(Service(limit), breaks.takes, breaks.after)


def judge(drawn: Drawn, judges: Mapping[str, Callable[[WideWorld, Drawn], None]]) -> Judged:
    """Lives in one world, and asks each judge."""
    logging.disable(logging.CRITICAL)
    random = Random(f"{drawn.seed} life")
    world = _begin(drawn, random)
    try:
        broken = {}
        try:
            _live(world, drawn, random)
        except (AssertionError, TimeoutError) as error:
            broken["it ends"] = str(error)
        for name, asked in judges.items():
            try:
                asked(world, drawn)
            except AssertionError as error:
                broken[name] = str(error)[:1000]
        lives = world.trail.lives
        starts = sum(len(life.starts) for life in lives)
        dead = len(world.sandbox.dead_letters)
        return Judged(drawn, len(lives), starts, dead, world.faults.struck, broken)
    finally:
        world.close()


def _begin(drawn: Drawn, random: Random) -> WideWorld:
    rates = {kind: random.choice([0.02, 0.2]) for kind in OF_A_WIDER_WORLD if drawn.has(kind)}
    if drawn.has("old faults"):
        rates |= OLD_FAULTS | (SELDOM if drawn.has("schedule") else {})
    imports = {name: _takes(drawn, random, often=True) for name in IMPORTED}
    world = WideWorld(rates, imports, seed=drawn.seed, fifo=drawn.fifo, **drawn.options)
    if drawn.rate:
        world.sandbox.limit(*drawn.rate)
    world.faults.struck["cap"] += drawn.at_once is not None
    if drawn.at_once:
        world.sandbox.limit_at_once(drawn.at_once)
    if drawn.auto:
        world.sandbox.limit_by_itself(drawn.auto.slowest, drawn.auto.fastest)
    if drawn.breaks:
        world.sandbox.break_at(drawn.breaks.trip, drawn.breaks.longest)
    world.calls = _calls(drawn, world)
    now = world.sandbox.clock.now()
    outages = [(service, how) for service in SERVICES for how in HOWS if drawn.has(f"{service} {how}")]
    for service, how in outages:
        chance = Random(f"{drawn.seed} {service} {how}")
        began, lasts = now + chance.uniform(0, HOUR / 2), 10 ** chance.uniform(1, 3.55)
        share = chance.choice([1.0, 0.2])
        world.outages.append(Outage(service, how, began, began + lasts, share))
    world.faults.outages.plan(world.outages)
    return world


def _schedule(random: Random, fifo: bool) -> Schedule:
    """Draws a schedule. A FIFO queue has no days between ticks: behind a failure, messages would expire."""
    match random.randrange(2 if fifo else 4):
        case 0:
            return every(MINUTE * random.choice([2, 5, 10, 30]))
        case 1:
            return every(HOUR * random.choice([1, 2, 6, 12]))
        case 2:
            return every(DAY * random.choice([1, 2, 3]))
        case _:
            return office_hours(random.choice([1, 5, 30]))


def _live(world: WideWorld, drawn: Drawn, random: Random) -> None:
    sandbox = world.sandbox
    while len(world.trail.sent) < drawn.messages:
        for _ in range(random.randint(1, 25)):
            send(world, drawn, random)
        step = MINUTE * random.randint(1, 8)
        if drawn.has("schedule") and random.random() < 0.3:
            step = random.choice([HOUR, DAY])
        sandbox.run_for(step)
        if drawn.has("operator") and random.random() < 0.2:
            random.choice([sandbox.redrive, lambda: world.trail.purge(sandbox)])()
            world.disable_for(random.choice([MINUTE, HOUR, 6 * HOUR]))
        if drawn.has("bad deploy") and random.random() < 0.3:
            world.deploy_badly_for(random.choice([MINUTE, 10 * MINUTE, 50 * MINUTE]), random)
        if drawn.has("pause") and random.random() < 0.4:
            sandbox.run_for(random.uniform(0, 2 * MINUTE))
            longest = HOUR if drawn.has("schedule") else 6 * HOUR  # the gaps are there already
            world.pause_for(random.choice([5 * MINUTE, HOUR, longest]))
    ends = max((one.ended for one in world.outages), default=0.0)
    sandbox.run_for(max(HOUR / 2, ends - sandbox.clock.now() + HOUR / 2))
    world.faults.stop()
    if drawn.breaks:
        _be_away_once_more(world, drawn, random)
    sandbox.run(max_seconds=MAX_LIFE_SECONDS)


def _be_away_once_more(world: WideWorld, drawn: Drawn, random: Random) -> None:
    """Has the service be away for half an hour in which nothing else goes wrong, and be back."""
    sandbox = world.sandbox
    sandbox.run_for(HOUR / 2)
    now = sandbox.clock.now()
    world.away.append((now, now + HOUR / 2))
    for _ in range(60):
        send(world, drawn, random)
    sandbox.run_for(HOUR / 2)
    waits = sandbox.queue.next_visible_at()
    if waits is not None and waits <= sandbox.clock.now():
        world.back = sandbox.clock.now(), world.said.gate


def send(world: WideWorld, drawn: Drawn, random: Random) -> None:
    """Sends one message, or some under one id."""
    if random.random() < 0.01:
        size = 10 ** random.randint(1, 5)
        world.send_bad(padding(random, size, TEXTS[:-2]) if drawn.has("large body") else "no JSON")
        return
    name = random.choice(["plain", "plain", "once", "once", "by_key", "by_key", "checked", *IMPORTED[:1]])
    if name in IMPORTED:
        name = random.choice(IMPORTED)
    does = _does(drawn, random)
    if random.random() < 0.05 and name in ("by_key", "checked"):
        does["key" if name == "by_key" else "check"] = _takes(drawn, random)
    if world.calls is not None and random.random() < 0.02:
        does["poison"] = True
    if drawn.has("large body") and random.random() < 0.02:
        does["padding"] = padding(random, int(10 ** random.uniform(3, 6)))
    group = f"group-{random.randint(1, 30)}" if world.fifo else None
    times = 2 if name in ("once", "by_key") and random.random() < 0.1 else 1
    world.send(name, group=group, times=times, **does)


def _does(drawn: Drawn, random: Random) -> dict[str, Any]:
    """Draws what a task does."""
    takes = [50, 200, 500] if drawn.has("long tasks") else [0, 0, 0, 0, 0, 0, 0, 1, 5, 10, 50, 200, 500]
    does: dict[str, Any] = {"seconds": random.choice(takes)}
    fate = random.random()
    if fate < 0.15:
        does["fails"] = random.choice([1, 2, 3, 99])
    elif fate < 0.18:
        does["crashes"] = random.choice([1, 2, 99])
    elif fate < 0.22:
        does["rejects"] = random.choice([1, 99])
    elif fate < 0.25 and drawn.has("stubborn code"):
        does |= {"blocks": random.choice([50, 200, FOR_EVER]), "stubborn": True}
    elif fate < 0.28 and drawn.has("slow code"):
        does["blocks"] = random.choice([5, 50, 200])
    elif fate < 0.31 and drawn.has(POISONED):
        # Others of its batch may start before it is settled, or after. Its lease may be over by then.
        does |= {"seconds": random.choice([0, 5, 200]), "fails": random.choice([0, 0, 1])}
        does |= {"poisons": random.choice([1, 3, FOR_EVER]), "how": random.choice(["away", "silent"])}
    return does


def _takes(drawn: Drawn, random: Random, *, often: bool = False) -> dict[str, Any] | None:
    """Draws what happens before a task's first line, if anything.

    often -- of a module, which many messages need: then few imports are bad.
    """
    kinds = [kind for kind in CODE[:-1] if drawn.has(kind)]
    if not kinds:
        return None
    kind = random.choice(kinds)
    seconds = random.choice(TAKES_SECONDS[kind])
    if kind in ("slow code", "very slow code"):  # but not so slow that it is killed for it
        seconds = min(seconds, 0.8 * drawn.options["worker_timeout_seconds"])
    takes: dict[str, Any] = {"seconds": seconds, "ends": "well"}
    if kind == "killing code":
        takes["ends"] = "kills"
    elif random.random() < 0.4:
        takes["ends"] = "raises"
    takes["times"] = random.choice([1, 3, 20] if often else [1, 2, FOR_EVER])
    takes["stubborn"] = drawn.has("stubborn code") and random.random() < 0.5
    return takes

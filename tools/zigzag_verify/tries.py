"""Tries all stacks at the same time: sends while they are paused, lets go, and looks until all is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.audit import audit_of_stack
from zigzag_operate.audit.runs import CLOCKS_SECONDS
from zigzag_operate.errors import OperateError
from zigzag_verify.clock import Clock
from zigzag_verify.door import Door, is_refused
from zigzag_verify.names import SETTINGS
from zigzag_verify.plan import TRY_SECONDS, Uses
from zigzag_verify.questions import answers
from zigzag_verify.readings import LARGEST, MAX_PAGES, readings
from zigzag_verify.seen import Stack
from zigzag_verify.stacks import Made, parameters
from zigzag_verify.staged import (
    LARGE,
    LARGE_BYTES,
    LETTER_LOOKS,
    REDRIVES,
    UNDER_WAY_SECONDS,
    Rated,
    plain_trials,
)
from zigzag_verify.trials import BROKEN, KEPT, NOT_IN_TIME, Verdict

PAUSED_SECONDS = 15
"""For so long nothing may start, from the first send on."""

LOOK_SECONDS = 5
SLOW = ("killed", "long", "one id twice", "a redrive killed in its middle")
"""The rate is tried while these go on: they send nothing, or wait for a lease."""

AUDIT = "the audit"

LOGGED_SECONDS = 15
"""CloudWatch shows a line some seconds later."""


class Tried:
    """The trials of one stack.

    paused -- the verdict on the pause, before which nothing starts.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.trials = [one for one in plain_trials() if one.fifo in (None, stack.made.is_fifo)]
        self.rated = None if stack.made.is_fifo else Rated()
        self.paused: Verdict | None = None

    def begin(self) -> None:
        for trial in self.trials:
            trial.begin(self.stack)

    def let_go(self) -> None:
        seen = self.stack.look()
        started = sum(map(len, seen.starts.values()))
        figures = {"starts while paused": started, "messages that wait": seen.left}
        self.paused = Verdict(BROKEN if started else KEPT, figures)
        self.stack.gates.resume()

    def look(self, now: float) -> bool:
        """Returns whether all is judged."""
        seen = self.stack.look()
        open_ones = [trial for trial in self.trials if trial.verdict is None]
        for trial in open_ones:
            trial.look(self.stack, seen, now)
        if self.rated and not self.rated.verdict and all(one.name in SLOW for one in open_ones):
            self.rated.look(self.stack, seen, now)
        return not open_ones and (self.rated is None or self.rated.verdict is not None)

    def verdicts(self) -> dict[str, Verdict]:
        """Returns the verdict of each trial. One that could not be judged was not in time."""
        found = {trial.name: trial.verdict for trial in self.trials} | {"pause": self.paused}
        if self.rated:
            found["a rate"] = self.rated.verdict
        return {name: one or Verdict(NOT_IN_TIME, {}) for name, one in found.items()}


def tries(
    door: Door, made: Mapping[str, Made], clock: Clock, until: float, say: Callable[[str], object]
) -> dict[str, Any]:
    """Returns the verdicts of each stack, by its short name."""
    tried = {setting: Tried(Stack(door, one)) for setting, one in made.items()}
    began = clock.now()
    answered: dict[str, Any] = {}
    say("pauses the queues, and asks what only AWS can answer")
    for one in tried.values():
        one.stack.gates.pause()
    with _at_least(UNDER_WAY_SECONDS, clock):
        answered |= _answers(tried, clock, fifo=False)
    say("sends the tasks, while the queues are paused")
    with _at_least(PAUSED_SECONDS, clock):
        for one in tried.values():
            one.begin()
        answered |= _answers(tried, clock, fifo=True)
    for one in tried.values():
        one.let_go()
    say("looks what becomes of them: four minutes, for a killed task's lease")
    while clock.now() < until:
        judged = [_looked(one, clock) for one in tried.values()]
        if all(judged):
            break
        clock.sleep(LOOK_SECONDS)
    say("reads the logs")
    clock.sleep(LOGGED_SECONDS if door.is_aws else 0)
    read = {setting: _read(one) for setting, one in tried.items()}
    verdicts = {
        setting: _with_receive(one.verdicts(), read[setting]) | _audited(one, began, clock)
        for setting, one in tried.items()
    }
    return {
        "verdicts": {
            setting: {name: one._asdict() for name, one in some.items()} for setting, some in verdicts.items()
        },
        "answers": answered,
        "readings": read,
    }


@contextmanager
def _at_least(seconds: float, clock: Clock) -> Iterator[None]:
    """Ends no sooner than so many seconds after its begin."""
    until = clock.now() + seconds
    yield
    clock.sleep(max(0.0, until - clock.now()))


def _answers(tried: Mapping[str, Tried], clock: Clock, *, fifo: bool) -> dict[str, Any]:
    """Returns what a queue of that kind answers, if there is one."""
    stack = next((one.stack for one in tried.values() if one.stack.made.is_fifo is fifo), None)
    return answers(stack, clock) if stack else {}


def _looked(tried: Tried, clock: Clock) -> bool:
    """Returns whether all is judged. A call that fails now is made again at the next look, unless refused."""
    try:
        return tried.look(clock.now())
    except (BotoCoreError, ClientError) as error:
        if is_refused(error):
            raise
    except OperateError:  # the next look tells
        pass
    return False


def _audited(tried: Tried, began: float, clock: Clock) -> dict[str, Verdict]:
    """Returns what an audit of the stack's lines says, as of any stack."""
    try:
        report = audit_of_stack(tried.stack.target, began - CLOCKS_SECONDS, clock.now())
    except (BotoCoreError, ClientError, OperateError, LookupError, TypeError, ValueError):
        return {AUDIT: Verdict(NOT_IN_TIME, {})}
    findings = [f"{one.kind}, {one.id}: {one.said}" for one in report.findings]
    told = {"deliveries": report.deliveries, "findings": findings, "possible duplicates": report.causes}
    told["not told by the lines"] = report.unknown
    state = BROKEN if findings else KEPT if report.deliveries else NOT_IN_TIME
    return {AUDIT: Verdict(state, {name: one or "none" for name, one in told.items()})}


def _with_receive(verdicts: dict[str, Verdict], read: Mapping[str, Any]) -> dict[str, Verdict]:
    """Adds how many of the large messages came in one receive, by the ticks' lines. SQS may bring fewer than
    wait. A consumer that its memory has ended writes no line."""
    if LARGE in verdicts:
        state, figures = verdicts[LARGE]
        most = read.get("ticks", {}).get(LARGEST, 0) // LARGE_BYTES
        verdicts[LARGE] = Verdict(state, {**figures, "in one receive, at most": most})
    return verdicts


def _read(tried: Tried) -> dict[str, Any]:
    try:
        return readings(tried.stack)
    except (BotoCoreError, ClientError, LookupError, TypeError, ValueError) as error:
        return {"not read": f"{type(error).__name__}: {error}"}


def uses() -> Uses:
    """Returns what the trials use at most."""
    calls: Counter[str] = Counter()
    messages, requests, seconds = 0, 0, 0.0
    looks = TRY_SECONDS // LOOK_SECONDS + 3
    for setting in SETTINGS:
        is_fifo = parameters(setting).get("Fifo") == "true"
        trials = [one for one in plain_trials() if one.fifo in (None, is_fifo)]
        sent = sum(len(one.messages) for one in trials) + 2 + (0 if is_fifo else len(Rated().ids))
        large = sum(len(one.messages) for one in trials if one.name == LARGE)
        messages += sent
        seconds += sum(one.seconds for one in trials) + 10
        requests += (sent + 15 * large) * 8  # its send, receives, beats, delete, letter
        acts = LETTER_LOOKS + REDRIVES
        calls += Counter({"sqs:SendMessage": sent + 3 * REDRIVES + 20, "dynamodb:PutItem": REDRIVES})
        calls += Counter({"dynamodb:Scan": looks, "sqs:GetQueueAttributes": looks + 4 * acts + 20})
        calls += Counter({"sqs:ReceiveMessage": 30 * acts + 20, "sqs:ChangeMessageVisibility": 10 * acts})
        calls += Counter(
            {"sqs:DeleteMessage": 4 * REDRIVES + 20, "cloudformation:DescribeStacks": 4 * acts + 20}
        )
        calls += Counter({"logs:FilterLogEvents": 4 * MAX_PAGES, "lambda:InvokeFunction": 4})
        of_gates = ("dynamodb:UpdateItem", "dynamodb:BatchGetItem", "cloudwatch:GetMetricData")
        noted = "sts:GetCallerIdentity"  # who pauses, limits and redrives
        calls += Counter(dict.fromkeys((*of_gates, noted), 20)) + Counter({"sqs:SetQueueAttributes": 1})
    return Uses(calls, messages, requests, seconds, writes=messages * 12)


def was_kept(found: Mapping[str, Any]) -> bool:
    """Returns whether every verdict of what `tries` returned is that a promise was kept."""
    verdicts = [one for some in found.get("verdicts", {}).values() for one in some.values()]
    return bool(verdicts) and all(one["state"] == KEPT for one in verdicts)

"""The dead letters of a stack: their groups, and the newest ones. Nothing is changed.

Needs the permissions `cloudformation:DescribeStacks`, `sqs:GetQueueAttributes`, `sqs:ReceiveMessage` and
`sqs:ChangeMessageVisibility`; with a key of one's own, `kms:Decrypt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from typing import Any

from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.letters import Letter, letter_of
from zigzag_operate.looking import LOOK_SECONDS, Look, look
from zigzag_operate.reasons import NORMALISER
from zigzag_operate.target import Target

MAX_SHOWN = 100
"""Most letters that are shown at once: each may have a body of 1 MiB."""

FIRST = 100
"""So many letters are told of while a look at more goes on."""

_MAX_GROUPS, _MAX_TASKS = 1_000, 50


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant: those that fit all that is given.

    groups       -- names of groups, of which one must fit.
    reason       -- a part of the reason, in any case.
    id           -- the task's id, or the message's MessageId, at first or now.
    since, until -- when they died, in epoch seconds.
    """

    groups: tuple[str, ...] = ()
    task: str | None = None
    reason: str | None = None
    id: str | None = None
    since: float | None = None
    until: float | None = None

    def __post_init__(self) -> None:
        """Raises OperateError for an empty text, as of a variable that is not set: each letter would fit."""
        for name in ("task", "reason", "id"):
            if getattr(self, name) == "":
                raise OperateError(f"the {name} is empty: give some text, or leave it out", Kind.WRONG)

    def matches(self, letter: Letter) -> bool:
        return (
            (not self.groups or letter.group in self.groups)
            and self.task in (None, letter.task)
            and (self.reason is None or self.reason.casefold() in letter.reason.casefold())
            and self.id in (None, letter.id, letter.message_id, letter.letter_id)
            and (self.since is None or letter.died >= self.since)
            and (self.until is None or letter.died <= self.until)
        )


@dataclass(slots=True)
class Group:
    """Letters with the same reason but for URLs, quoted words, ids and numbers.

    tasks       -- how many of each task; "" is unknown. Not all, if there are more than fifty.
    reason      -- that of the newest; so are `id` and `message_id`.
    first, last -- when the first and the last one died, in epoch seconds.
    """

    group: str
    letters: int
    tasks: dict[str, int]
    reason: str
    id: str | None
    message_id: str
    first: float
    last: float

    def add(self, letter: Letter) -> None:
        self.letters += 1
        task = letter.task or ""
        if task in self.tasks or len(self.tasks) < _MAX_TASKS:
            self.tasks[task] = self.tasks.get(task, 0) + 1
        self.first = min(self.first, letter.died)
        if letter.died >= self.last:
            self.last, self.reason = letter.died, letter.reason
            self.id, self.message_id = letter.id, letter.message_id


@dataclass(slots=True)
class DeadLetters:
    """The letters that match, by their groups, the largest first.

    more       -- letters of further groups than the thousand that are told.
    normaliser -- the version of the rules that make a group of reasons.
    """

    look: Look
    matched: int
    groups: list[Group]
    more: int = 0
    normaliser: int = NORMALISER


@dataclass(frozen=True, slots=True)
class Shown:
    """How many letters match, and the newest of them, the newest first."""

    look: Look
    matched: int
    letters: list[Letter]


def dead_letters(
    target: Target,
    which: Filter = Filter(),
    limit: int | None = None,
    *,
    seconds: int = LOOK_SECONDS,
    tell: Callable[[list[Group]], object] = lambda groups: None,
) -> DeadLetters:
    """Returns the groups of what is in the stack's dead-letter queues.

    limit   -- the look ends once so many letters match.
    seconds -- it ends after this time as well.
    tell    -- called with the groups of the first FIRST letters that match, while the look goes on.

    Raises OperateError, also if there is a filter and no letter matches it.
    """
    found = _Groups(which, limit, tell)
    seen = look(target.client("sqs"), letter_queues(target), found.each, seconds=seconds)
    check(which, found.matched, seen)
    return DeadLetters(seen, found.matched, found.sorted(), found.more)


def show(
    target: Target, which: Filter, limit: int = 10, *, payload: bool = False, seconds: int = LOOK_SECONDS
) -> Shown:
    """Returns the newest letters that match, at most MAX_SHOWN. Raises OperateError, also if there is none.

    payload -- with the messages' bodies.
    seconds -- the look ends after this time.
    """
    found = _Newest(which, min(limit, MAX_SHOWN), payload)
    seen = look(target.client("sqs"), letter_queues(target), found.each, seconds=seconds)
    check(which, found.matched, seen)
    newest = sorted(found.newest, key=lambda one: one[:2], reverse=True)
    return Shown(seen, found.matched, [letter for _, _, letter in newest])


def letter_queues(target: Target) -> list[str]:
    """Returns the URLs of the dead-letter queues, of both kinds if the stack has them."""
    outputs = target.outputs()
    return [outputs[name] for name in ("DeadLetterQueueUrl", "OtherDeadLetterQueueUrl") if outputs.get(name)]


def check(which: Filter, matched: int, seen: Look) -> None:
    """Raises OperateError if there is a filter, and no letter matches it."""
    if not matched and which != Filter():
        rest = f", of about {seen.about:,}" if seen.about > seen.seen else ""
        raise OperateError(f"no dead letter matches: {seen.seen:,} were seen{rest}", Kind.WRONG)


@dataclass(slots=True)
class _Groups:
    """Counts letters by group. Its memory does not grow with their number.

    single -- the names of the groups that have one letter, the oldest first.
    """

    which: Filter
    limit: int | None
    tell: Callable[[list[Group]], object] = lambda groups: None
    matched: int = 0
    more: int = 0
    groups: dict[str, Group] = field(default_factory=dict)
    single: dict[str, None] = field(default_factory=dict)

    def each(self, message: Mapping[str, Any]) -> bool:
        letter = letter_of(message)
        if not self.which.matches(letter):
            return False
        self.matched += 1
        group = self.groups.get(letter.group)
        if group is not None:
            self.single.pop(letter.group, None)
            group.add(letter)
        elif self._has_room():
            new = (letter.reason, letter.id, letter.message_id, letter.died, letter.died)
            self.groups[letter.group] = Group(letter.group, 0, {}, *new)
            self.groups[letter.group].add(letter)
            self.single[letter.group] = None
        else:
            self.more += 1
        if self.matched == FIRST:
            self.tell(self.sorted())
        return self.matched == self.limit

    def _has_room(self) -> bool:
        """Makes room by the oldest group of one letter: names that nobody knows hide no group of many."""
        if len(self.groups) >= _MAX_GROUPS and self.single:
            oldest = next(iter(self.single))
            del self.single[oldest], self.groups[oldest]
            self.more += 1
        return len(self.groups) < _MAX_GROUPS

    def sorted(self) -> list[Group]:
        return sorted(self.groups.values(), key=lambda group: (-group.letters, group.group))


@dataclass(slots=True)
class _Newest:
    """Keeps the newest letters that match, and counts the others."""

    which: Filter
    limit: int
    payload: bool
    matched: int = 0
    newest: list[tuple[float, str, Letter]] = field(default_factory=list)

    def each(self, message: Mapping[str, Any]) -> bool:
        letter = letter_of(message, payload=self.payload)
        if self.which.matches(letter):
            self.matched += 1
            one = (letter.died, letter.letter_id, letter)
            if len(self.newest) < self.limit:
                heappush(self.newest, one)
            elif one[:2] > self.newest[0][:2]:
                heapreplace(self.newest, one)
        return False

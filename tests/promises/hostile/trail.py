"""The true events of a hostile world, kept outside of the code that makes the promises.

The trail is kept by the tasks themselves, by the queues, and by the table of records: what was put on
the task queue, when each start began and ended, what became a dead letter, what was received.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tests.promises.hostile.held import Held
from tests.support import watch

from shared.delivery import Delivery
from shared.ports.queue import Outgoing
from shared.ports.records import Busy, Done, Owned
from zigzag.extra.pointers import pointer_of
from zigzag_testing import DeadLetter, Sandbox
from zigzag_testing.faults import PROCESS

COPY = "copy"
"""The attribute that tells one message from another of the same id. It lives through redrives."""


@dataclass(slots=True)
class Start:
    """One start of a task's code, in seconds of virtual time. `process` is the number of the worker's.

    first -- whether its message was the first of its batch.
    """

    began: float
    process: int
    first: bool = True
    ended: float = math.inf
    how: str = "killed"


@dataclass(slots=True)
class Letter:
    """A dead letter that was sent, though it may have been redriven since."""

    at: float
    reason: str


@dataclass(slots=True, eq=False)
class Life:
    """One message on the task queue, from its send or its redrive to its end.

    touches     -- when its user's code first began in which process: an import, a check, a key, a start.
    prepared    -- in which process its import, its check or its key had ended well, and how many faults had
                   struck the process until then.
    purged      -- whether an operator deleted it.
    tokens      -- those of the redrives by which its messages were sent.
    message_ids -- two, if letters of one message were redriven together: its letter was stored twice.
    shares      -- whether another message of the same id was on the queue meanwhile: they share attempts.
    """

    id: str
    sent_at: float
    group: str | None
    message_ids: set[str] = field(default_factory=set)
    starts: list[Start] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    touches: dict[int, float] = field(default_factory=dict, repr=False)
    prepared: dict[int, int] = field(default_factory=dict, repr=False)
    shares: bool = False
    purged: bool = False
    tokens: set[str] = field(default_factory=set, repr=False)

    @property
    def attempts(self) -> list[Start]:
        """Its starts without those that had less than the function's time, and were interrupted."""
        return [start for start in self.starts if start.first or start.how != "interrupted"]

    @property
    def succeeded(self) -> bool:
        return any(start.how == "succeeded" for start in self.starts)


class Trail:
    """The events in a sandbox.

    sent     -- what each task was told to do, by the id that the producer chose.
    lives    -- the messages in the order in which they came to the task queue.
    receives -- when each message was received, by its MessageId.
    done     -- when a completion was recorded, by the record's name.
    spent    -- the tokens of redrives of which nothing is left to do.
    excused  -- the starts that were taken back: the process, and the MessageId.
    busy     -- the starts whose run another worker owned: the process, and the id.
    killed   -- the worker's processes that ended before their invocation did.
    began    -- when each worker's process began with its batch.
    received -- when that was received, as the event says.
    held     -- from when until when each message was received, and not settled.
    returned -- which messages were made visible at once, and when: as by a process that stops.
    """

    def __init__(self) -> None:
        self.held = Held()
        self.returned: set[tuple[str, float]] = set()
        self.sent: dict[str, dict[str, Any]] = {}
        self.lives: list[Life] = []
        self.receives: dict[str, list[float]] = defaultdict(list)
        self.done: dict[str, float] = {}
        self.excused: set[tuple[int, str]] = set()
        self.busy: set[tuple[int, str]] = set()
        self.killed: set[int] = set()
        self.spent: set[str] = set()
        self._tokens: dict[str, str] = {}
        self._of_an_id: dict[str, list[Life]] = defaultdict(list)
        self._lives: dict[tuple[str, str, float], Life] = {}
        self._by_message: dict[str, Life] = {}
        self._texts: dict[str, str] = {}
        self.began: dict[int, float] = {}
        self.received: dict[int, float] = {}
        self._worked: dict[int, list[Life]] = {}

    def of(self, id: str) -> list[Life]:
        """Returns the lives of a task's messages."""
        return self._of_an_id[id]

    def starts(self, id: str) -> list[Start]:
        """Returns the starts of all messages of a task, in their order."""
        found = [start for life in self._of_an_id[id] for start in life.starts]
        return sorted(found, key=lambda start: start.began)

    def find(self, id: str, copy: str, sent_at: float) -> Life:
        return self._lives[id, copy, round(sent_at, 3)]

    def touch(self, now: float, is_meant: Callable[[Life], bool]) -> Life:
        """Notes that user code began in the process that is at work now: for the next message meant."""
        process = PROCESS.get()
        meant = [life for life in self._worked[process] if is_meant(life)]
        life = next((one for one in meant if process not in one.touches), meant[-1])
        life.touches.setdefault(process, now)
        return life

    def is_first(self, life: Life) -> bool:
        """Tells whether its message is the first of the batch that the process at work now has."""
        return self._worked[PROCESS.get()][0] is life

    def most_at_once(self) -> int:
        """Returns how many tasks ran at the same time, at most. One that takes no time is none of them."""
        took_time = [one for life in self.lives for one in life.starts if one.ended > one.began]
        changes = sorted([(one.began, 1) for one in took_time] + [(one.ended, -1) for one in took_time])
        return max(accumulate(change for _, change in changes), default=0)

    def touches(self, id: str) -> int:
        """Returns how often code of the user began for the messages of a task."""
        return sum(len(life.touches) for life in self._of_an_id[id])

    def kills(self, life: Life) -> list[float]:
        """Returns when workers began with its message that were killed."""
        return [self.began[one] for one in self.killed if life in self._worked[one]]

    def purge(self, sandbox: Sandbox) -> None:
        """Deletes what is on the task queue, as an operator does."""
        for life in self.lives:
            life.purged |= _is_there(life, sandbox)
        sandbox.queue.purge()

    def in_event(self, event: Any) -> list[Life]:
        """Returns the lives of the messages in an event of the consumer's, or of Lambda's poller."""
        return [self._by_message[one] for one in _message_ids_in(event)]

    def message_ids(self, id: str) -> Iterator[str]:
        return (message_id for life in self._of_an_id[id] for message_id in life.message_ids)

    def text(self, body: str, sandbox: Sandbox) -> str:
        """Returns a body; if it is a pointer, the object's text as it was when it was sent."""
        if sandbox.objects is None or (pointer := pointer_of(body, {})) is None:
            return body
        if body not in self._texts:
            self._texts[body] = sandbox.objects.contents[pointer.key].decode()
        return self._texts[body]

    def watch(self, sandbox: Sandbox) -> None:
        """Writes down from now on what comes to the queues, is received and is recorded as done."""
        self._watch_the_queue(sandbox)
        self._watch_the_dead_letters(sandbox)
        self._watch_the_records(sandbox)
        self._watch_the_workers(sandbox)
        self.held.watch(sandbox)

    def _watch_the_workers(self, sandbox: Sandbox) -> None:
        work = sandbox.workers._handler

        async def watched(event: Any, seconds_left: Callable[[], float]) -> Any:
            self.began[PROCESS.get()] = sandbox.clock.now()
            self._worked[PROCESS.get()] = self.in_event(event)
            self.received[PROCESS.get()] = event.get("Lease", {}).get("ReceivedAt", 0.0)
            try:
                answer = await work(event, seconds_left)
            except BaseException:
                self.killed.add(PROCESS.get())
                raise
            del self._worked[PROCESS.get()]
            return answer

        sandbox.workers._handler = watched

    def _watch_the_queue(self, sandbox: Sandbox) -> None:
        def received(deliveries: Sequence[Delivery], *_: int) -> None:
            for delivery in deliveries:
                self.receives[delivery.message_id].append(sandbox.clock.now())

        def sent(message_id: str, message: Outgoing) -> None:
            self._begin(message, message_id, sandbox)

        def postponed(_: object, deliveries: Sequence[Delivery], seconds: float, *__: object) -> None:
            if seconds == 0:
                now = sandbox.clock.now()
                self.returned |= {(delivery.message_id, now) for delivery in deliveries}

        for queue in sandbox.queues.values():
            watch(queue, "send", sent)
            watch(queue, "receive", received)
            watch(queue, "change_visibility", postponed)

    def _begin(self, message: Outgoing, message_id: str, sandbox: Sandbox) -> None:
        id, now = _id_of(self.text(message.body, sandbox)), sandbox.clock.now()
        key = (id, _copy_of(message.attributes), int(now * 1000) / 1000)  # as SQS dates it
        life = self._lives.get(key)
        if life is None:
            life = self._lives[key] = Life(id, key[2], message.group)
            self.lives.append(life)
            self._of_an_id[id].append(life)
        life.message_ids.add(message_id)
        self._by_message[message_id] = life
        if (token := DeadLetter.of(message).note.get("token")) is not None:
            life.tokens.add(token)
            self._tokens[token] = id
        there = [life for life in self._of_an_id[id] if _is_there(life, sandbox)]
        for life in there:
            life.shares |= len(there) > 1 or len(life.message_ids) > 1

    def _watch_the_dead_letters(self, sandbox: Sandbox) -> None:
        def sent(_: str, message: Outgoing) -> None:
            letter = DeadLetter.of(message)
            id = _id_of(self.text(message.body, sandbox))
            life = self.find(id, _copy_of(message.attributes), float(letter.note["sent"]))
            life.letters.append(Letter(sandbox.clock.now(), letter.reason))

        watch(sandbox.dead_letter_queue, "send", sent)

    def _watch_the_records(self, sandbox: Sandbox) -> None:
        def finished(well: bool, key: str, owner: str, now: float, *_: object) -> None:
            if well and key.startswith("redrive#"):
                self.spent.add(key.partition("#")[2])
            elif well:
                self.done.setdefault(key.rsplit("#", 1)[-1], sandbox.clock.now())

        def concluded(_: None, key: str, now: float, letter: str = "") -> None:
            if not letter and key.startswith("redrive#"):
                self.spent.add(key.partition("#")[2])

        def excused(_: int, key: str, owner: str, now: float, unloaded: bool) -> None:
            if not unloaded:
                self.excused.add((PROCESS.get(), key.rsplit("#", 1)[-1]))

        def owned(answer: Owned | Busy | Done, key: str, *_: Any) -> None:
            if isinstance(answer, Busy):
                name = key.rsplit("#", 1)[-1]
                self.busy.add((PROCESS.get(), self._tokens.get(name, name)))

        watch(sandbox.records, "finish", finished)
        watch(sandbox.records, "excuse", excused)
        watch(sandbox.records, "conclude", concluded)
        watch(sandbox.records, "own", owned)


def _message_ids_in(event: Any) -> list[str]:
    if "Records" in event:
        return [record["messageId"] for record in event["Records"]]
    return [message["MessageId"] for message in event.get("Messages") or [event["Message"]]]


def _id_of(body: str) -> str:
    try:
        return str(json.loads(body)["id"])
    except ValueError:
        return body.rsplit(" ", 1)[-1]


def _copy_of(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the copy of a message; of one that is sent to repair another, there is none."""
    return str(attributes.get(COPY, {}).get("StringValue", ""))


def _is_there(life: Life, sandbox: Sandbox) -> bool:
    """Tells whether one of its messages is still on a task queue."""
    return any(
        queue._storage.find(message_id) is not None
        for queue in sandbox.queues.values()
        for message_id in life.message_ids
    )

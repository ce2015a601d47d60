"""Builds the worker, with the observers that it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from shared.delivery import Batch
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.records import Records
from shared.queues import DEFAULT
from worker.attempt import Runner
from worker.batch import BatchWork
from worker.deadline import Deadline
from worker.decode import decode
from worker.finish import NOWHERE, Finish, Reach
from worker.guards.late import late
from worker.hold import Hold, hold_of
from worker.host import Host
from worker.lookup import Table
from worker.no_queue import NoFollowUps, NoRecords, NoSettler, NoTerms
from worker.observers.log_line import LogLine
from worker.observers.observer import Observer
from worker.prepare import Prepare, Terms, prepared_for
from worker.result import Report
from worker.settle import Settler

if TYPE_CHECKING:
    from shared.ports.gates import WorkedGates
    from shared.ports.notices import Notices
    from worker.flow.flow import WorkersFlow
    from worker.guards.guard import Guard
    from worker.large import Reader
    from worker.observers.notify import Notify


class Parts(NamedTuple):
    """The parts of a worker that differ without a queue: then there are no guards, no flow and no notices."""

    prepare: Prepare
    records: Records
    hold: Callable[[Batch], Hold]
    settler: Settler | NoSettler
    finish: Callable[[Deadline], Finish]
    guards: tuple[Guard, ...] = ()
    flow: WorkersFlow | None = None
    notices: Notices | None = None


class Worker:
    """Works the batches of one queue.

    tasks          -- name of a task to its module.
    beats          -- the queue for heartbeats, which sends a call once; without it, `queue` itself.
    metrics_of     -- the URL of the queue whose metrics the log lines carry; None for no metrics.
    name           -- the queue's name, which its gate has.
    gates          -- the gates of a stack with flow control, and those for renewals, which send a call once;
                      None for others.
    reader         -- makes the reader of large messages, in S3, or None if the stack has none.
    notices        -- where people are notified of failed tasks; None in a stack without an address for that.
    reach          -- where what follows a task may be sent, besides the queue itself.
    """

    def __init__(
        self,
        queue: Queue,
        dead_letters: Queue,
        records: Records,
        tasks: Table,
        clock: Clock,
        random: Random,
        host: Host,
        *,
        beats: Queue | None = None,
        metrics_of: str | None = None,
        name: str = DEFAULT,
        gates: tuple[WorkedGates, WorkedGates] | None = None,
        reader: Callable[[], Reader] | None = None,
        notices: Notices | None = None,
        reach: Reach = NOWHERE,
    ) -> None:
        self._clock, self._random, self._host = clock, random, host
        read = partial(decode, reader=reader)
        beats = queue if beats is None else beats
        self._on_queue = Parts(
            prepare=partial(prepared_for, tasks=tasks, decode=read, terms=Terms(reach.replies)),
            records=records,
            hold=lambda batch: hold_of(batch, beats, clock, host),
            settler=Settler(queue, dead_letters, clock, random, host, read, reach),
            finish=partial(Finish, queue, reach, host),
            guards=(late,),
            flow=None if gates is None else _flow(name, gates, clock, random, host),
            notices=notices,
        )
        self._on_no_queue = Parts(
            prepare=partial(prepared_for, tasks=tasks, decode=read, terms=NoTerms()),
            records=NoRecords(),
            hold=lambda batch: Hold(inf, beats, clock, host),
            settler=NoSettler(),
            finish=partial(NoFollowUps, queue, reach, host),
        )
        self._observers = (LogLine(clock, host, metrics_of, name),)

    async def work(
        self, batch: Batch, seconds_left: Callable[[], float], *observers: Observer
    ) -> list[Report]:
        """Works one batch, from its lease to its settling, and returns a report for each delivery.

        `seconds_left` is how long until Lambda ends the function; `observers` are told of this batch.
        """
        parts = self._on_queue if batch.can_be_settled else self._on_no_queue
        permit, breaker = (None, None) if parts.flow is None else parts.flow.of(batch)
        guards = parts.guards if permit is None else (permit.claim, *parts.guards)  # also of a late batch
        notify = [] if parts.notices is None else [self._notify(parts.notices, parts.records)]
        hold, deadline = parts.hold(batch), Deadline(seconds_left)
        runner = Runner(
            prepare=parts.prepare,
            records=parts.records,
            clock=self._clock,
            random=self._random,
            host=self._host,
            hold=hold,
            limits=parts.settler.limits,
            deadline=deadline,
            finish=parts.finish(deadline),
            excuses=() if breaker is None else (breaker.excuse,),
        )
        work = BatchWork(
            batch,
            runner=runner,
            hold=hold,
            settler=parts.settler,
            guards=guards,
            observers=(*self._observers, *notify, *observers),
            clock=self._clock,
            host=self._host,
            deadline=deadline,
            afterwards=[partial(one.tell, seconds_left) for one in notify],
        )
        reports = await (work.run() if permit is None else permit.around(work.run))
        if breaker is not None:
            await breaker.tell(batch, reports)
        return reports

    def _notify(self, notices: Notices, records: Records) -> Notify:
        """Returns what notifies people of the batch's failed tasks."""
        from worker.observers.notify import Notify  # a stack without an address does not need it

        return Notify(notices, records, self._clock, self._random, self._host)


def _flow(
    name: str, gates: tuple[WorkedGates, WorkedGates], clock: Clock, random: Random, host: Host
) -> WorkersFlow:
    from worker.flow.flow import WorkersFlow  # loaded here: a cold start without gates does not need it

    return WorkersFlow(name, *gates, clock, random, host)

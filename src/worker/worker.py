"""The worker, put together: the only place that says which guards and observers there are."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from shared.delivery import Batch
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.records import Records
from worker.attempt import Attempts
from worker.batch import BatchWork
from worker.guards.guard import Guard
from worker.guards.late import late
from worker.hold import Hold
from worker.host import Host
from worker.lookup import Table
from worker.no_queue import NoHold, NoRecords, NoSettler
from worker.observers.completion import Completion
from worker.observers.log_line import LogLine
from worker.result import Report
from worker.settle import Settler
from zigzag.policy import DEFAULT_POLICY, Policy


class Worker:
    """Works the batches of one queue.

    tasks          -- name to module.
    default_policy -- of a message whose task is not found.
    metrics_of     -- the URL of the queue whose metrics the log lines are as well, if they are.
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
        default_policy: Policy = DEFAULT_POLICY,
        metrics_of: str | None = None,
    ) -> None:
        self._queue = queue
        self._records = records
        self._tasks = tasks
        self._clock = clock
        self._random = random
        self._host = host
        self._policy = default_policy
        self._settler = Settler(queue, dead_letters, clock, random)
        self._guards = (late,)
        self._observers = (Completion(), LogLine(clock, host, metrics_of))

    async def work(self, batch: Batch, seconds_left: Callable[[], float]) -> list[Report]:
        """One batch, from its lease to its settling; a report for each delivery.

        seconds_left -- how long until the function is ended.
        """
        hold: Hold | NoHold = NoHold()
        settler: Settler | NoSettler = NoSettler()
        records: Records = NoRecords()
        guards: tuple[Guard, ...] = ()
        if batch.can_be_settled:
            hold = Hold(batch, self._queue, self._clock, self._host)
            settler, records, guards = self._settler, self._records, self._guards
        attempts = Attempts(
            tasks=self._tasks,
            records=records,
            clock=self._clock,
            random=self._random,
            host=self._host,
            hold=hold,
            limits=settler.limits,
            observers=self._observers,
            policy=self._policy,
            seconds_left=seconds_left,
        )
        work = BatchWork(
            batch,
            attempts=attempts,
            hold=hold,
            settler=settler,
            guards=guards,
            observers=self._observers,
            clock=self._clock,
            host=self._host,
            seconds_left=seconds_left,
        )
        return await work.done()

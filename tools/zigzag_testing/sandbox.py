"""A whole Zigzag in memory, to test tasks without AWS, Docker and waiting.

    with Sandbox() as sandbox:
        crawl_page.send(Page(url="https://example.com/"))
        sandbox.run()
    assert sandbox.dead_letters == []

The consumer and the worker are the same as on Lambda; only their ports differ. Time is virtual: a retry after
an hour's backoff runs at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from random import Random
from typing import Any, Self

from consumer.summary import Summary
from shared.queues import DEFAULT
from worker.result import Report
from worker.worker import Worker
from zigzag import Task, send
from zigzag_testing.blocking import Threads
from zigzag_testing.bounded import BoundedGates
from zigzag_testing.consumers import CONSUMER_TIMEOUT_SECONDS, SCHEDULED, ConsumerFunction, Parameters
from zigzag_testing.event_sources import BY_SCHEDULE, EventSources, checked
from zigzag_testing.faults import PROCESS, Crash, Faults
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_lambda import MemoryLambda
from zigzag_testing.memory_notices import MemoryNotices
from zigzag_testing.memory_objects import MemoryObjects, reader_of
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.memory_records import MemoryRecords
from zigzag_testing.memory_scheduler import MemoryScheduler
from zigzag_testing.operated import Operated
from zigzag_testing.process_ports import ConsumerPorts, WorkerPorts, faulty_consumer, faulty_worker
from zigzag_testing.quotas import Quotas
from zigzag_testing.replies import Replies
from zigzag_testing.scheduled import A_MINUTE, Scheduled, Ticking
from zigzag_testing.schedules import Schedule
from zigzag_testing.stack import StackQueues, fifo_of, table_of, timeouts_of, weights_of
from zigzag_testing.virtual_host import VirtualHost
from zigzag_testing.virtual_time import SkewedClock, close, run_to_its_end, virtual_runner

CLOCKS_DIFFER_SECONDS = 5.0


class Sandbox(Operated, Scheduled):
    """A task queue, a dead-letter queue, a consumer, workers and their records, on virtual time.

    tasks                   -- maps a task's name to the task or its module; without it, the project's own
                               table.
    queues                  -- names and weights of the queues, as the parameters Queue2 to Queue5;
                               "default" is the first one.
    fifo                    -- whether the queues are FIFO queues, or the names of those that are.
    reply_to                -- the names of the queues and topics that the parameter ReplyTo names.
    linger_seconds, watch_always, in_flight_cap, keep_percent, max_consumers, batch_size, flow_control,
    large_payloads          -- as the parameters LingerSeconds, WatchAlways, InFlightCap and so on.
    consumer_speed          -- most dispatches a second of one consumer; None = no limit.
    worker_timeout_seconds  -- as the parameter WorkerTimeout.
    queue_workers           -- timeouts of the workers of those queues that have one of their own, by queue.
    concurrency             -- most workers of a function at a time; None = no limit.
    quotas                  -- the account's (`zigzag_testing.quotas`); None = no more than SQS's own.
    schedule                -- as the parameter Schedule (`zigzag_testing.schedules`).
    trigger                 -- as the parameter Trigger: "schedule", or "events" for Lambda's own pollers.
    faults                  -- the probability of each kind of fault (`zigzag_testing.faults`).
    blocking                -- whether code may `block` (`zigzag_testing.blocking`), or a function that tells
                               it of an event: an invocation that can't block costs less.
    superseded_handles_act, count_late_seconds -- as MemoryQueue's.
    seed                    -- the seed of all random numbers.

    An operator's disabled schedule is `schedule` set to None for a while, a deployment with another trigger
    is `trigger` set to it. `fired` has the times of all ticks, `queues` all queues by name, `workers_of`
    their own workers, `objects` the bucket of large payloads, `scheduler` what is sent later, and
    `notices.sent` the notices of failed tasks, as if there were a FailureEmail, and `replies` the replies.
    With `flow_control` an operator can pause and limit queues (`zigzag_testing.operated`). In a `with`
    statement, `task.send(…)` sends to the sandbox, and `task.publish(…)` to its first queue, if the task is
    one of its tasks.
    """

    gates: MemoryGates | None
    schedule: Schedule | None

    def __init__(
        self,
        tasks: Mapping[str, str | Task[Any, Any, Any]] | None = None,
        *,
        queues: Mapping[str, int] | None = None,
        fifo: bool | Collection[str] = False,
        reply_to: Sequence[str] = (),
        linger_seconds: int = 0,
        watch_always: bool = False,
        in_flight_cap: int = 0,
        keep_percent: int = 0,
        max_consumers: int = 1,
        consumer_speed: float | None = None,
        batch_size: int = 1,
        flow_control: bool = False,
        large_payloads: bool = False,
        worker_timeout_seconds: float = 60,
        queue_workers: Mapping[str, float] | None = None,
        concurrency: int | None = None,
        quotas: Quotas | None = None,
        schedule: Schedule = A_MINUTE,
        trigger: str = BY_SCHEDULE,
        faults: Mapping[str, float] | None = None,
        blocking: bool | Callable[[Any], bool] = False,
        superseded_handles_act: bool = False,
        count_late_seconds: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._table, weights, quotas = table_of(tasks), weights_of(queues), quotas or Quotas.none()
        self.trigger = checked(trigger, flow_control, weights.values(), queue_workers or {})
        of_sqs = fifo_of(fifo, weights), superseded_handles_act, count_late_seconds, quotas
        of_workers = blocking, concurrency, worker_timeout_seconds, timeouts_of(queue_workers, weights)
        self._runner, self.clock = virtual_runner()  # once all is checked: an error would leave its loop open
        self._random, self.faults = Random(seed), Faults(Random(seed + 1), faults or {}, Random(f"{seed}"))
        self._stack = StackQueues(self.clock, weights, batch_size, *of_sqs)
        self._make_places(quotas, flow_control, large_payloads, reply_to)
        limits = linger_seconds, watch_always, in_flight_cap, keep_percent, max_consumers, consumer_speed
        self._make_functions(quotas, Parameters(*limits), *of_workers)
        self._fires_at, self.schedule = self.clock.now(), schedule
        self.reports, self.fired, self._ticks = list[Report](), list[float](), set[Ticking]()

    def _make_places(
        self, quotas: Quotas, flow_control: bool, large_payloads: bool, reply_to: Sequence[str]
    ) -> None:
        self._replies, self._sending, self._threads = Replies(reply_to), ExitStack(), Threads()
        self.queues, self.dead_letter_queue = self._stack.by_name, self._stack.dead_letters
        self.queue, self.notices = self.queues[DEFAULT], MemoryNotices(self.faults)
        self.records, self.gates = MemoryRecords(), BoundedGates(quotas, self.clock) if flow_control else None
        self.scheduler = MemoryScheduler(self.clock, self._stack.named, self.faults)
        self.objects = MemoryObjects(faults=self.faults, clock=self.clock) if large_payloads else None

    def _make_functions(
        self,
        quotas: Quotas,
        parameters: Parameters,
        blocking: bool | Callable[[Any], bool],
        concurrency: int | None,
        timeout_seconds: float,
        timeouts: Mapping[str, float],
    ) -> None:
        of_account = self.clock, self._random, self.faults, quotas
        self.consumers = ConsumerFunction(self._one_tick, *of_account, parameters)
        says = blocking if callable(blocking) else lambda _: True
        work = self._threads.threaded(self._work, says) if blocking else self._work

        def function(seconds: float) -> MemoryLambda:
            return MemoryLambda(work, self.clock, concurrency, self.faults, quotas, timeout_seconds=seconds)

        self.workers = function(timeout_seconds)
        self.workers_of = {name: function(seconds) for name, seconds in timeouts.items()}
        of_each = self.clock, self.faults, concurrency
        self._events = EventSources(self._stack, self.workers, self.workers_of, *of_each)

    def __enter__(self) -> Self:
        stood_in = self.objects, self.scheduler, self._table.__contains__
        self._sending.enter_context(send.sending_to(self.queue, self._stack.named, *stood_in))
        return self

    def __exit__(self, *_: object) -> None:
        self._sending.close()
        close(self._runner)
        self._threads.close()

    def tick(self) -> Summary:
        """Runs the consumer once, and every worker that it starts until its end."""
        return self._do(self._tick())

    def run_for(self, seconds: float) -> None:
        """Fires the schedule for `seconds`. Workers and ticks may still run after that."""
        self._do(self._run_for(seconds))

    def run(self, *, max_seconds: float = 14 * 24 * 3600) -> None:
        """Fires the schedule until no message is left. Raises TimeoutError `max_seconds` after the last one
        that was scheduled."""
        self._do(self._run(max_seconds))

    def _do[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_to_its_end(self._runner, coroutine)

    async def _tick(self) -> Summary:
        summary = await self._one_tick()
        await self._finish()
        return summary or Summary(stopped="crashed")

    async def _finish(self) -> None:
        await self.consumers.finish()
        for workers in (self.workers, *self.workers_of.values()):
            await workers.finish()

    def _consumer_ports(self) -> AbstractContextManager[ConsumerPorts]:
        ports = [*self.queues.values()], self._stack.letter_queues, self.workers, self.gates, self.records
        return faulty_consumer(*ports, self.faults, self.clock)

    def _worker_ports(self, queue: MemoryQueue) -> AbstractContextManager[WorkerPorts]:
        ports = queue, self._stack.letters_of(queue), self.records, self.gates
        return faulty_worker(*ports, self.faults, self.clock)

    async def _one_tick(self, event: object = SCHEDULED) -> Summary | None:
        """Runs the consumer. Returns None if it crashed, or Lambda ended it."""
        self.fired.append(self.clock.now())
        PROCESS.set(-len(self.fired))
        clock = SkewedClock(self.clock, self.faults.skew(CLOCKS_DIFFER_SECONDS))
        try:
            async with asyncio.timeout(CONSUMER_TIMEOUT_SECONDS):
                with self._consumer_ports() as ports:
                    polled = self._stack.polled(ports, self.workers_of)
                    with self.consumers.one(polled, ports, clock) as consumer:
                        return await consumer.tick(CONSUMER_TIMEOUT_SECONDS, event)
        except (TimeoutError, Crash):
            return None
        except BaseExceptionGroup as group:
            if group.split(Crash)[1] is not None:
                raise
            return None

    async def _work(self, event: Any, seconds_left: Callable[[], float]) -> Any:
        batch, observers, answer = self._events.triggered(event)
        name = self._stack.name_of(batch.queue_url)
        with self._worker_ports(self.queues[name]) as ports:
            host = VirtualHost(self.faults, at_first_line=ports.at_first_line)
            worker = Worker(
                queue=ports.queue,
                beats=ports.beats,
                dead_letters=ports.dead_letters,
                records=ports.records,
                tasks=self._table,
                clock=SkewedClock(self.clock, self.faults.skew(CLOCKS_DIFFER_SECONDS)),
                random=self._random,
                host=host,
                name=name,
                gates=ports.gates,
                reader=reader_of(self.objects),
                notices=self.notices,
                reach=self._replies.reach(self.queues, self.faults, self.clock),
            )
            reports = await worker.work(batch, seconds_left, *observers)
            self.faults.note_end(host.exit_reason)
        self.reports += reports
        return answer(reports)

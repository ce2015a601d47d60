"""The worker's mechanisms, broken."""

from __future__ import annotations

from tests.mutants.mutation import Mutation

APP = "src/worker/app.py"
ATTEMPT = "src/worker/attempt.py"
CALL = "src/worker/call.py"
HEARTBEAT = "src/worker/heartbeat.py"
OUTCOME = "src/worker/outcome.py"
PROCESS = "src/worker/process.py"
RECORD = "src/worker/record.py"
SETTLE = "src/worker/settle.py"
WORK = "src/worker/work.py"

LEASES = (
    Mutation(
        "a worker starts however late it is",
        "H5",
        WORK,
        "if lease is not None and now > lease.start_by:",
        "if lease is not None and now > lease.start_by + 3600:",
    ),
    Mutation(
        "no lease is extended while a task runs",
        "H14",
        ATTEMPT,
        "self.host.beside(heartbeat.keep) if trial.delivery.can_be_settled else None",
        "None",
    ),
    Mutation(
        "the heart beats on after the lease is lost",
        "H14",
        HEARTBEAT,
        "            if not self.lost:\n                await self.beat()\n            elif",
        "            if True:\n                await self.beat()\n            elif",
    ),
    Mutation(
        "an idempotent task whose message is lost is not kept owned",
        "H7 H14",
        HEARTBEAT,
        "            elif not await self._keep_the_record():\n",
        "            else:\n",
    ),
    Mutation(
        "a lost lease comes back with the next beat that works",
        "H14",
        HEARTBEAT,
        "if not self._known or not self.has_lost(delivery):",
        "if True:",
    ),
    Mutation(
        "a beat that SQS refused counts as one that worked",
        "H13 H14",
        HEARTBEAT,
        "    return [delivery for delivery in deliveries if delivery.message_id not in failed]",
        "    return list(deliveries) if failed is not None else []",
    ),
    Mutation(
        "a beat that failed is not made again",
        "H14",
        HEARTBEAT,
        "BEAT_AGAIN_SECONDS = 5.0",
        "BEAT_AGAIN_SECONDS = 120.0",
    ),
    Mutation(
        "the first beat of a late start comes after its lease has ended",
        "H14",
        HEARTBEAT,
        "        self._next_at = min(self._next_at, self.ends - SAFETY_SECONDS / 2)\n",
        "",
    ),
    Mutation(
        "a task starts though its lease ended while it was imported",
        "H5 H14",
        ATTEMPT,
        "        await heartbeat.beat_if_due()\n"
        "        if heartbeat.lost:\n"
        "            return LEASE_LOST\n"
        "        refusal",
        "        refusal",
    ),
    Mutation(
        "on a FIFO queue the followers' leases are extended though the head's is not",
        "H13 H25",
        HEARTBEAT,
        "        if not self._ordered:\n",
        "        if True:\n",
    ),
    Mutation(
        "the head's lease alone is extended",
        "H14",
        HEARTBEAT,
        "list(self._held[:1]), list(self._held[1:])",
        "list(self._held[:1]), []",
    ),
    Mutation(
        "on a FIFO queue no beat comes before the task",
        "H13",
        WORK,
        "if lease is None or self._batch.ordered:",
        "if lease is None:",
    ),
    Mutation(
        "on a FIFO queue a task starts though the beat before it was refused",
        "H13 H14",
        WORK,
        "            if not await self._heartbeat.beat() or self._heartbeat.lost:\n",
        "            if not await self._heartbeat.beat() and False:\n",
    ),
    Mutation(
        "after a lost lease the rest of the run goes on",
        "H14",
        WORK,
        "if rest[0].can_be_settled and self._heartbeat.has_lost(rest[0]):",
        "if False:",
    ),
    Mutation(
        "after a lost lease a failure is settled",
        "H14",
        ATTEMPT,
        "if heartbeat.lost and trial.delivery.can_be_settled:",
        "if False:",
    ),
    Mutation(
        "a success that waits for its deletion is not kept alive",
        "H12 H14",
        WORK,
        "held = [*rest, *(kept for kept, *_ in self._kept)]",
        "held = list(rest)",
    ),
    Mutation(
        "a record's ownership is not extended with the lease",
        "H7 H14",
        HEARTBEAT,
        "owned = self._record is None or await self._record.extend(now + LEASE_SECONDS)",
        "owned = True",
    ),
    Mutation(
        "a record's ownership lasts longer than the lease",
        "H10",
        RECORD,
        "return lease_ends - SAFETY_SECONDS / 2",
        "return lease_ends + SAFETY_SECONDS / 2",
    ),
)

TIME = (
    Mutation(
        "no task is interrupted before its process ends",
        "H10",
        ATTEMPT,
        "await call(task, payload, context, self.host, seconds_left() - grace)",
        "await call(task, payload, context, self.host, seconds_left() + 3600)",
    ),
    Mutation(
        "an except of exceptions swallows the interrupt",
        "H10",
        "src/worker/host.py",
        "class SoftDeadline(KeyboardInterrupt):",
        "class SoftDeadline(Exception):",
    ),
    Mutation(
        "the timer of the soft deadline is never set",
        "H10",
        PROCESS,
        "    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))\n",
        "",
    ),
    Mutation(
        "with no time left another task of the run starts",
        "H10",
        WORK,
        "if self._seconds_left() >= ANOTHER_SECONDS and self._host.exit_reason is None:",
        "if self._host.exit_reason is None:",
    ),
    Mutation(
        "a task runs in a process that another one spoiled",
        "H39",
        WORK,
        "if self._seconds_left() >= ANOTHER_SECONDS and self._host.exit_reason is None:",
        "if self._seconds_left() >= ANOTHER_SECONDS:",
    ),
    Mutation(
        "what there was no time for is not let go",
        "H28",
        WORK,
        "self._pass_over(rest, let_go, await self._settler.postpone(rest, RELEASE_SECONDS))",
        "self._pass_over(rest, let_go, False)",
    ),
    Mutation(
        "an interrupted task does not spoil its process",
        "H39",
        PROCESS,
        '            self.exit_reason = "its task was interrupted"\n',
        "",
    ),
    Mutation(
        "a spoiled process lives on",
        "H39",
        APP,
        "if PROCESS.exit_reason is not None:",
        "if False:",
    ),
    Mutation(
        "a beat under way is not waited for",
        "H14",
        PROCESS,
        "self._thread.join(JOIN_SECONDS)",
        "pass",
    ),
)

ORDER = (
    Mutation(
        "the next of a group starts though the one before it may still be on the queue",
        "H27",
        WORK,
        "if settled and not isinstance(attempted.outcome, RetryLater):",
        "if not isinstance(attempted.outcome, RetryLater):",
    ),
    Mutation(
        "the next of a group starts though the one before it failed",
        "H27",
        WORK,
        "if settled and not isinstance(attempted.outcome, RetryLater):",
        "if settled:",
    ),
    Mutation(
        "what is behind a failure is not postponed",
        "H27",
        WORK,
        "self._pass_over(followers, waits, await self._settler.postpone(followers, waits.seconds))",
        "self._pass_over(followers, waits, False)",
    ),
    Mutation(
        "what is behind a failure is postponed before it",
        "H27",
        WORK,
        "        settled = await self._settle(delivery, attempted, started)\n"
        "        if settled and not isinstance(",
        "        if followers and isinstance(attempted.outcome, RetryLater):\n"
        "            await self._settler.postpone(followers, attempted.outcome.seconds)\n"
        "        settled = await self._settle(delivery, attempted, started)\n"
        "        if settled and not isinstance(",
    ),
    Mutation(
        "what is behind a failure is visible before it",
        "H27",
        WORK,
        "await self._settler.postpone(followers, waits.seconds)",
        "await self._settler.postpone(followers, 1)",
    ),
    Mutation(
        "what is behind a failure is let go though that was not postponed",
        "H27",
        WORK,
        "if settled and followers and isinstance(attempted.outcome, RetryLater):",
        "if followers and isinstance(attempted.outcome, RetryLater):",
    ),
)

RECORDS = (
    Mutation(
        "a task runs though its record has another owner",
        "H7",
        ATTEMPT,
        "            case Busy(until):\n",
        "            case Busy(until) if False:\n",
    ),
    Mutation(
        "a task runs though its completion is recorded",
        "H7 H12 H33",
        ATTEMPT,
        "            case Done():\n",
        "            case Done() if False:\n",
    ),
    Mutation(
        "an idempotent task's first delivery is not recorded",
        "H7",
        ATTEMPT,
        "(trial.delivery.receive_count == 1 and not trial.policy.idempotent)",
        "trial.delivery.receive_count == 1",
    ),
    Mutation(
        "an idempotent task runs though its record can't be reached",
        "H7",
        ATTEMPT,
        "        except RecordsError as error:\n            if trial.policy.idempotent:",
        "        except RecordsError as error:\n            if False:",
    ),
    Mutation(
        "a completion is not recorded",
        "H7 H12",
        ATTEMPT,
        "            await trial.record.finish()\n",
        "            pass\n",
    ),
    Mutation(
        "a message is deleted before its task's completion is recorded",
        "H12",
        ATTEMPT,
        "            await trial.record.finish()\n",
        "            try:\n"
        "                await heartbeat._queue.delete([trial.delivery])\n"
        "            except Exception:\n"
        "                pass\n"
        "            await trial.record.finish()\n",
    ),
    Mutation(
        "a completion that can't be recorded fails the worker",
        "H12",
        RECORD,
        '        except RecordsError as error:\n            log.write(logging.ERROR, "done, but not recorded',
        "        except ZeroDivisionError as error:\n"
        '            log.write(logging.ERROR, "done, but not recorded',
    ),
    Mutation(
        "after a failure the record keeps its owner",
        "H7",
        ATTEMPT,
        "            await trial.record.release()\n",
        "            pass\n",
    ),
    Mutation(
        "two deliveries have the same owner",
        "H7",
        ATTEMPT,
        'owner = f"{self.random.getrandbits(64):016x}"',
        'owner = "worker"',
    ),
    Mutation(
        "a plain task's record is that of its id",
        "H19",
        ATTEMPT,
        "trial.record = self._record(trial.delivery, message.task, trial.delivery.message_id)",
        "trial.record = self._record(trial.delivery, message.task, message.id)",
    ),
)

ATTEMPTS = (
    Mutation(
        "attempts are counted by receives",
        "H9 H19",
        ATTEMPT,
        "trial.attempt.numbered(starts), True",
        "trial.attempt.numbered(trial.delivery.receive_count), True",
    ),
    Mutation(
        "the first failure is not counted",
        "H18",
        ATTEMPT,
        "            number = await trial.record.count(trial.delivery.receive_count)\n",
        "            number = 1\n",
    ),
    Mutation(
        "a start is counted twice",
        "H9 H19",
        ATTEMPT,
        "and not trial.counted and not is_permanent(error, trial.policy):\n"
        "            number = await trial.record.count(",
        "and not is_permanent(error, trial.policy):\n"
        "            trial.record.written = True\n"
        '            number = await Record(self.records, trial.record.key, "again", self.clock).count(',
    ),
    Mutation(
        "without records every attempt is the first",
        "H10",
        ATTEMPT,
        "            trial.attempt = trial.attempt.numbered(trial.delivery.receive_count)\n",
        "",
    ),
    Mutation(
        "a task that kills its process is never given up",
        "H10",
        OUTCOME,
        "    if attempt.number <= policy.attempts:\n        return None\n",
        "    return None\n",
    ),
    Mutation(
        "a message is given up before its last attempt",
        "H9",
        OUTCOME,
        "    if attempt.number <= policy.attempts:\n        return None\n",
        "    if attempt.number < policy.attempts:\n        return None\n",
    ),
    Mutation(
        "the last failure is retried",
        "H18",
        OUTCOME,
        "if attempt.number >= policy.attempts:",
        "if attempt.number > policy.attempts:",
    ),
    Mutation(
        "a dead letter's starts are not forgotten: what comes under its key is given up untried",
        "H33",
        SETTLE,
        "forget = None if record is None else record.forget",
        "forget = None",
    ),
    Mutation(
        "a dead letter's record has no owner until its message is off the queue",
        "H7 H33",
        ATTEMPT,
        "if trial.record is not None and not isinstance(outcome, DeadLetter):",
        "if trial.record is not None:",
    ),
    Mutation(
        "what a task raises that is no exception ends the process",
        "H6",
        PROCESS,
        "        except BaseException as error:  # a cancellation",
        "        except ZeroDivisionError as error:  # a cancellation",
    ),
)

OUTCOMES = (
    Mutation(
        "a failed task is visible again at once",
        "H18",
        OUTCOME,
        "    return RetryLater(seconds, reason)\n",
        "    return RetryLater(0, reason)\n",
    ),
    Mutation(
        "a backoff goes beyond SQS's twelve hours",
        "H18",
        ATTEMPT,
        "max_seconds=MAX_VISIBILITY_SECONDS - self._elapsed(trial.delivery)",
        "max_seconds=10 * MAX_VISIBILITY_SECONDS",
    ),
    Mutation(
        "a message is postponed for longer than SQS keeps it",
        "H32",
        OUTCOME,
        "if seconds > kept_seconds - TO_SPARE_SECONDS:",
        "if False:",
    ),
    Mutation(
        "a backoff has no jitter",
        "H18",
        "src/zigzag/policy.py",
        "math.ceil(random.uniform(0, ceiling))",
        "math.ceil(ceiling)",
    ),
    Mutation(
        "what a task rejects is retried",
        "H17",
        OUTCOME,
        "    if isinstance(error, Reject):\n        return",
        "    if False:\n        return",
    ),
    Mutation(
        "a message that is none is retried",
        "H17",
        OUTCOME,
        "    if isinstance(error, BadMessageError):\n        return",
        "    if False:\n        return",
    ),
    Mutation(
        "an unknown task's message is given up at once",
        "H17",
        OUTCOME,
        "    if isinstance(error, BadMessageError):\n        return",
        "    if isinstance(error, BadMessageError | NoSuchTaskError):\n        return",
    ),
    Mutation(
        "a task's failure is the worker's",
        "H6",
        ATTEMPT,
        "except (Exception, SystemExit, SoftDeadline) as error:",
        "except (SystemExit, SoftDeadline) as error:",
    ),
    Mutation(
        "a generator that nobody runs is a success",
        "H47",
        CALL,
        "if isinstance(result, GeneratorType | AsyncGeneratorType):",
        "if False:",
    ),
    Mutation(
        "a delete that SQS refused counts as confirmed",
        "H12 H13 H27",
        SETTLE,
        "        return [failure.delivery for failure in failed]\n",
        "        return []\n",
    ),
    Mutation(
        "a delete that failed counts as confirmed",
        "H12 H27",
        SETTLE,
        "            return list(deliveries)\n",
        "            return []\n",
    ),
    Mutation(
        "a postponement that failed counts as confirmed",
        "H13 H27",
        SETTLE,
        "        return not failed\n",
        "        return True\n",
    ),
    Mutation(
        "a call to SQS that fails kills the worker",
        "H12",
        SETTLE,
        '        except QueueError as error:\n            log.write(logging.ERROR, "not deleted',
        '        except ZeroDivisionError as error:\n            log.write(logging.ERROR, "not deleted',
    ),
    Mutation(
        "a delete whose answer is lost is not sent again",
        "H12",
        APP,
        "settings.transport, attempts=4)",
        "settings.transport, attempts=1)",
    ),
    Mutation(
        "successes of a run are deleted at its end only",
        "H12",
        WORK,
        "if self._kept and self._clock.now() >= self._kept[0][2] + KEEP_DELETES_SECONDS:",
        "if False:",
    ),
)

MUTATIONS = (*LEASES, *TIME, *ORDER, *RECORDS, *ATTEMPTS, *OUTCOMES)

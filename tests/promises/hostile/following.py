"""Worlds of tasks that name the next one, and reply at last."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from tests.promises.hostile.world import QUICK
from tests.support import watch

from shared.dead_letter import NOTE
from shared.delivery import Delivery
from shared.ports.queue import Outgoing
from zigzag import Context, Done, Reject, Task, task
from zigzag_testing import Reply, Sandbox
from zigzag_testing.faults import PROCESS
from zigzag_testing.transactions import Transactions

MONTH = 30 * 24 * 3600

TASKS = ("plain", "once", "booked", "told", "stored")
TRANSACTIONS = ("booked", "told", "stored")
"""The tasks whose effect is a transaction."""

type Step = tuple[int, int]
"""A task of a chain: the number of its origin, and how many tasks are left after it."""


class FollowingWorld:
    """A sandbox whose tasks name the next one, until their chain is at its end, and then reply.

    The tasks are `plain`, `once` (idempotent), `booked`, whose effect is a transaction with its completion,
    `told`, the same with what follows it, and `stored`, whose effect is a row that says what follows. A
    payload says which tasks follow: {"origin": …, "chain": ["once", "plain"], "fails": how often the first of
    them raises, "rejects": whether the last one is rejected in its first run, "seconds": …}.

    names, ended -- the task of each step, and how often it had its effect; `messages`, their ids;
                    `letters`, with the ids of what each was made of; `unknown`, the steps of which a letter
                    says that what follows them is not known.
    open         -- steps that had their effect, and are not recorded as done (plain ones: not yet deleted),
                    with their process.
    torn         -- those that were open when their process was killed, or whose transaction has raised an
                    error although it was accepted. Of one `booked` nobody knows then what follows.
    excused      -- what must not happen unless there is another fault than a kill.
    killed       -- the processes that were killed: what one had asked for before may still happen.
    wrong        -- what must not happen. It is not raised: a worker bears errors of tasks and of sends.
    lost         -- the workers' processes that found another owner of their record, each with the task's id.
    """

    def __init__(self, **options: Any) -> None:
        self.names: dict[Step, str] = {}
        self.ended = Counter[Step]()
        self.messages = defaultdict[Step, set[str]](set)
        self.letters = defaultdict[Step, set[tuple[str, str]]](set)
        self.open, self.torn, self.unknown = dict[Step, int](), set[Step](), set[Step]()
        self.excused: list[str] = []
        self.killed = set[int]()
        self.wrong: list[str] = []
        self.lost: set[tuple[int, str]] = set()
        self.at: Any = lambda: None
        self._began = Counter[Step]()
        self._steps: dict[str, Step] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._origins = itertools.count()
        self._table = {name: self._task(name) for name in TASKS}
        self.sandbox = Sandbox(self._table, reply_to=["answers"], **options)
        self._tables = Transactions(self.sandbox)
        watch(self.sandbox.records, "finish", self._finished)
        for queue in self.sandbox.queues.values():
            watch(queue, "send", self._sent)
            watch(queue, "delete", self._deleted)
        watch(self.sandbox.dead_letter_queue, "send", self._given_up)

    def send(self, first: str, *chain: str, group: str | None = None, times: int = 1, **does: Any) -> int:
        """Sends the first task of a chain, which asks for a reply, so many times. Returns its number."""
        origin = next(self._origins)
        self.names |= {(origin, left): name for left, name in enumerate(reversed((first, *chain)))}
        payload = {"origin": origin, "chain": chain, **does}
        said = {"task": first, "id": f"origin-{origin}", "payload": payload}
        said |= {"reply_to": "answers", "correlation_id": str(origin)}
        dedup = None if group is None else str(origin)
        for _ in range(times):
            id = self.sandbox.send_message(json.dumps(said), group=group, deduplication_id=dedup)
            self.messages[origin, len(chain)].add(id)
        return origin

    def run_to_the_end(self) -> None:
        """Runs without faults until nothing is left; dead letters are moved back."""
        self.at = lambda: None
        self.sandbox.faults.stop()
        self.sandbox.run(max_seconds=MONTH)
        for _ in range(10):
            if not self.sandbox.redrive():
                return
            self.sandbox.run(max_seconds=MONTH)
        self.wrong.append(f"not at its end: {self.sandbox.dead_letters}")

    def broken(self, origin: int, *, exactly: bool = False) -> list[str]:
        """Returns what is not as promised: an effect that is not there, or twice in a transaction, a next
        task or a reply that is lost, unless a letter says that what follows is not known; and what is in
        `wrong`.

        exactly -- of one chain, and nothing but one kill has happened: then an effect is there twice if it
                   was torn, or if a plain task had two messages, or two letters, and not otherwise; there is
                   such a letter if a `booked` one was torn, and not otherwise, and nothing comes after it.
        """
        broken, ends = [*self.wrong, *(self.excused if exactly else ())], False
        for step in sorted((one for one in self.names if one[0] == origin), reverse=True):
            name, had = self.names[step], self.ended[step]
            more = len(self.letters[step]) - len(dict(self.letters[step]))  # of one message
            most = len(self.messages[step]) + more if name == "plain" else 1
            if name not in TRANSACTIONS:
                most = most + (step in self.torn) if exactly else had
            if ends and exactly:
                most = 0
            if not (most if exactly else int(not ends)) <= had <= most:
                broken.append(f"{name} {step} had its effect {had} times")
            if exactly and (step in self.unknown) != (name == "booked" and step in self.torn):
                broken.append(f"{name} {step} has a letter for nothing, or none")
            ends |= step in self.unknown
        replies = self._replies(origin, "succeeded")
        well = {one.id: one.result for one in replies if one.error is None}
        right = not well if ends and exactly else ends or [*well.values()] == [{"origin": origin}]
        right &= bool(replies)
        return broken if right else [*broken, f"{origin} has the replies {self._replies(origin)}"]

    def _replies(self, origin: int, *outcomes: str) -> list[Reply]:
        replies = [one for one in self.sandbox.replies if one.correlation_id == str(origin)]
        return [one for one in replies if one.outcome in (outcomes or (one.outcome,))]

    async def _step(self, payload: dict[str, Any], context: Context) -> Any:
        origin, chain = payload["origin"], payload["chain"]
        step = (origin, len(chain))
        record = self.sandbox.records.records.get(f"run#{context.task}#{context.id}")
        if record is not None and record.done:
            self.wrong.append(f"{step} is done, and runs again")
        if context.id in self._rows:
            self.excused.append(f"{step} is stored, and runs again")
        self._steps[context.id] = step
        self._began[step] += 1
        self.at()
        await asyncio.sleep(payload.get("seconds", 0))
        if self._began[step] <= payload.get("fails", 0):
            raise ValueError("broken")
        if not chain and payload.get("rejects") and self._began[step] == 1:
            raise Reject("no")
        if context.task in ("booked", "told"):
            self._book(step, context, payload)
        elif context.task == "stored":
            self._store(step, context.id, payload)
        else:
            self._happens(step)
        self.at()
        return self._result(payload)

    def _result(self, payload: dict[str, Any]) -> Any:
        if chain := payload["chain"]:
            return self._table[chain[0]].then({**payload, "chain": chain[1:], "fails": 0})
        return {"origin": payload["origin"]}

    def _store(self, step: Step, id: str, payload: dict[str, Any]) -> None:
        self.sandbox.faults.before()
        if id not in self._rows:
            self._rows[id] = payload
            self._happens(step)
        if all(self.sandbox.faults.lose()):
            raise ConnectionError("no answer")
        self.sandbox.faults.after()

    def _find(self, task: str, id: str) -> Done | None:
        self.sandbox.faults.before()
        found = self._rows.get(id)
        if self.sandbox.faults.strike("call failed") or all(self.sandbox.faults.lose()):
            raise ConnectionError("no answer")
        return None if found is None else Done(self._result(found))

    def _book(self, step: Step, context: Context, payload: dict[str, Any]) -> None:
        before = len(self._tables.written)
        effect = {"Put": {"TableName": "effects", "Item": {"id": {"S": str(step)}}}}
        told = context.task == "told"
        completion = context.completion_with(self._result(payload)) if told else context.completion
        try:
            self._tables.transact_write_items(TransactItems=[effect, completion])
        except BaseException:  # also a kill
            self.torn |= {step} if len(self._tables.written) > before else set()
            raise
        finally:
            if len(self._tables.written) > before:
                self._happens(step)

    def _happens(self, step: Step) -> None:
        self.ended[step] += 1
        self.open[step] = PROCESS.get()
        self.torn |= {step} if PROCESS.get() in self.killed else set()

    def _task(self, name: str) -> Task[Any, Any, Any]:
        async def step(payload: dict[str, Any], context: Context) -> Any:
            return await self._step(payload, context)

        step.__name__ = name
        if name == "stored":
            return task(attempts=3, backoff=QUICK, done=self._find)(step)
        return task(attempts=3, backoff=QUICK, idempotent=name != "plain")(step)

    def _finished(self, ours: bool, key: str, *_: Any) -> None:
        id = key.rpartition("#")[2]
        if not ours:
            self.lost.add((PROCESS.get(), id))
        elif (step := self._steps.get(id)) in self.open:
            replied = self._replies(step[0], "succeeded")
            if self.messages[step[0], step[1] - 1] if step[1] else replied:
                self.excused.append(f"what follows {step} was sent before it was recorded as done")
            self.open.pop(step)

    def _deleted(self, _: Any, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            if (payload := json.loads(one.body).get("payload")) is not None:
                step = payload["origin"], len(payload["chain"])
                if self.open.get(step) == PROCESS.get():  # else it has found it done
                    self.open.pop(step)

    def _given_up(self, id: str, message: Outgoing) -> None:
        if (payload := json.loads(message.body).get("payload")) is not None:
            of = json.loads(message.attributes[NOTE]["StringValue"])["from"]
            self.letters[payload["origin"], len(payload["chain"])].add((of, id))
        elif "follows it is not known" in json.loads(message.attributes[NOTE]["StringValue"])["reason"]:
            self.unknown.add(self._steps[json.loads(message.body)["id"]])

    def _sent(self, id: str, message: Outgoing) -> None:
        """Checks that the task before the one that is sent has ended, and that its worker may send it."""
        body = json.loads(message.body)
        if "hops" not in body or PROCESS.get() <= 0:
            return
        origin, left = body["payload"]["origin"], len(body["payload"]["chain"])
        self.messages[origin, left].add(id)
        if not self.ended[origin, left + 1]:
            self.wrong.append(f"step {left} of {origin} comes before the one before it")
        name, unreached = self.names[origin, left + 1], self.sandbox.faults.unreached
        before = [id for id, step in self._steps.items() if step == (origin, left + 1)]
        # If the table's answer was lost, the worker does not know that it lost the record.
        if any((PROCESS.get(), id) in self.lost and not unreached[f"run#{name}#{id}"] for id in before):
            self.wrong.append(f"step {left} of {origin} comes from a worker that lost its record")

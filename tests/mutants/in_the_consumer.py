"""The consumer's mechanisms, broken."""

from __future__ import annotations

from tests.mutants.mutation import Mutation

APP = "src/consumer/app.py"
HANDOVER = "src/consumer/dispatch.py"
ROOM = "src/consumer/flow/cap.py"
RUNS = "src/consumer/batches.py"
TICK = "src/consumer/tick.py"

POLLS = (
    Mutation(
        "one empty poll ends the tick",
        "H30",
        TICK,
        "EMPTY_POLLS = 2",
        "EMPTY_POLLS = 1",
    ),
    Mutation(
        "one empty poll ends a tick that has found nothing",
        "H30",
        TICK,
        "IDLE_POLLS = 3",
        "IDLE_POLLS = 1",
    ),
    Mutation(
        "a message between two empty polls does not start their count anew",
        "H30",
        TICK,
        "            self._empty_polls, self._empty_since = 0, None\n",
        "",
    ),
    Mutation(
        "a tick polls until its function's time is over",
        "H1",
        TICK,
        "RESERVE_SECONDS = DISPATCH_SECONDS + 5",
        "RESERVE_SECONDS = 0",
    ),
    Mutation(
        "a receive that fails kills the consumer",
        "H21",
        TICK,
        '        except QueueError as error:\n            self._stop(f"receive failed',
        '        except ZeroDivisionError as error:\n            self._stop(f"receive failed',
    ),
    Mutation(
        "no poller pauses after a throttle",
        "H2",
        TICK,
        "self._paused_until = self._clock.now() + handed.pause_seconds",
        "self._paused_until = 0.0",
    ),
    Mutation(
        "the client sends a receive again whose answer is lost",
        "H43",
        APP,
        "attempts=1,  # a receive",
        "attempts=4,  # a receive",
    ),
)

ROOMS = (
    Mutation(
        "the room ignores our own dispatches",
        "H9 H21",
        ROOM,
        "max(self._counted, sum(number for _, number in self._ours))",
        "self._counted",
    ),
    Mutation(
        "without room nothing is polled",
        "H45",
        ROOM,
        "if free > 0 else self._trickle()",
        "if free > 0 else 0",
    ),
    Mutation(
        "the in-flight cap is ignored",
        "H9 H21",
        ROOM,
        "        await self._count()\n",
        "        return MAX_PER_CALL\n",
    ),
    Mutation(
        "what a poll asked for stays reserved",
        "H45",
        ROOM,
        "        self._reserved -= asked\n",
        "",
    ),
)

RUNS_MADE = (
    Mutation(
        "each message of a group is a run of its own",
        "H25 H27",
        RUNS,
        "[_first_of(group) for group in groups.values()]",
        "[_first_of([one]) for group in groups.values() for one in group]",
    ),
    Mutation(
        "what does not fit a group's run is another run",
        "H25 H27",
        RUNS,
        "    dispatches = [_first_of(group) for group in groups.values()]\n",
        "    dispatches = []\n"
        "    for group in groups.values():\n"
        "        while group:\n"
        "            first = _first_of(group)\n"
        "            dispatches.append(Dispatch(first.batch, first.event))\n"
        "            del group[: len(first.batch.deliveries)]\n",
    ),
    Mutation(
        "a FIFO queue's messages are dispatched as a standard queue's",
        "H25 H27",
        RUNS,
        "if delivery.from_fifo else waiting",
        "if False else waiting",
    ),
    Mutation(
        "all groups of a poll are one run",
        "H28",
        RUNS,
        "groups.setdefault(delivery.group, [])",
        "groups.setdefault(None, [])",
    ),
    Mutation(
        "a run turns the order received round",
        "H25",
        RUNS,
        "for delivery in batch:",
        "for delivery in reversed(batch):",
    ),
    Mutation(
        "the tail of a run is forgotten",
        "H26",
        RUNS,
        "event, tuple(deliveries[number:]))",
        "event)",
    ),
)

ANSWERS = (
    Mutation(
        "a run is dispatched however late it is",
        "H5 H43",
        HANDOVER,
        "return lease is not None and now > lease.dispatch_by",
        "return False",
    ),
    Mutation(
        "what came late is kept until its lease ends",
        "H43",
        HANDOVER,
        "if reply in (Reply.SENT, Reply.UNKNOWN) or",
        "if reply in (Reply.SENT, Reply.UNKNOWN, None) or",
    ),
    Mutation(
        "what is released is visible at once",
        "H2",
        HANDOVER,
        "RELEASE_SECONDS = (15, 60)",
        "RELEASE_SECONDS = (0, 0)",
    ),
    Mutation(
        "what may have arrived is released",
        "H3",
        HANDOVER,
        "if reply in (Reply.SENT, Reply.UNKNOWN) or",
        "if reply is Reply.SENT or",
    ),
    Mutation(
        "what may have arrived is sent again",
        "H3",
        HANDOVER,
        "            answered.append((dispatch, answer.reply))\n",
        "            if answer.reply is Reply.UNKNOWN:\n"
        "                (answer,) = await self.workers.dispatch([dispatch.event])\n"
        "            answered.append((dispatch, answer.reply))\n",
    ),
    Mutation(
        "a tick goes on after an invoke was refused",
        "H2 H20",
        HANDOVER,
        'return "invoke refused"',
        "return None",
    ),
    Mutation(
        "a tick never loses its patience",
        "H2",
        HANDOVER,
        "PATIENCE = 3",
        "PATIENCE = 1_000_000",
    ),
    Mutation(
        "a group is released one by one, until different times",
        "H25 H26",
        HANDOVER,
        "groups.append(_let_go(dispatch, reply))",
        "groups += [[one] for one in _let_go(dispatch, reply)]",
    ),
    Mutation(
        "the tail of a run is released before its head is dispatched",
        "H25 H27",
        HANDOVER,
        "        answered = await self._dispatch(dispatches_of(batch, self.batch_size))\n",
        "        dispatches = dispatches_of(batch, self.batch_size)\n"
        "        for dispatch in dispatches:\n"
        "            await self._release(dispatch.tail)\n"
        "        answered = await self._dispatch(dispatches)\n",
    ),
    Mutation(
        "the tail is released before the head is a dead letter",
        "H27",
        HANDOVER,
        "        for dispatch, reply in answered:\n            if reply is Reply.SENT:\n",
        "        await self._release_all(answered)\n"
        "        for dispatch, reply in answered:\n            if reply is Reply.SENT:\n",
    ),
    Mutation(
        "nobody looks which releases were refused",
        "H4",
        HANDOVER,
        "return len(deliveries) - len(failed)",
        "return len(deliveries)",
    ),
    Mutation(
        "a release that fails kills the consumer",
        "H4",
        HANDOVER,
        '        except QueueError as error:\n            log.write(logging.WARNING, "not released"',
        '        except ZeroDivisionError as error:\n            log.write(logging.WARNING, "not released"',
    ),
    Mutation(
        "what is too large is released for ever",
        "H15",
        HANDOVER,
        "return reply is Reply.TOO_LARGE and len(dispatch.batch.deliveries) == 1",
        "return False",
    ),
)

MUTATIONS = (*POLLS, *ROOMS, *RUNS_MADE, *ANSWERS)

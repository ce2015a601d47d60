"""The gates, broken."""

from __future__ import annotations

from math import inf

from tests.project.mutants.mutation import Part

from consumer.flow.permits import limits_of
from shared.aws.transport import never
from shared.ports.breaker import name_of
from shared.ports.gates import Gate, gate_of
from worker.raised import OutOfTimeError

PART = Part("Gates")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("a paused queue is polled", "H101", "consumer.flow.gate:why_closed")
def _(original, queue, gate, now):
    return original(queue, gate._replace(paused=False), now)


sets("a pause holds from the next tick on", "H101", "consumer.flow.gate:LOOK_AGAIN_SECONDS", 3600)


@breaks("what came is not taken off the cap", "H68", "consumer.flow.gated:Gated.received")
def _(original, self, asked, came):
    pass


@breaks("where the gates can't be read all are open", "H102", "consumer.flow.gate:SeenGates._read")
async def _(original, self):
    await original(self)
    self._seen = {queue: self._seen.get(queue, Gate()) for queue in self._queues}


sets(
    "a read of the gates that fails kills the consumer",
    "H102",
    "consumer.flow.gate:GatesError",
    ZeroDivisionError,
)


@breaks("an attribute that nobody understands is passed over", "H103", "shared.aws.dynamodb_gates:gate_of")
def _(original, attributes):
    return gate_of({name: value for name, value in attributes.items() if name == "paused"})


@breaks("a pause that may lose messages is as good as any", "H104", "consumer.flow.gate:why_closed")
def _(original, queue, gate, now):
    return original(queue, gate._replace(since=None), now)


@breaks(
    "who takes slots does not look whether another one did",
    "H105",
    "zigzag_testing.memory_gates:MemoryGates.swap",
)
async def _(original, self, queue, rev, taking):
    return await original(self, queue, gate_of(self.attributes[queue]).rev, taking)


@breaks("a worker may start however late it is for its slot", "H105", "consumer.flow.permits:slots_of")
def _(original, *asked):
    return tuple(slot._replace(start_by=slot.at + 90) for slot in original(*asked))


@breaks("all slots of a second are used at once", "H105", "consumer.flow.permits:slots_of")
def _(original, gate, rate, now, want):
    return original(gate, rate._replace(burst=rate.burst + 10), now, want)


@breaks(
    "slots are given back though others were taken since", "H105", "consumer.flow.gate:SeenGates.give_back"
)
async def _(original, self, queue, slot):
    self._seen |= await self._gates.read([queue.name])
    await original(self, queue, slot)


@breaks("slots come at twice their rate", "H105", "consumer.flow.permits:slots_of")
def _(original, gate, rate, now, want):
    slots = original(gate, rate, now, want)
    return tuple(slot._replace(at=(slots[0].at + slot.at) / 2) for slot in slots)


@breaks("a slot never ends", "H105", "consumer.flow.permits:slots_of")
def _(original, *asked):
    return tuple(slot._replace(start_by=inf) for slot in original(*asked))


@breaks("slots that were not used are lost", "H106", "consumer.flow.gated:Gated.end")
async def _(original, self):
    pass


@breaks("slots are lost as a rate grows", "H106", "consumer.flow.permits:limits_of")
def _(original, gate):
    return original(gate._replace(auto=None))


@breaks("an event that is doubled has two permits", "H107", "zigzag_testing.memory_gates:MemoryGates.claim")
async def _(original, self, queue, permit, own, now, until):
    await original(self, queue, permit, own, now, until)
    return True


@breaks("what is held is free", "H107", "consumer.flow.permits:open_slots")
def _(original, gate, names, now, swap_seconds=0.0):
    return original(gate._replace(held={}), names, now, swap_seconds)


@breaks("a permit whose worker died is held for good", "H108", "consumer.flow.permits:dead_of")
def _(original, gate, now):
    return {}


@breaks("a tick does not wait for a permit that is about to end", "H108", "consumer.flow.gated:overdue_in")
def _(original, gate, now):
    return False


sets("a worker runs on though its permit has ended", "H109", "worker.flow.permit:OWN_SECONDS", 10_000.0)
sets("a permit is not renewed", "H109", "worker.flow.permit:BEAT_EVERY_SECONDS", 10_000.0)


@breaks("the permit of an invoke that was refused is kept", "H110", "consumer.flow.gated:Gated.unsent")
def _(original, self, slot):
    pass


@breaks("what was taken by an earlier limit is used", "H120", "consumer.flow.gated:Gated._good")
def _(original, self, slots):
    return original(self, [slot._replace(limits=limits_of(self._gate)) for slot in slots])


@breaks("the slot of an invoke that was refused is lost", "H121", "consumer.flow.gated:Gated.unsent")
def _(original, self, slot):
    if slot.permit:
        original(self, slot)


@breaks("with an exact cap SQS's count is asked as well", "H111", "consumer.flow.gated:Gated.may_receive")
async def _(original, self):
    await self._flow.may_receive()
    return await original(self)


@breaks("while all fails everything is received", "H112", "shared.ports.breaker:Breaker.is_shut")
def _(original, self, now):
    return False


@breaks("what a shut queue fails is an attempt", "H112", "worker.flow.breaker:Breaker.excuse")
async def _(original, self, error, start):
    await original(self, error, start)


@breaks(
    "a single failure begins the six hours", "H112", "zigzag_testing.memory_gates:MemoryGates.unavailable"
)
async def _(original, self, queue, message, now, until):
    await original(self, queue, message, now, until)
    self.attributes[queue] = {"since": now} | self.attributes[queue] | {"last": now}
    return gate_of(self.attributes[queue])


@breaks("what nobody had heard of counts each", "H112", "worker.flow.breaker:_name_of")
def _(original, delivery):
    return name_of(delivery.message_id)


@breaks("a shut queue believes only the one that tries", "H112", "shared.ports.breaker:Breaker.believes")
def _(original, self, received_at, now):
    return received_at == now or not self.is_shut(now)


answers("a shut queue believes each success", "H112", "shared.ports.breaker:Breaker.believes", True)


@breaks("a message of a FIFO queue counts once", "H112", "worker.flow.breaker:_name_of")
def _(original, delivery):
    heard = delivery.lease is not None and delivery.lease.doubt
    return name_of(delivery.message_id) if heard else original(delivery)


@breaks("a hanging service is there", "H112", "worker.raised:_is_one")
def _(original, error, kinds):
    return not isinstance(error, OutOfTimeError) and original(error, kinds)


@breaks("a queue is shut for as long as anybody says so", "H113", "shared.ports.breaker:Breaker.is_shut")
def _(original, self, now):
    return original(self._replace(longest=float("inf")), now)


@breaks("six hours later all go out at once", "H114", "shared.ports.breaker:Breaker.is_over")
def _(original, self, now):
    return False


@breaks("what has just come back gets all at once", "H114", "consumer.flow.opening:Opening.most")
def _(original, self, want, breaker, now):
    return want


@breaks("a rate that nobody chose stays as it was first", "H122", "consumer.flow.permits:every_after")
def _(original, gate, slots, now):
    return None


sets("a slow rate grows as much in a second as a quick one", "H122", "shared.ports.auto:SLOT_SECONDS", 1e9)
sets("a refusal is waited for no longer however late it comes", "H122", "shared.ports.auto:SOON_SECONDS", 1e9)
sets("a rate grows though nothing uses it", "H123", "consumer.flow.slots:REST_SECONDS", 1e12)


@breaks("a rate is kept in mind for ever", "H123", "shared.ports.auto:Auto.rested")
def _(original, self, every, seconds):
    return every


@breaks("a rate grows from a refusal on", "H123", "consumer.flow.permits:every_after")
def _(original, gate, slots, now):
    return original(gate._replace(breaker=gate.breaker._replace(failing=frozenset())), slots, now)


@breaks("of many workers each cuts the rate", "H124", "zigzag_testing.memory_gates:MemoryGates.cut")
async def _(original, self, queue, cut):
    return await original(self, queue, cut._replace(seen=self.attributes[queue].get("cut", 0.0)))


sets("a rate is cut as often as a start is refused", "H124", "shared.ports.auto:CUT_EVERY_SECONDS", 0.0)


@breaks("what was sent before a cut cuts again", "H124", "shared.ports.auto:Auto.cut_of")
def _(original, self, every, received_at, now, begun):
    return original(self, every, now, now, begun)


sets("a refusal that probes a limit is an attempt", "H125", "worker.flow.breaker:FREE_RECEIVES", 0)


sets("who always says Unavailable never dies", "H126", "worker.flow.breaker:FREE_RECEIVES", 10**6)
sets(
    "who always says Unavailable comes as often as any",
    "H126",
    "worker.flow.breaker:MAX_HIDDEN_SECONDS",
    60,
)


@breaks("a message that comes again cuts like any", "H126", "worker.flow.breaker:Breaker._cut")
async def _(original, self, gate, auto, delivery, now):
    first = type(delivery)({}, delivery.queue_url, delivery.lease)
    await original(self, gate, auto, first, now)


@breaks("an outage is taken for a limit", "H127", "shared.ports.auto:Auto.cut_of")
def _(original, self, every, received_at, now, begun):
    return original(self, every, received_at, now, now)


@breaks("the breaker does not wait for cuts of the rate", "H127", "shared.ports.breaker:Breaker.is_shut")
def _(original, self, now):
    return original(self._replace(begun=0.0), now)


@breaks(
    "a renewal that hangs keeps its process from its end", "H109", "worker.flow.permit:Permit._end_in_time"
)
async def _(original, self, sleep):
    pass


@breaks(
    "a call to the gates is sent until the function ends",
    "H128",
    "shared.aws.gate_items:GateItems._call",
)
async def _(original, self, operation, asked, by=inf):
    self._ends_at = never
    return await original(self, operation, asked)


@breaks("the hard end of an attempt asks the gate again", "H128", "worker.attempt:excused")
async def _(original, excuses, error, start):
    start.attempt.asked = False
    return await original(excuses, error, start)


@breaks("a permit is given back while its task's code may run", "H130", "worker.flow.permit:Permit._release")
async def _(original, self):
    self._host.exit_reason = None
    await original(self)


@breaks("a batch goes on though its queue is shut", "H131", "worker.batch:BatchWork._reason_to_stop")
def _(original, self, remaining):
    self._excused = None
    return original(self, remaining)

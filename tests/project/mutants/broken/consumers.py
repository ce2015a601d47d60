"""More consumers, started or divided wrongly."""

from __future__ import annotations

import math

from tests.project.mutants.mutation import Part

from consumer.flow.lately import Lately
from consumer.others import part_in

PART = Part("Consumers")
breaks, sets, answers = PART.breaks, PART.sets, PART.answers


@breaks("a started consumer claims no number", "H158", "consumer.others:Others.claimed")
async def _(original, self, event, in_flight_cap):
    return part_in(event, self._most, in_flight_cap)


@breaks("a consumer keeps what it gives to others of its cap", "H159", "consumer.flow.cap:InFlightCap.move")
def _(original, self, messages):
    pass


@breaks("a started consumer has all of the cap", "H159", "consumer.consumer:Consumer._cap")
def _(original, self, limit, order, lately=None):
    return original(self, self._in_flight_cap, order, lately)


@breaks("a started consumer counts what is in flight as well", "H159", "consumer.consumer:Consumer._cap")
def _(original, self, limit, order, lately=None):
    return original(self, limit, order, lately or Lately())


@breaks("the part of one that was refused is lost", "H159", "consumer.flow.cap:InFlightCap.move")
def _(original, self, messages):
    original(self, max(0, messages))


@breaks(
    "a consumer of several queues keeps what it gives to others", "H159", "consumer.flow.lately:Lately.move"
)
def _(original, self, now, messages):
    pass


@breaks(
    "of several queues, the part of one that was refused is lost", "H159", "consumer.flow.lately:Lately.move"
)
def _(original, self, now, messages):
    original(self, now, max(0, messages))


answers("what others may still receive takes no place", "H159", "consumer.flow.lately:Lately.to_come", 0)


@breaks("a process knows the ticks of others", "H159", "consumer.flow.lately:Lately.begin")
def _(original, self, now, *, alone=True):
    original(self, now)


@breaks("a consumer may start however late it is", "H160", "consumer.others:part_in")
def _(original, *asked):
    return original(*asked)._replace(start_by=math.inf)


@breaks("a started consumer goes on as long as it can", "H160", "consumer.others:part_in")
def _(original, *asked):
    part = original(*asked)
    return part._replace(until=part.until + 1e6)


@breaks("a part of before a deployment is not judged", "H242", "consumer.others:part_in")
def _(original, event, most, in_flight_cap):
    return original(event, 10, 0)


answers("every tick may start others", "H161", "consumer.others:Others.may_start", True)


sets("without the table a started consumer fails", "H162", "consumer.others:RecordsError", ZeroDivisionError)


@breaks("a missing count of the backlog is a long one", "H162", "consumer.others:_waiting")
async def _(original, queues):
    return await original(queues) or 1e6


@breaks("others are started next to a rate", "H163", "consumer.source:Source.is_behind")
def _(original, self):
    return not self.turn.stopped


sets("a pace that holds all back starts others", "H163", "consumer.flow.spread:SPARE_PART", -1.0)


answers("a queue that opens slowly starts others", "H163", "consumer.flow.opening:Opening.is_slow", False)


@breaks("others are started for what the cap does not allow", "H163", "consumer.flow.cap:InFlightCap.left")
def _(original, self):
    return math.inf if self._left is None else max(self._left, 1e6)

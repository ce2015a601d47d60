"""The worker's event, which a batch travels as, broken."""

from __future__ import annotations

import json

from tests.project.mutants.mutation import Part

from shared import delivery, envelope

PART = Part("Events")
breaks, answers = PART.breaks, PART.answers


@breaks("no body is compressed", "H15", "shared.envelope:compressed")
def _(original, message):
    return envelope.plain(message)


@breaks("an event is larger than Lambda takes", "H15", "consumer.batches:longest_event")
def _(original, deliveries, max_bytes=None):
    return len(deliveries), delivery.to_event(delivery.Batch(tuple(deliveries)))


@breaks("an event's text is escaped to ASCII", "H15", "shared.envelope:to_json")
def _(original, value):
    return json.dumps(value, separators=(",", ":")).encode()


@breaks("bytes in an attribute stay bytes", "H16", "shared.envelope:_to_base64")
def _(original, attributes):
    return attributes


answers(
    "an event source is told of no message that is still on the queue",
    "H152",
    "worker.triggers.records:Unfinished.answer",
    {"batchItemFailures": []},
)
answers("an event source takes the place of limits and weights", "H153", "worker.triggers.records:refuse")


@breaks(
    "an event source deletes what could not be settled", "H152", "worker.triggers.records:Unfinished.settled"
)
def _(original, self, delivery, result, report):
    return original(self, delivery, result, report._replace(settled=True))


answers(
    "an event source's events are taken for dispatches",
    "H156",
    "worker.triggers.records:is_of_an_event_source",
    False,
)
answers(
    "a direct call that failed is answered as one that succeeded",
    "H182",
    "worker.triggers.direct:Call.answer",
    {"outcome": "succeeded", "result": None},
)
answers("a direct call is taken for a dispatch", "H182", "worker.triggers.trigger:_is_a_call", False)

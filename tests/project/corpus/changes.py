"""Changes of formats that break an upgrade, some of them on both sides alike, which no other test would see.

They are made as the mutations of `make mutants` are.
"""

from __future__ import annotations

import hashlib
import json

from tests.project.mutants.mutation import Part

PART = Part("Formats")
breaks, sets = PART.breaks, PART.sets


def _renamed(text: str, old: str, new: str) -> str:
    return text.replace(f'"{old}"', f'"{new}"')


@breaks("a body calls the task's id otherwise", "H203", "zigzag.send:_written")
def _(original, task, payload, options, more=None):
    return _renamed(original(task, payload, options, more), "id", "task_id")


@breaks("a body's payload is read under another key", "H202", "worker.decode:own_message")
def _(original, body, delivery, id=None):
    return original({**body, "payload": body.get("arguments", {})}, delivery, id)


@breaks("a repair says otherwise what has failed", "H203", "worker.failure:repair_of")
def _(original, delivery, cause, decode):
    message = original(delivery, cause, decode)
    return message._replace(body=_renamed(message.body, "failed", "repairs"))


sets("a letter of a done task has another key", "H202", "worker.decode:FOLLOW_UPS", "next")


@breaks("a step has another id", "H202", "worker.follow.follow_ups:step_id")
def _(original, step, task, id):
    return hashlib.sha256(f"{step}{task}{id}".encode()).hexdigest()


@breaks("a lease is written with another key", "H203", "shared.lease:Lease.to_json")
def _(original, lease):
    return {("Until" if name == "Ends" else name): value for name, value in original(lease).items()}


@breaks("a lease's doubt is not read", "H202", "shared.lease:Lease.from_json")
def _(original, cls, value):
    return original(cls, value)._replace(doubt="")


@breaks("a batch has another key", "H203", "shared.delivery:to_event")
def _(original, batch):
    return original(batch).replace(b'"Messages"', b'"Deliveries"')


@breaks("a body is compressed in another way", "H203", "shared.envelope:compressed")
def _(original, message):
    return original(message).replace(b'"BodyGzip"', b'"BodyZstd"')


@breaks("a started consumer's part has another key", "H203", "consumer.others:Part.event")
def _(original, part):
    return original(part).replace(b'"Share"', b'"Most"')


sets("a note is in another attribute", "H202", "shared.dead_letter:NOTE", "zigzag.note")


@breaks("a redrive's token is made in another way", "H204", "zigzag_operate.redriven:token_of")
def _(original, letter):
    return hashlib.sha256(original(letter).encode()).hexdigest()


@breaks("a note's times are milliseconds", "H204", "shared.dead_letter:_notes")
def _(original, delivery, cause, now, spent):
    return original(delivery, cause, now * 1000, spent)


@breaks("a record has another key", "H202", "shared.ports.records:record_key")
def _(original, kind, *names):
    return original(kind, *names).replace("#", "/")


@breaks("the record of a run is of its payload", "H202", "zigzag.policy:Policy.key")
def _(original, policy, payload, id):
    return json.dumps(payload)


@breaks("a done run has another attribute", "H202", "shared.aws.dynamodb_records:DynamoDbRecords._update")
async def _(original, records, key, change, values, condition=""):
    return await original(
        records, key, change.replace("done", "finished"), values, condition.replace("done", "finished")
    )


@breaks("a letter's cause is recorded as an object", "H202", "shared.dead_letter:Cause.from_text")
def _(original, cls, text):
    return cls(**json.loads(text))


@breaks("a paused gate has another attribute", "H202", "shared.aws.dynamodb_gates:gate_of")
def _(original, attributes):
    return original({("stopped" if name == "paused" else name): one for name, one in attributes.items()})


@breaks("a rate is in seconds", "H202", "shared.aws.dynamodb_gates:gate_of")
def _(original, attributes):
    gate = original(attributes)
    return gate if gate.rate is None else gate._replace(rate=gate.rate._replace(every=gate.rate.every * 1000))


@breaks("the log says a delivery's outcome otherwise", "H204", "shared.log:write")
def _(original, level, message, *, error=None, **fields):
    renamed = {("result" if name == "outcome" else name): value for name, value in fields.items()}
    return original(level, message, error=error, **renamed)


@breaks("the log counts what a tick dispatched otherwise", "H204", "shared.log:write")
def _(original, level, message, *, error=None, **fields):
    renamed = {("sent" if name == "dispatched" else name): value for name, value in fields.items()}
    return original(level, message, error=error, **renamed)

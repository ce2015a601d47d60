"""Events that functions are invoked with: by the consumer, EventBridge, Lambda's poller, or a caller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import QUEUE_URL, a_delivery, binary, body_of, text

from consumer.consumer import CONSUMER
from consumer.others import Part, part_in
from shared import envelope
from shared.delivery import Batch, Delivery, to_event
from shared.lease import FAILING, PROBE, Lease
from worker.triggers.trigger import triggered
from zigzag_testing.event_sources import record_of

EXAMPLES = Path(__file__).resolve().parents[3] / "events"
BODY = body_of("cook", {"dish": "Käse 🧀"})
LEASE = Lease.taken(1_800_000_000.5)
SYSTEM = {
    "SentTimestamp": "1799999000000",
    "ApproximateFirstReceiveTimestamp": "1799999100000",
    "SenderId": "AIDA",
    "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
}
FIFO = {**SYSTEM, "MessageGroupId": "a", "MessageDeduplicationId": "d-1", "SequenceNumber": "1"}
ARN = "arn:aws:sqs:us-east-1:123456789012:tasks"
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"


def written() -> Iterator[tuple[str, Any]]:
    for what, batch in _batches():
        yield what, json.loads(to_event(batch))
    batch = Batch(tuple(_message(f"m-{number}") for number in (1, 2)))
    packed = [json.loads(envelope.compressed(delivery.message)) for delivery in batch.deliveries]
    yield "a batch that is compressed", {**json.loads(to_event(batch)), "Messages": packed}
    yield "another consumer's part", json.loads(Part(2, 200, 1_800_000_020.0, 1_800_000_065.0).event())
    records = [record_of(_message("m-1"), ARN), record_of(_message("m-2", system=FIFO), ARN)]
    yield "records of Lambda's poller", {"Records": records}
    for file in sorted(EXAMPLES.glob("*.json")):
        if file.stem != "environment":
            yield file.name, json.loads(file.read_text(encoding="utf-8"))


def _batches() -> Iterator[tuple[str, Batch]]:
    yield "a dispatch", Batch((_message("m-1"),))
    attributes = {"shop": text("Käse"), "photo": binary(b"\x00\xff")}
    yield "a dispatch with attributes", Batch((_message("m-1", attributes=attributes),))
    yield "a batch in order", Batch(tuple(_message(f"m-{number}", system=FIFO) for number in (1, 2)))
    permit = LEASE._replace(permit="0a1b2c3d", doubt=PROBE)
    yield "a dispatch with a permit, to try", Batch((_message("m-1", lease=permit),))
    yield "a dispatch while others fail", Batch((_message("m-1", lease=LEASE._replace(doubt=FAILING)),))
    yield "a dispatch without a lease", Batch((_message("m-1", lease=None),))


def _message(id: str, body: str = BODY, lease: Lease | None = LEASE, **more: Any) -> Delivery:
    message = a_delivery(body, system=more.pop("system", SYSTEM), receives=2, **more).message
    return Delivery({**message, "MessageId": id}, URL, lease)


def read(event: Any) -> Any:
    """Returns the batch that the worker makes of it, or the consumer's part."""
    if CONSUMER in event:
        return part_in(event, most=10, in_flight_cap=400)
    if "source" in event:
        return {"source": event["source"]}
    batch = triggered(event, [URL, QUEUE_URL], "request-1", flow_control=False, weights=[1]).batch
    return {
        "ordered": batch.ordered,
        "can_be_settled": batch.can_be_settled,
        "queue_url": batch.queue_url,
        "lease": batch.lease,
        "deliveries": [_as_read(delivery) for delivery in batch.deliveries],
    }


def _as_read(delivery: Delivery) -> dict[str, Any]:
    names = "message_id receipt_handle body attributes receive_count sent_at first_received_at trace_header"
    return {name: getattr(delivery, name) for name in [*names.split(), "group", "from_fifo"]}

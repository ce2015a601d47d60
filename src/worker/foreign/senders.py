"""Recognises the messages of foreign senders, and finds their tasks in EVENTS of `tasks/__init__.py`.

    EVENTS = {
        "s3": "import_file",                                        # or "s3:my-bucket"
        "eventbridge:aws.ec2": "note_instance",                     # or "eventbridge:aws.ec2:THE DETAIL-TYPE"
        "alarm": "call_somebody",                                   # or "alarm:the-alarms-name"
        "sns": "note",                                              # or "sns:the-topics-name"
        "celery:shop.tasks.resize": "resize_image(key, width)",     # names for what has none
    }

The line that says more counts. The payload is the event as AWS documents it, with two exceptions: the keys of
S3's objects are decoded, and Celery's arguments are the payload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from shared.delivery import Delivery
from worker.decode import Message, NothingToDoError, id_of, own_message, raw_message
from worker.foreign import celery
from worker.foreign.lines import line_for
from worker.foreign.unread import hint
from zigzag.body import BadMessageError, NoTaskError, read, task_name
from zigzag.extra.pointers import is_pointer

MAX_ENVELOPES = 2
"""Most notifications of SNS within each other. AWS makes one; a sender that forwards, two."""

_BASE64 = r"[A-Za-z0-9+/\s]++={0,2}+\s*+"
"""Possessive: a megabyte of spaces must not be tried from each of them."""


class _Event(NamedTuple):
    """A recognised event.

    keys -- of its lines in EVENTS, the one that says the most first.
    id   -- its own, or None if it has none.
    """

    keys: Sequence[str]
    what: str
    payload: dict[str, Any]
    id: str | None = None


def message_of(delivery: Delivery, text: str, refused: str) -> Message:
    """Returns the message of a body that is not ours.

    text    -- the body, or the object that it points to.
    refused -- why it is not; begins the reason if the sender is unknown as well.

    Raises BadMessageError, NothingToDoError, or BrokenTaskError if the line of EVENTS can't be read.
    """
    id, notifications = None, list[_Event]()
    while (body := _object(text)) is not None and _is_notification(body):
        if len(notifications) == MAX_ENVELOPES:
            raise BadMessageError(f"the body is a notification of SNS within {MAX_ENVELOPES} others")
        notifications.insert(0, _notification(body))
        text, id = body["Message"], body["MessageId"]  # the same where SNS delivers twice
        attribute = _part(body, "MessageAttributes", "task")
        if isinstance(attribute, dict) and attribute.get("Type") == "String":
            return raw_message(attribute.get("Value"), read(text), delivery, id)
    if body is not None and body.get("task") is not None:
        return own_message(body, delivery, id)
    call = None if body is None else celery.call_of(body, delivery.received_at)
    if call is not None:
        line = line_for([f"celery:{call.task}"], celery.WHAT, refused)
        payload, id = celery.payload_of(call, line.names), id_of(call.id, delivery)
        return Message(task_name(line.task), payload, id, expires_at=call.expires)
    events = ([] if body is None else _events_of(body)) + notifications
    if notifications and is_pointer(text):
        raise BadMessageError(
            "it is a pointer to an object in S3, in an envelope of SNS, which is not read: set "
            "RawMessageDelivery of the subscription to true"
        )
    if not events:
        raise BadMessageError(f"{refused}{hint(text, body)}")
    keys = [key for event in events for key in event.keys]
    line = line_for(keys, events[0].what, refused)
    event = next(event for event in events if line.key in event.keys)
    return Message(task_name(line.task), _decoded(event.payload), id_of(events[0].id or id, delivery))


def _object(text: str) -> dict[str, Any] | None:
    """Returns the JSON object of a text, or of the text that it is in base64, as kombu writes it."""
    try:
        return read(text)
    except NoTaskError:
        if not re.fullmatch(_BASE64, text):
            return None
    try:
        return read(celery.from_base64(text))
    except NoTaskError:
        return None


def _is_notification(body: dict[str, Any]) -> bool:
    """Returns whether it is a notification of SNS in its envelope. Raises BadMessageError if it is another of
    SNS's messages
    (https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html)."""
    texts = all(isinstance(body.get(key), str) for key in ("Type", "MessageId", "TopicArn", "Message"))
    if texts and body["Type"] in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        raise BadMessageError(
            f"it is SNS's {body['Type']}: a person must decide; a subscription is confirmed by opening the "
            "SubscribeURL in it, or by `aws sns confirm-subscription` with its Token"
        )
    return texts and body["Type"] == "Notification"


def _notification(body: dict[str, Any]) -> _Event:
    topic = body["TopicArn"].rpartition(":")[2]
    return _Event([f"sns:{topic}", "sns"], "a notification of SNS", body, body["MessageId"])


def _events_of(body: dict[str, Any]) -> list[_Event]:
    """Returns the event that a body is, or nothing. Raises NothingToDoError."""
    if (body.get("Service"), body.get("Event")) == ("Amazon S3", "s3:TestEvent"):
        raise NothingToDoError("nothing to do: S3 tests whether it may send here, s3:TestEvent")
    if _is_of_s3(body):
        buckets = {str(_part(record, "s3", "bucket", "name")) for record in body["Records"]}
        keys = [*(f"s3:{bucket}" for bucket in buckets if len(buckets) == 1), "s3"]
        return [_Event(keys, "an event of S3", body)]
    texts = {key: value for key, value in body.items() if isinstance(value, str)}
    # EventBridge Scheduler has a text as the detail: "{}".
    if {"source", "detail-type", "id"} <= set(texts) and isinstance(body.get("detail"), dict | str):
        source, detail = f"eventbridge:{texts['source']}", texts["detail-type"]
        return [
            _Event([f"{source}:{detail}", source, "eventbridge"], "an event of EventBridge", body, body["id"])
        ]
    if {"AlarmName", "NewStateValue", "StateChangeTime"} <= set(texts):
        return [_Event([f"alarm:{texts['AlarmName']}", "alarm"], "a CloudWatch alarm", body)]
    return []


def _is_of_s3(body: dict[str, Any]) -> bool:
    records = body.get("Records")
    return (
        isinstance(records, list)
        and bool(records)
        and all(
            isinstance(record, dict)
            and record.get("eventSource") == "aws:s3"
            and isinstance(_part(record, "s3", "object", "key"), str)
            for record in records
        )
    )


def _decoded(payload: dict[str, Any]) -> dict[str, Any]:
    """Decodes the keys of S3's objects: `a b/ü.txt` comes as `a+b/%C3%BC.txt`. Raises BadMessageError.

    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html)
    """
    for record in payload["Records"] if _is_of_s3(payload) else ():
        found = record["s3"]["object"]
        try:
            found["key"] = unquote_plus(found["key"], errors="strict")
        except UnicodeDecodeError:
            raise BadMessageError("it is an event of S3, and an object's key is not UTF-8") from None
    return payload


def _part(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value

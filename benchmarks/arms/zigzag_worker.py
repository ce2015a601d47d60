"""Calls Zigzag's worker as Lambda does: `zigzag_worker.py TASK NUMBER` works so many events."""

import json
import os
import sys
import time

import measured

TASK, NUMBER = sys.argv[1], int(sys.argv[2])


class Context:
    """The part of Lambda's context that the handler uses."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def an_event() -> dict[str, object]:
    """Returns the event of a dispatch whose message was received now."""
    now = time.time()
    milliseconds = str(int(now * 1000))
    message = {
        "MessageId": "00000000-0000-4000-8000-000000000000",
        "ReceiptHandle": "AQEB" * 44,
        "Body": json.dumps({"task": TASK, "payload": {"name": "world"}}),
        "Attributes": {"SentTimestamp": milliseconds, "ApproximateReceiveCount": "1"},
    }
    lease = {"ReceivedAt": now, "StartBy": now + 90, "Ends": now + 120}
    return {"QueueUrl": os.environ["ZIGZAG_QUEUE_URL"], "Message": message, "Lease": lease}


from worker.app import handler  # noqa: E402 - Lambda's init phase: makes the client

begun = measured.begin()
for number in range(NUMBER):
    if number == 1:
        begun = measured.begin()  # the first one opened the connection, and imported the task
    report = handler(an_event(), Context())
    if report["outcome"] != "succeeded" or not report["settled"]:
        sys.exit(f"the event failed: {report}")
measured.say(begun)

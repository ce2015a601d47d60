"""Calls Zigzag's consumer as Lambda does, tick after tick, until the queue is empty. It may get an event."""

import json
import sys
import time

import measured

TIMEOUT_SECONDS = 90  # of the consumer, in template.yaml


class Context:
    """The part of Lambda's context that the handler uses."""

    def __init__(self) -> None:
        self._ends_at = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends_at - time.monotonic()) * 1000)


from consumer.app import handler  # noqa: E402 - Lambda's init phase: makes the clients

begun = measured.begin()
event = json.loads(sys.argv[1]) if sys.argv[1:] else {}
while (tick := handler(event, Context()))["stopped"] == "out of time":
    pass
if tick["stopped"] != "queue empty":
    sys.exit(f"the tick ended: {tick}")
measured.say(begun)

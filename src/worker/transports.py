"""The worker's transports, and its tasks' sends: all are the function's, whatever a task sets for its own."""

from __future__ import annotations

import os
from collections.abc import Callable

from shared.aws.choice import transport_in_place
from shared.aws.doubt import Doubt
from shared.aws.identity import Identity
from shared.aws.transport import Transport
from zigzag.send import send_as


def transports_by_now(wanted: str, ends_at: Callable[[], float]) -> tuple[Transport, Transport]:
    """What settles and records, and what beats. Variables count as they are now, for sends, too.

    wanted  -- "lean" or "boto".
    ends_at -- when the invocation ends, in epoch seconds.
    """
    identity, doubt = Identity(os.environ), Doubt()
    send_as(identity)
    # What settles and records does no harm when it is sent twice, and much when it is lost.
    aws = transport_in_place(wanted, attempts=4, ends_at=ends_at, doubt=doubt, identity=identity)
    beats = transport_in_place(wanted, attempts=1, ends_at=ends_at, doubt=doubt, identity=identity)
    aws.prepare("sqs")
    beats.prepare("sqs")  # else boto would make it while a task runs
    return aws, beats

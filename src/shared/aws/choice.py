"""Which transport does a function use? The lean one first, unless boto is asked for, or alone can serve."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial

from shared import log
from shared.aws.doubt import Doubt, LeanFirst
from shared.aws.identity import Identity
from shared.aws.lean.connections import Arriving
from shared.aws.lean.endpoint import AwsEnvironment, NeedsBotoError, aws_environment
from shared.aws.transport import Transport, never
from shared.ports.queue import MAX_PER_CALL

LEAN, BOTO = "lean", "boto"


def transport_in_place(
    wanted: str,
    *,
    attempts: int,
    ends_at: Callable[[], float] = never,
    doubt: Doubt | None = None,
    identity: Identity | None = None,
    region: str | None = None,
) -> Transport:
    """One that makes its calls here and now.

    wanted   -- "lean" or "boto".
    attempts -- how often a call is sent at most.
    ends_at  -- when the invocation ends, in epoch seconds: nothing is sent later.
    doubt    -- of the lean client, where other transports of the process share it.
    identity -- whose calls they are; without one, the process's of now.
    region   -- where they go, if it is not the caller's own.
    """

    def boto() -> Transport:
        from shared.aws.boto import BotoTransport

        return BotoTransport(attempts=attempts, ends_at=ends_at, identity=identity, region=region)

    found = _for_lean(wanted, identity, region)
    if found is None:
        return boto()
    from shared.aws.lean.streams_in_place import InPlace
    from shared.aws.lean.transport import LeanTransport

    lean = LeanTransport(found, InPlace(), attempts=attempts, ends_at=ends_at)
    return LeanFirst(lean, boto, doubt or Doubt(), calls_again=attempts > 1)


def transport_in_a_loop(
    wanted: str,
    *,
    attempts: int,
    connections: int,
    threads: int,
    arriving: Arriving | None = None,
    botos_messages: int = MAX_PER_CALL,
    identity: Identity | None = None,
) -> Transport:
    """One for an event loop, with many calls under way. As above.

    connections    -- the most of the lean one to each service.
    threads        -- of boto, which waits in one for each call, and has as many connections.
    arriving       -- as the lean one's.
    botos_messages -- most that a receive of boto's asks for; half of them once it has taken over, since what
                      the lean one has taken of the memory does not come back.
    """

    def boto(messages: int) -> Transport:
        from concurrent.futures import ThreadPoolExecutor

        from shared.aws.boto import BotoTransport, in_threads

        call = in_threads(ThreadPoolExecutor(threads))
        return BotoTransport(
            attempts=attempts, connections=threads, call=call, messages=messages, identity=identity
        )

    found = _for_lean(wanted, identity)
    if found is None:
        return boto(botos_messages)
    from shared.aws.lean.streams_in_a_loop import InALoop
    from shared.aws.lean.transport import LeanTransport

    lean = LeanTransport(found, InALoop(), attempts=attempts, connections=connections, arriving=arriving)
    takes_over = partial(boto, max(1, botos_messages // 2))
    return LeanFirst(lean, takes_over, Doubt(), calls_again=attempts > 1)


def _for_lean(wanted: str, identity: Identity | None, region: str | None = None) -> AwsEnvironment | None:
    """What the lean transport needs, if it is wanted and can serve."""
    if wanted != LEAN:
        return None
    try:
        variables = os.environ if identity is None else identity.variables
        return aws_environment({**variables, "AWS_DEFAULT_REGION": region} if region else variables)
    except NeedsBotoError as error:
        log.write(logging.INFO, "boto is used", reason=str(error))
        return None

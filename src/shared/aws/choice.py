"""Chooses a function's transport: the lean one first, unless boto is wanted, or only boto can serve."""

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
    """Returns a transport whose calls block.

    wanted   -- "lean" or "boto".
    attempts -- most times that a call is sent.
    ends_at  -- returns when the invocation ends, in epoch seconds: nothing is sent later.
    doubt    -- the doubt of the lean client, if transports of the process share it.
    identity -- the identity that calls; without one, that of the process now.
    region   -- the region to call, if it is not the caller's own.
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
    """Returns a transport for an event loop. The other parameters are as for `transport_in_place`.

    connections    -- most connections of the lean transport to each service.
    threads        -- number of threads for boto, which blocks one for each call, and of its connections.
    arriving       -- as for the lean transport.
    botos_messages -- most messages of boto's receive; half of them once boto has taken over, as the memory
                      that the lean transport used is not given back.
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
    """Returns the environment for the lean transport, or None if it is not wanted or can't serve."""
    if wanted != LEAN:
        return None
    try:
        variables = os.environ if identity is None else identity.variables
        return aws_environment({**variables, "AWS_DEFAULT_REGION": region} if region else variables)
    except NeedsBotoError as error:
        log.write(logging.INFO, "boto is used", reason=str(error))
        return None

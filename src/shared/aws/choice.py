"""Which transport does a function use? The lean one, unless boto is asked for, or alone can serve."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from shared import log
from shared.aws.lean.connections import Arriving
from shared.aws.lean.endpoint import AwsEnvironment, NeedsBotoError, aws_environment
from shared.aws.transport import Transport, never

LEAN, BOTO = "lean", "boto"


def transport_in_place(wanted: str, *, attempts: int, ends_at: Callable[[], float] = never) -> Transport:
    """One that makes its calls here and now.

    wanted   -- "lean" or "boto".
    attempts -- how often a call is sent at most.
    ends_at  -- when the invocation ends, in epoch seconds: nothing is sent later.
    """
    found = _for_lean(wanted)
    if found is None:
        from shared.aws.boto import BotoTransport

        return BotoTransport(attempts=attempts, ends_at=ends_at)
    from shared.aws.lean.streams_in_place import InPlace
    from shared.aws.lean.transport import LeanTransport

    return LeanTransport(found, InPlace(), attempts=attempts, ends_at=ends_at)


def transport_in_a_loop(
    wanted: str, *, attempts: int, connections: int, threads: int, arriving: Arriving | None = None
) -> Transport:
    """One for an event loop, with many calls under way. As above.

    connections -- the most of the lean one to each service.
    threads     -- of boto, which waits in one for each call, and has as many connections.
    arriving    -- as the lean one's.
    """
    found = _for_lean(wanted)
    if found is None:
        from concurrent.futures import ThreadPoolExecutor

        from shared.aws.boto import BotoTransport, in_threads

        call = in_threads(ThreadPoolExecutor(threads))
        return BotoTransport(attempts=attempts, connections=threads, call=call)
    from shared.aws.lean.streams_in_a_loop import InALoop
    from shared.aws.lean.transport import LeanTransport

    return LeanTransport(found, InALoop(), attempts=attempts, connections=connections, arriving=arriving)


def _for_lean(wanted: str) -> AwsEnvironment | None:
    """What the lean transport needs, if it is wanted and can serve."""
    if wanted != LEAN:
        return None
    try:
        return aws_environment(os.environ)
    except NeedsBotoError as error:
        log.write(logging.INFO, "boto is used", reason=str(error))
        return None

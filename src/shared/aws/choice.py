"""Which transport does a function use? The lean one, unless boto is asked for, or alone can serve."""

from __future__ import annotations

import logging
import os

from shared import log
from shared.aws.endpoint import NotForUsError, Surroundings, surroundings
from shared.aws.transport import Transport

LEAN, BOTO = "lean", "boto"

LEAST_THREADS, CONNECTIONS_A_THREAD = 10, 5
"""boto3 waits in a thread for each call, takes eight times the processor time for one, and parses all of its
authorities for each connection. So it has fewer: more would wait for the processor, and for one another. With
ten, what one poll received goes out at once."""


def threads_for(connections: int) -> int:
    """How many threads boto has where the lean transport has so many connections to a service."""
    return max(LEAST_THREADS, connections // CONNECTIONS_A_THREAD)


def transport_in_place(wanted: str, *, attempts: int) -> Transport:
    """One that makes its calls here and now.

    wanted   -- "lean" or "boto".
    attempts -- how often a call is sent at most.
    """
    found = _for_lean(wanted)
    if found is None:
        from shared.aws.boto_transport import BotoTransport

        return BotoTransport(attempts=attempts)
    from shared.aws.lean_transport import LeanTransport
    from shared.aws.streams_in_place import InPlace

    return LeanTransport(found, InPlace(), attempts=attempts)


def transport_in_a_loop(wanted: str, *, attempts: int, connections: int) -> Transport:
    """One for an event loop, with many calls under way. As above.

    connections -- the most of the lean one to each service; boto has `threads_for` so many.
    """
    found = _for_lean(wanted)
    if found is None:
        from concurrent.futures import ThreadPoolExecutor

        from shared.aws.boto_transport import BotoTransport, in_threads

        threads = threads_for(connections)
        call = in_threads(ThreadPoolExecutor(threads))
        return BotoTransport(attempts=attempts, connections=threads, call=call)
    from shared.aws.lean_transport import LeanTransport
    from shared.aws.streams_in_a_loop import InALoop

    return LeanTransport(found, InALoop(), attempts=attempts, connections=connections)


def _for_lean(wanted: str) -> Surroundings | None:
    """What the lean transport needs, if it is wanted and can serve."""
    if wanted != LEAN:
        return None
    try:
        return surroundings(os.environ)
    except NotForUsError as error:
        log.write(logging.INFO, "boto is used", reason=str(error))
        return None

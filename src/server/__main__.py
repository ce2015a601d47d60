"""`python -m server`."""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):  # process 1 of a container ignores them by default
        signal.signal(number, lambda *_: sys.exit(0))
    from server.command import main  # loaded here: it takes a while

    sys.exit(main(sys.argv[1:]))

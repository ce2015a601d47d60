"""The command of a server: checks what it needs, and runs its processes until a signal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from server.check import problem_of
from server.options import options_of, queue_of, settings_of
from server.supervisor import Supervisor
from shared import log
from shared.settings import SettingError

USAGE_STATUS = 2
"""The exit status if a setting or an option is wrong, as argparse has it."""

PROCESS_COMMAND = (sys.executable, "-m", "server.app")


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    options = options_of(arguments)
    try:
        settings = settings_of(os.environ)
        queue = queue_of(settings, options.queue)
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_STATUS
    log.configure()
    log.take_turns()
    if problem := problem_of(queue, settings):
        log.write(logging.ERROR, problem)
        return 1
    log.write(logging.INFO, "the server begins", **options._asdict(), queue_url=queue.url)
    supervisor = Supervisor(
        PROCESS_COMMAND, options.to_arguments(), processes=options.at_once, grace=options.grace
    )
    status = supervisor.run()
    log.write(logging.INFO, "the server has ended", status=status)
    return status

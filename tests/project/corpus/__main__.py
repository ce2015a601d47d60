"""Writes the corpus of this version: `make corpus`."""

from __future__ import annotations

import logging
import sys

from tests.project.corpus.versions import CorpusError, write

from shared import log
from zigzag_project.parts import ROOT


def main() -> int:
    log.LOGGER.addHandler(logging.NullHandler())  # the lines of tasks that fail are no news here
    try:
        folder = write()
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder.relative_to(ROOT)}: {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Cleans up when the program that started a local AWS is killed.

This small process waits for the end of its standard input, a pipe that only its starter holds open: the
kernel closes it when the starter ends for any reason. `python -m zigzag_local.guard DIRECTORY`.
"""

import sys
from pathlib import Path

from zigzag_local import processes


def main() -> None:
    directory = Path(sys.argv[1])
    sys.stdin.buffer.read()
    if directory.exists():  # otherwise it was stopped normally
        processes.end(directory)


if __name__ == "__main__":
    main()

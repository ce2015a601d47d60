"""Measures other projects on the same stub: `python -m benchmarks.peers [--quick]`.

It needs the network for pip and npm, and Node for two of the peers.
"""

from benchmarks.alone import run_alone
from benchmarks.peers.compared import measure, tables

if __name__ == "__main__":
    run_alone(measure, tables)

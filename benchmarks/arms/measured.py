"""Prints an arm's own figures, as JSON in its last line on standard output.

It loads only modules that every arm loads anyway: its own cost is measured as well.
"""

import json
import os
import sys
import time

_BUNDLES = [0]


def begin() -> float:
    """The processor time until now, of all threads, for `say`."""
    return time.process_time()


def say(begun: float, **more: object) -> None:
    """Prints the figures of the time since `begin`, and of the whole process."""
    told = {"cpu_seconds": time.process_time() - begun, "peak_bytes": peak_bytes(), **more}
    if "BENCHMARK_COUNTS_BUNDLES" in os.environ:
        told["bundles_parsed"] = _BUNDLES[0]
    sys.stdout.write(f"\n{json.dumps(told)}\n")


def peak_bytes() -> int:
    """Returns the most memory that this process had resident.

    The figure of `os.wait4` would include the memory that the parent had at the fork.
    """
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        import resource  # not on Linux

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _count_bundles() -> None:
    import ssl

    load = ssl.SSLContext.load_verify_locations

    def counted(*arguments: object, **named: object) -> None:
        _BUNDLES[0] += 1
        load(*arguments, **named)  # type: ignore[arg-type]

    ssl.SSLContext.load_verify_locations = counted  # type: ignore[method-assign]


if "BENCHMARK_COUNTS_BUNDLES" in os.environ:
    _count_bundles()

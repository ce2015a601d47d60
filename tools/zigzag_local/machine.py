"""Tells whether this machine can run the local AWS, and for which Lambda architecture it must build."""

import platform

from zigzag_local.errors import LocalAwsError

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}  # the kernel's name: Lambda's name


def lambda_architecture(system: str | None = None, machine: str | None = None) -> str:
    """Returns Lambda's name of this machine's architecture: "x86_64" or "arm64".

    The emulator runs the built functions as processes of this machine. `sam build` makes Linux packages for
    Lambda, so the machine has to run Linux.

    Raises LocalAwsError if this is not Linux on x86_64 or aarch64.
    """
    system, machine = system or platform.system(), machine or platform.machine()
    if system == "Linux" and machine in _ARCHITECTURES:
        return _ARCHITECTURES[machine]
    raise LocalAwsError(
        f"The local AWS runs on Linux (x86_64 or aarch64), and this is {system} on {machine}: "
        "use WSL2 on Windows, a Linux virtual machine on macOS."
    )

"""A certificate made at run time by the `openssl` command: it is its own authority."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

RSA = ("-newkey", "rsa:2048")
"""What most of AWS's endpoints have."""

# By "Amazon" our clients know AWS's own authorities in a bundle (src/shared/aws/lean/trust.py).
STUB = "Zigzag's benchmarks, in Amazon's place"


class Certificate(NamedTuple):
    """The files of a certificate and of its key. Clients take the certificate for their CA bundle."""

    certificate: Path
    key: Path


def make_certificate(
    folder: Path, *, name: str = STUB, address: str | None = "127.0.0.1", kind: tuple[str, ...] = RSA
) -> Certificate:
    """Makes both in `folder`, good for two days. Raises CalledProcessError.

    name, address -- of the server that shows it; without an address, its name is the common name alone.
    kind          -- of key, in openssl's words.
    """
    made = Certificate(folder / "ca.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    if address is not None:
        command += ["-addext", f"subjectAltName=IP:{address},DNS:localhost"]
    command += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return made

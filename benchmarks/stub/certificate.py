"""Makes a certificate by the `openssl` command. It is its own authority."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

RSA = ("-newkey", "rsa:2048")
"""The kind of key that most of AWS's endpoints have."""

# Our clients find AWS's own authorities in a bundle by the word "Amazon" (src/shared/aws/lean/trust.py).
STUB = "Zigzag's benchmarks, in Amazon's place"


class Certificate(NamedTuple):
    """The files of a certificate and of its key. The certificate is the clients' CA bundle."""

    certificate: Path
    key: Path


def make_certificate(
    folder: Path, *, name: str = STUB, address: str | None = "127.0.0.1", kind: tuple[str, ...] = RSA
) -> Certificate:
    """Makes both in `folder`, valid for two days. Raises CalledProcessError.

    name, address -- those of the server; without an address, only the common name has its name.
    kind          -- the kind of key, as openssl's options.
    """
    made = Certificate(folder / "ca.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    if address is not None:
        command += ["-addext", f"subjectAltName=IP:{address},DNS:localhost"]
    command += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return made

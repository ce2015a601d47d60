"""A certificate for 127.0.0.1, made at run time: it is its own authority."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """The files of a certificate and of its key. Clients take the certificate for their CA bundle."""

    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Makes both in `folder`, good for two days. Raises CalledProcessError."""
    made = Certificate(folder / "ca.pem", folder / "key.pem")
    subject = [
        "-subj",
        "/CN=Zigzag's benchmarks, in Amazon's place",
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
    ]
    usage = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, *subject, *usage, *files], check=True, capture_output=True)
    return made

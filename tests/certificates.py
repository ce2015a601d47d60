"""A certificate for 127.0.0.1, made for one test run by the `openssl` command."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def make_certificate(
    folder: Path, address: str = "127.0.0.1", name: str = "test"
) -> tuple[Path, ssl.SSLContext]:
    """The certificate, which is its own authority, and what a server needs to show it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName=IP:{address}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context

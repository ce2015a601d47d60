"""A certificate for a test's server, and what the server needs to show it."""

from __future__ import annotations

import ssl
from pathlib import Path

from benchmarks.stub import certificate

ELLIPTIC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
"""A key that is made at once."""


def make_certificate(
    folder: Path, *, name: str = "test", address: str | None = "127.0.0.1"
) -> tuple[Path, ssl.SSLContext]:
    """Makes a certificate, which is its own authority, and a server's context with it."""
    made = certificate.make_certificate(folder, name=name, address=address, kind=ELLIPTIC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return made.certificate, context

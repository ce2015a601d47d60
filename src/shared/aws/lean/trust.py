"""Decides which certificates are trusted: those of the machine's authorities, or of a given bundle.

OpenSSL needs time to read an authority, and a bundle has over a hundred: that would be a quarter of a cold
start's work. AWS's endpoints have certificates of Amazon's own authorities
(https://www.amazontrust.com/repository/). So only Amazon's authorities in the bundle are read at first, and
all of the bundle only if a server's certificate comes from another one. No authority outside the bundle is
trusted.
"""

from __future__ import annotations

import functools
from binascii import a2b_base64
from collections.abc import Iterable
from ssl import (
    PROTOCOL_TLS_CLIENT,
    VERIFY_X509_PARTIAL_CHAIN,
    VERIFY_X509_STRICT,
    SSLContext,
    SSLObject,
    create_default_context,
    get_default_verify_paths,
)

_AMAZONS = (b"Amazon", b"Starfield")
"""Words in the names of Amazon's authorities. Amazon has bought Starfield's."""


class Trust:
    """Holds the context for new connections, `context`. Raises OSError if the bundle can't be read."""

    def __init__(self, bundle: str | None) -> None:
        self._bundle = bundle or get_default_verify_paths().cafile
        amazons = _amazons(self._bundle)
        self.context = _context(amazons) if amazons else self._wide

    def wider_than(self, context: SSLContext) -> SSLContext | None:
        """Returns a context that trusts all of the bundle, or None if `context` did so already."""
        if context is self._wide:
            return None
        self.context = self._wide  # the next connections will need it, too
        return self._wide

    @functools.cached_property
    def _wide(self) -> SSLContext:
        return _by_names_vouched_for(create_default_context(cafile=self._bundle))


@functools.cache
def trust(bundle: str | None) -> Trust:
    """Returns the trust of all connections in this process. Raises OSError if the bundle can't be read.

    bundle -- the path of a file of authorities in PEM, instead of the machine's.
    """
    return Trust(bundle)


def _context(authorities: bytes) -> SSLContext:
    context = _by_names_vouched_for(SSLContext(PROTOCOL_TLS_CLIENT))  # it checks certificates, too
    context.verify_flags |= VERIFY_X509_PARTIAL_CHAIN | VERIFY_X509_STRICT  # as the default context
    context.load_verify_locations(cadata=authorities)
    return context


def _by_names_vouched_for(context: SSLContext) -> SSLContext:
    """Makes the context accept a host only by its subjectAltName, as boto does: a common name is no proof
    (https://www.rfc-editor.org/rfc/rfc9525#section-2)."""
    context.hostname_checks_common_name = False
    context.sslobject_class = SSLObject  # set on the instance: a task may replace the class's
    return context


def _amazons(bundle: str | None) -> bytes:
    """Returns Amazon's authorities in the bundle, joined, in DER; b"" if it has no file or none is found."""
    if bundle is None:
        return b""  # the machine has a folder of authorities; OpenSSL reads one when it needs it
    with open(bundle, "rb") as file:
        try:
            return b"".join(one for one in _in_der(file.read()) if any(name in one for name in _AMAZONS))
        except ValueError:  # not base64: OpenSSL will say so
            return b""


def _in_der(pem: bytes) -> Iterable[bytes]:
    for part in pem.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        yield a2b_base64(part.partition(b"-----END CERTIFICATE-----")[0])

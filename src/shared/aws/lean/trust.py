"""Whose certificates are trusted? Those of the machine's authorities, or of a bundle that is named instead.

To read an authority takes OpenSSL a while, and a bundle has over a hundred: at a cold start, that would be a
quarter of all that is done. AWS's endpoints have certificates of Amazon's own authorities
(https://www.amazontrust.com/repository/). So those of the bundle are read at first, and all of it only if
somebody is met whom they don't vouch for. Nobody is trusted who is not in the bundle.
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
"""What stands in their names. Amazon has bought Starfield's."""


class Trust:
    """What connections are made with: `context` at first. Raises OSError if the bundle can't be read."""

    def __init__(self, bundle: str | None) -> None:
        self._bundle = bundle or get_default_verify_paths().cafile
        amazons = _amazons(self._bundle)
        self.context = _context(amazons) if amazons else self._wide

    def wider_than(self, context: SSLContext) -> SSLContext | None:
        """One that trusts all of the bundle, for who was not trusted by `context`; None if that one did."""
        if context is self._wide:
            return None
        self.context = self._wide  # whoever comes next will need it, too
        return self._wide

    @functools.cached_property
    def _wide(self) -> SSLContext:
        return _by_names_vouched_for(create_default_context(cafile=self._bundle))


@functools.cache
def trust(bundle: str | None) -> Trust:
    """What all connections of this process share. Raises OSError if the bundle can't be read.

    bundle -- a file of authorities in PEM, instead of the machine's.
    """
    return Trust(bundle)


def _context(authorities: bytes) -> SSLContext:
    context = _by_names_vouched_for(SSLContext(PROTOCOL_TLS_CLIENT))  # it checks certificates, too
    context.verify_flags |= VERIFY_X509_PARTIAL_CHAIN | VERIFY_X509_STRICT  # as the default context
    context.load_verify_locations(cadata=authorities)
    return context


def _by_names_vouched_for(context: SSLContext) -> SSLContext:
    """The context, which takes a host by a subjectAltName alone, as boto does: a common name is no proof
    (https://www.rfc-editor.org/rfc/rfc9525#section-2)."""
    context.hostname_checks_common_name = False
    context.sslobject_class = SSLObject  # of its own: a task may replace the class's
    return context


def _amazons(bundle: str | None) -> bytes:
    """Amazon's authorities in the bundle, one after the other, in DER; none if it can't be told."""
    if bundle is None:
        return b""  # the machine has them in a folder, from which OpenSSL reads one when it needs it
    with open(bundle, "rb") as file:
        try:
            return b"".join(one for one in _in_der(file.read()) if any(name in one for name in _AMAZONS))
        except ValueError:  # no base64: OpenSSL has the words for it
            return b""


def _in_der(pem: bytes) -> Iterable[bytes]:
    for part in pem.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        yield a2b_base64(part.partition(b"-----END CERTIFICATE-----")[0])

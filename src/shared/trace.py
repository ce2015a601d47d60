"""Says what of X-Ray's header may go on with a message: never its lineage, by which Lambda counts the steps
of a loop. A message's steps are counted by us, and a redriven letter begins anew."""

from __future__ import annotations

_KEPT = ("Root=", "Sampled=")


def root_and_sampled(header: str | None) -> str | None:
    """Returns these two parts of the header
    (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader), or None
    without a root."""
    parts = [part for one in (header or "").split(";") if (part := one.strip()).startswith(_KEPT)]
    return ";".join(parts) if any(part.startswith("Root=") for part in parts) else None

"""Carries a trace of OpenTelemetry in a message: the sender's span is the parent of its task's span.

Where the process has not loaded OpenTelemetry's API there are no spans, and nothing of this is loaded. The
attribute is the W3C's `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header). Its tracestate
and baggage may have anything in them, and are not sent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

NAME = "traceparent"
API = "opentelemetry.trace"

_FORM = r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})"


def attributes() -> Mapping[str, Mapping[str, Any]]:
    """Returns the attribute that names the current span; none without a span."""
    span = sys.modules[API].get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    value = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return {NAME: {"DataType": "String", "StringValue": value}}


def parent_of(attributes: Mapping[str, object]) -> Any:
    """Returns OpenTelemetry's context of the span that sent a message with these attributes, as a task sees
    them; None if they name none."""
    if not (found := re.fullmatch(_FORM, str(attributes.get(NAME, "")))):
        return None
    api = sys.modules[API]
    trace, span, flags = (int(part, 16) for part in found.groups())
    sender = api.SpanContext(trace, span, is_remote=True, trace_flags=api.TraceFlags(flags))
    return api.set_span_in_context(api.NonRecordingSpan(sender))

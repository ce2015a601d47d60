"""Checks that a payload can be sent: it has to fit its task, and to come back from JSON the same."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from shared.trace import root_and_sampled
from zigzag.body import BadMessageError, read_value
from zigzag.errors import BadPayloadError, SendError
from zigzag.handle import misfit
from zigzag.outbox import now
from zigzag.round_trip import change

type Parse = Callable[[Any], Any]


def checked(name: str, model: Any, payload: Any, parse: Parse) -> dict[str, Any]:
    """Returns the whole payload of the task `name`, as JSON has it. Raises BadPayloadError."""
    try:
        if model is None:
            return _of_dict(name, payload)
        return _of_model(name, payload, parse) if isinstance(payload, model) else _raw(name, payload, parse)
    except RecursionError:
        raise BadPayloadError(f"the payload of {name} is nested too deeply, or holds itself") from None


def _of_dict(name: str, payload: Any) -> dict[str, Any]:
    if not isinstance(payload, Mapping):
        raise BadPayloadError(f"{name} takes a dict, not {type(payload).__name__}")
    given = dict(payload)
    try:
        back = _read(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadPayloadError(f"the payload for {name} can't be written as JSON: {error}") from error
    if (found := change(given, back)) is not None:
        raise BadPayloadError(
            f"the payload for {name} would change on its way: {found}. "
            "JSON has texts as keys, lists and dicts: send those"
        )
    return given


def _of_model(name: str, given: Any, parse: Parse) -> dict[str, Any]:
    """Returns the JSON of a model's instance, if it comes back the same."""
    written = _written(name, given)
    if not isinstance(written, dict):
        raise BadPayloadError(f"the payload of {name} must be a JSON object")
    if (found := change(given, parse(written))) is not None:
        raise BadPayloadError(
            f"the payload for {name} would change on its way: {found}. Give that field a type and a "
            "serializer with which it is read as it is written, or leave it out of the model"
        )
    return written


def _raw(name: str, payload: Any, parse: Parse) -> dict[str, Any]:
    """Returns a payload that is JSON already, with the model's defaults if the model can write them."""
    if not isinstance(payload, Mapping):
        parse(payload if _is_json(payload) else None)
        raise BadPayloadError(f"the payload of {name} must be a JSON object")
    given = _of_dict(name, payload)
    model = parse(given)
    try:
        return _of_model(name, model, parse)
    except BadPayloadError:  # the model can't write it, as with a SecretStr; `given` has the text
        if (found := change(model, parse(given))) is not None:
            raise BadPayloadError(
                f"the payload for {name} lacks a field whose default changes in each attempt: {found}; "
                "give it"
            ) from None
        return given


def _written(name: str, given: Any) -> Any:
    try:
        # `round_trip` writes JSON that the model reads again. Warnings would show values.
        text = given.model_dump_json(by_alias=True, round_trip=True, warnings=False)
    except ValueError as error:
        raise BadPayloadError(misfit(name, error)) from None
    return _read(text)


def _read(text: str) -> Any:
    """Returns the value of a payload's JSON. Raises BadPayloadError for one beyond the worker's limits,
    before a model sees it: pydantic could take gigabytes for its errors."""
    try:
        return read_value(text)
    except BadMessageError as error:
        raise BadPayloadError(f"the worker would refuse the message: {error}") from None


def carried() -> Mapping[str, Mapping[str, Any]]:
    """Returns the attributes that carry a trace, if the process makes one."""
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from zigzag.extra import trace

    with suppress(Exception):  # a message without its trace is better than none
        return trace.attributes()
    return {}


def traced_by_x_ray() -> str | None:
    """Returns the header of the trace that X-Ray makes of this invocation, or None if it makes none."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    return root_and_sampled(header) if "Sampled=1" in header else None


def _is_json(payload: Any) -> bool:
    return payload is None or isinstance(payload, str | int | float | list)


def expiry_of(time: Any, delay_seconds: int = 0) -> float:
    """Returns an `expires_at` in epoch seconds. Raises SendError if it is no such time, or is over before the
    delay is."""
    if (at := epoch_of("expires_at", time)) <= now() + delay_seconds:
        over = "not after the delay" if delay_seconds else "in the past"
        raise SendError(f"expires_at is {over}: the message would never start")
    return at


def epoch_of(name: str, time: Any) -> float:
    """Returns a time in epoch seconds. Raises SendError if the option of that name is none with a zone."""
    from datetime import datetime

    if not isinstance(time, datetime):
        raise SendError(
            f"{name} must be a datetime with a time zone, such as datetime.now(UTC) + timedelta(days=1)"
        )
    if time.utcoffset() is None:
        raise SendError(f"{name} has no time zone; give it one: datetime(…, tzinfo=UTC), or a ZoneInfo")
    return time.timestamp()

"""Writes values of DynamoDB's items, and reads values that anybody may have written.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shared.aws.dynamodb_records import KEY


def typed(value: Any) -> dict[str, Any]:
    """Returns a number, a set of texts or a map of typed values in DynamoDB's form."""
    if isinstance(value, set):
        return {"SS": sorted(value)}
    return {"M": value} if isinstance(value, dict) else {"N": str(value)}


def attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an item's attributes without its key: floats, dictionaries, frozen sets of texts, and other
    values in DynamoDB's form."""
    return {name: _read(typed) for name, typed in item.items() if name != KEY}


def _read(typed: Any) -> Any:
    try:
        if "M" in typed:
            return {name: _read(one) for name, one in typed["M"].items()}
        if "SS" in typed:
            return frozenset(typed["SS"])
        number = float(typed["N"])
    except (AttributeError, LookupError, TypeError, ValueError):
        return typed
    return number if math.isfinite(number) else typed

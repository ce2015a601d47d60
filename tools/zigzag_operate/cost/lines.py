"""Lines of a cost, each with the factors that it is the product of, and the prices."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """USD. `alarm` and `metrics` are paid by the month, all others by use.

    metrics -- the most possible: a metric is paid for the hours in which it gets a value.
    """

    lambda_time: float = 0.0
    lambda_requests: float = 0.0
    sqs: float = 0.0
    logs: float = 0.0
    metrics: float = 0.0
    alarm: float = 0.0

    @property
    def before_logs(self) -> float:
        return self.lambda_time + self.lambda_requests + self.sqs

    @property
    def total(self) -> float:
        return sum(float(getattr(self, part.name)) for part in fields(self))


class Line:
    """One line of a sum.

    part    -- the field of Cost that it belongs to.
    name    -- what is paid for.
    factors -- numbers and what each counts.
    price   -- USD for one of the product.
    """

    __slots__ = ("factors", "name", "part", "price")

    def __init__(self, part: str, name: str, *factors: Any) -> None:
        self.part, self.name = part, name
        self.factors: list[tuple[float, str]] = list(factors[:-1])
        self.price = float(factors[-1])

    @property
    def amount(self) -> float:
        return math.prod(number for number, _ in self.factors) * self.price

    def times(self, number: float, of: str) -> Line:
        """Returns the line for another number of what it counts first."""
        return Line(self.part, self.name, (self.factors[0][0] * number, of), *self.factors[1:], self.price)


def cost_of(lines: Iterable[Line]) -> Cost:
    """Returns the sums of the parts."""
    parts: dict[str, float] = {}
    for line in lines:
        parts[line.part] = parts.get(line.part, 0.0) + line.amount
    return Cost(**parts)


def price(service: str, name: str, of: str | None = None) -> float:
    """Returns a price of prices.toml, in USD."""
    found = prices()[service][name]
    return float(found[of] if of else found)


@functools.cache
def prices() -> dict[str, Any]:
    with PRICES.open("rb") as file:
        return tomllib.load(file)

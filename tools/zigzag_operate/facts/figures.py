"""A figure that may be unknown, and calls that are made at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import FORBIDDEN, cause
from zigzag_operate.errors import OperateError


@dataclass(frozen=True, slots=True)
class Unknown:
    """A figure that could not be read. `unknown` says why, such as `needs cloudwatch:GetMetricData`."""

    unknown: str


type Figure[T] = T | Unknown

type Calls = dict[Any, tuple[str, Callable[[], Any]]]
"""Calls by any key, each with the permission that it needs."""


def unknown_of(error: BotoCoreError | ClientError, action: str) -> Unknown:
    """Returns the figure that AWS did not give.

    action -- the permission that its call needs.
    """
    if isinstance(error, ClientError) and error.response["Error"].get("Code") in FORBIDDEN:
        return Unknown(f"needs {action}")
    return Unknown(cause(error))


def together(calls: Calls, seconds: float) -> dict[Any, Any]:
    """Makes all calls at the same time. Returns for each what it returned, or an Unknown.

    seconds -- a call without an answer after them is left to itself: its thread ends with the process.
    """
    until = monotonic() + seconds
    made = {key: (action, _begun(call)) for key, (action, call) in calls.items()}
    return {key: _figure(future, action, until) for key, (action, future) in made.items()}


def _begun(call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()

    def make() -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    Thread(target=make, daemon=True).start()
    return future


def _figure(future: Future[Any], action: str, until: float) -> Figure[Any]:
    try:
        return future.result(max(0.0, until - monotonic()))
    except (BotoCoreError, ClientError) as error:
        return unknown_of(error, action)
    except OperateError as error:
        return Unknown(str(error))
    except TimeoutError:
        return Unknown("no answer came in time")


def summed(figures: Iterable[Figure[int]]) -> Figure[int]:
    """Returns the sum, or the first figure that is unknown."""
    known = 0
    for one in figures:
        if isinstance(one, Unknown):
            return one
        known += one
    return known


def largest(figures: Iterable[Figure[int | None]]) -> Figure[int | None]:
    """Returns the largest one, or the first figure that is unknown; None without any."""
    known = None
    for one in figures:
        if isinstance(one, Unknown):
            return one
        known = one if known is None or (one is not None and one > known) else known
    return known

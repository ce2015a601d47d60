"""Reads what Lambda and Zigzag logged, and sets it beside the cost model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from statistics import median
from typing import Any

from zigzag_operate.cost.model import CALL_SECONDS, IDLE_TICK_SECONDS, Measured, processor_seconds
from zigzag_verify.seen import Stack

MAX_PAGES = 12
"""Of a log group. Lines beyond are not read."""

LARGEST = "characters of the bodies of one receive, at most"

IN_TEXT = {
    "durationMs": r"\tDuration: ([\d.]+) ms",
    "initDurationMs": r"Init Duration: ([\d.]+) ms",
    "maxMemoryUsedMB": r"Max Memory Used: (\d+) MB",
    "memorySizeMB": r"Memory Size: (\d+) MB",
}
"""Lambda's report as text, as local AWSs write it."""


def readings(stack: Stack) -> dict[str, Any]:
    """Returns the figures of a stack's functions, how soon messages started, and the ticks."""
    told: dict[str, Any] = {}
    lines = {name: list(_lines(stack, f"{name}LogGroupName")) for name in ("Consumer", "Worker")}
    for name, found in lines.items():
        told[name.lower()] = _function([report for one in found if (report := _report(one))])
    told["consumer"]["idle tick, by the model, ms"] = IDLE_TICK_SECONDS * 1000
    worker_mb = int(told["worker"].get("memory, MB") or 256)
    by_model = CALL_SECONDS + processor_seconds(Measured().worker_cpu, worker_mb)
    told["worker"]["a task of nothing, by the model, ms"] = round(by_model * 1000, 1)
    delivered = [one for one in lines["Worker"] if one.get("message") == "delivery"]
    prompt = [one["age_seconds"] for one in delivered if str(one.get("id")).startswith("prompt:")]
    told["send to start, seconds"] = sorted(prompt)
    good = [one["seconds"] for one in delivered if str(one.get("id")).startswith("prompt:")]
    told["worker"]["seconds of a task with two writes"] = sorted(good)
    ticks = [one for one in lines["Consumer"] if one.get("message") == "tick"]
    minutes = [str(one.get("timestamp"))[:16] for one in ticks]
    told["ticks"] = {"ticks": len(ticks), "minutes in which one ended": len(set(minutes))}
    told["ticks"][LARGEST] = max((one.get("largest_receive", 0) for one in ticks), default=0)
    return told


def _lines(stack: Stack, output: str) -> Iterator[dict[str, Any]]:
    pages = stack.door.client("logs").get_paginator("filter_log_events")
    for page in islice(pages.paginate(logGroupName=stack.made.outputs[output]), MAX_PAGES):
        for event in page.get("events", ()):
            try:
                line = json.loads(event["message"])
            except ValueError:
                line = {"text": event["message"]}
            yield line if isinstance(line, dict) else {}


def _report(line: Mapping[str, Any]) -> dict[str, float] | None:
    """Returns Lambda's figures of an invocation, or None if it is another line."""
    if line.get("type") == "platform.report":
        return {name: float(value) for name, value in line["record"]["metrics"].items()}
    text = str(line.get("text", ""))
    if not text.startswith("REPORT"):
        return None
    found = {name: re.search(pattern, text) for name, pattern in IN_TEXT.items()}
    return {name: float(one[1]) for name, one in found.items() if one}


def _function(reports: list[dict[str, float]]) -> dict[str, Any]:
    def of(name: str) -> list[float]:
        return [one[name] for one in reports if name in one]

    durations, inits, memory = of("durationMs"), of("initDurationMs"), of("maxMemoryUsedMB")
    return {
        "requests": len(reports),
        "duration, least and median, ms": [min(durations), median(durations)] if durations else None,
        "init, median and most, ms": [median(inits), max(inits)] if inits else None,
        "memory used at most, MB": max(memory, default=None),
        "memory, MB": max(of("memorySizeMB"), default=None),
    }

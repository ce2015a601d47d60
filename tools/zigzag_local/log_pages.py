"""Tells all lines of a log group, a page after the other: MiniStack tells the first 10,000, and no token."""

from __future__ import annotations

from typing import Any

MAX_ON_A_PAGE = 10_000
"""Lines, as CloudWatch
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html)."""


def tell_all(logs: Any) -> None:
    """Corrects FilterLogEvents of the module ministack.services.cloudwatch_logs. A token is the number of the
    lines that were told."""
    its_filter = logs._filter_log_events

    def filtered(asked: dict[str, Any]) -> Any:
        group = logs._log_groups.get(logs._resolve_log_group_name(asked))
        if group is None:
            return its_filter(asked)  # which says so
        found = _found(logs, group["streams"], asked)
        begin = int(asked.get("nextToken", 0))
        end = begin + min(asked.get("limit", MAX_ON_A_PAGE), MAX_ON_A_PAGE)
        events = [{**event, "logStreamName": stream} for event, stream in found[begin:end]]
        more = {"nextToken": str(end)} if end < len(found) else {}
        return logs.json_response({"events": events, "searchedLogStreams": [], **more})

    logs._filter_log_events = filtered


def _found(logs: Any, streams: Any, asked: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Returns the lines in the order of their times, each with its stream's name."""
    fits = logs._compile_filter_pattern(asked.get("filterPattern", ""))
    since, until = asked.get("startTime", 0), asked.get("endTime", float("inf"))
    with logs._log_events_lock:
        found = [
            (event, name)
            for name in asked.get("logStreamNames") or list(streams)
            for event in streams.get(name, {"events": ()})["events"]
            if since <= event["timestamp"] <= until and fits(event["message"])
        ]
    return sorted(found, key=lambda one: (one[0]["timestamp"], one[0].get("ingestionTime", 0)))

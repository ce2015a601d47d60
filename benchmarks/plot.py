"""Draws the throughput of the arms, as an SVG for light and dark pages."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

LEFT, TOP, LONGEST, BAR, GAP = 250, 74, 500, 16, 6
"""The bars' left and top, the length of the longest, their thickness, and the gap between two."""

HEAD = 30
"""Height of a group's heading."""

_STYLE = """  <style>
    .page { fill: #ffffff; stroke: #d0d7de }
    .other { fill: #d0d7de }
    .ours { fill: #0969da }
    .name { fill: #1f2328; font-weight: 600 }
    .note { fill: #57606a; font-size: 13px }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d }
      .other { fill: #484f58 }
      .ours { fill: #58a6ff }
      .name { fill: #e6edf3 }
      .note { fill: #9da7b1 }
    }
  </style>"""

_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


def throughput(rows: list[dict[str, Any]], subtitle: str) -> str:
    """Returns the picture of dispatch's rows, a group of bars for each latency."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["latency_ms"], []).append(row)
    most = max(row["messages_per_second"] for row in rows)
    lines: list[str] = []
    y = TOP
    for latency, group in groups.items():
        lines.append(_text(24, y + 13, f"{latency} ms for each call", "name"))
        y += HEAD
        for row in group:
            lines += _bar(row, y, row["messages_per_second"] / most)
            y += BAR + GAP
        y += GAP
    return _page(lines, y + 10, subtitle, _description(rows))


def _bar(row: dict[str, Any], y: int, share: float) -> list[str]:
    length = max(1.0, share * LONGEST)
    kind = "ours" if row["arm"].startswith("zigzag") else "other"
    figures = f"{row['messages_per_second']:,.0f}/s, {row['cpu_us_per_message']:,.0f} µs of CPU each"
    return [
        _text(LEFT - 10, y + 13, row["arm"], "note", "end"),
        f'  <rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
        _text(LEFT + length + 8, y + 13, figures, "note"),
    ]


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'  <text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def _description(rows: list[dict[str, Any]]) -> str:
    told = (f"{row['arm']} at {row['latency_ms']} ms: {row['messages_per_second']:,.0f}" for row in rows)
    return f"Messages dispatched a second. {'; '.join(told)}."


def _page(lines: list[str], height: int, subtitle: str, description: str) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 {height}" width="1000" '
            f'height="{height}" role="img" aria-labelledby="title description" '
            f'font-family="{_FONT}" font-size="15">',
            '  <title id="title">Messages dispatched a second, on one processor</title>',
            f'  <desc id="description">{escape(description)}</desc>',
            "  <!-- Written by `python -m benchmarks`. It has a background of its own. -->",
            _STYLE,
            f'  <rect class="page" x="0.5" y="0.5" width="999" height="{height - 1}" rx="8"/>',
            _text(24, 34, "Messages dispatched a second, on one processor", "name"),
            _text(24, 54, subtitle, "note"),
            *lines,
            "</svg>\n",
        ]
    )

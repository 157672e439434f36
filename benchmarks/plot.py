"""Plots the figures of `benchmarks.bars --figures`: latency and CPU by sessions, as SVG."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 380, 260, 56, 34, 44, 40
COLOURS = ("#1f6feb", "#d1242f")

Line = tuple[str, list[float]]


def panel(title: str, unit: str, xs: list[float], lines: list[Line], limit: float | None) -> str:
    """Draw one diagram; a value beyond twice the limit is drawn at the edge."""
    top = max(value for _, values in lines for value in values)
    if limit is not None:
        top = min(max(top, limit * 1.2), limit * 2)
    right, floor = WIDTH - 16, HEIGHT - BOTTOM

    def place(x: float, y: float) -> str:
        across = LEFT + (right - LEFT) * x / max(xs)
        return f"{across:.1f},{floor - (floor - TOP) * min(y, top) / top:.1f}"

    parts = [f'<text x="{LEFT}" y="20" font-weight="bold">{title}</text>']
    for step in range(5):
        value = top * step / 4
        height = place(0, value).split(",")[1]
        parts.append(f'<path d="M{LEFT},{height} H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{height}" text-anchor="end">{value:.3g}</text>')
    for x in xs:
        across = place(x, 0).split(",")[0]
        parts.append(f'<text x="{across}" y="{floor + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{right}" y="{floor + 34}" text-anchor="end">sessions; {unit}</text>')
    if limit is not None:
        height = place(0, limit).split(",")[1]
        parts.append(f'<path d="M{LEFT},{height} H{right}" stroke="#888" stroke-dasharray="4"/>')
    for (name, values), colour, row in zip(lines, COLOURS, range(2), strict=False):
        points = " ".join(place(x, y) for x, y in zip(xs, values, strict=True))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(
            f'<text x="{LEFT + 8}" y="{TOP + 14 + 14 * row}" fill="{colour}">{name}</text>'
        )
    return "\n".join(parts)


def draw(trials: Sequence[dict[str, Any]]) -> str:
    """Draw both diagrams."""
    xs = [float(trial["sessions"]) for trial in trials]
    medians = [trial["p50_ms"] for trial in trials]
    tails = [trial["p99_ms"] for trial in trials]
    shares = [100 * trial["core"] for trial in trials]
    latency = panel(
        "The server's own latency", "ms", xs, [("median", medians), ("p99", tails)], 100
    )
    cpu = panel("Use of one core", "percent", xs, [("busy", shares)], 100)
    width = 2 * WIDTH + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        'font-family="sans-serif" font-size="11" fill="#333">\n'
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>\n'
        f'<g>{latency}</g>\n<g transform="translate({WIDTH + GAP},0)">{cpu}</g>\n</svg>\n'
    )


def main() -> None:
    """Draw the figures of a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot")
    parser.add_argument("figures", help="what benchmarks.bars --figures has saved")
    parser.add_argument("svg", help="where the picture goes")
    arguments = parser.parse_args()
    trials = json.loads(Path(arguments.figures).read_text(encoding="utf-8"))["trials"]
    Path(arguments.svg).write_text(draw(trials), encoding="utf-8")


if __name__ == "__main__":
    main()

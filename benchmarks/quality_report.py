"""Writes `docs/quality.md` and its picture from what `benchmarks.quality --record` has kept."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.quality_table import bars

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 420, 240, 44, 34, 40
COLOURS = ("#8c959f", "#1f6feb", "#2da44e", "#bf8700", "#8250df")
TOPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000)
"""Figures at which a diagram may end."""
COLUMNS = 3
SHORT = {"noise 20 dB below": "20 dB", "noise 10 dB below": "10 dB"}

Stacks = Mapping[str, Mapping[str, Any]]
"""Name of a stack → its figures."""

INTRODUCTION = """# Ears and voices

How many words go wrong, how long a user waits, and what it costs, of the stacks that need no key
and no download. Measured by the command below, on two cores; this page and its picture are made
from what it keeps.

```sh
make quality                                     # the stack that is configured, whichever it is
make quality ARGS="--profile offline --languages en,zh"
make quality-page                                # this page, from docs/quality.json
```

WER is the word error rate, of Chinese that of characters: the fewest words to replace, to put in
and to leave out, over the words that were said. Case, punctuation and the spelling of numbers do
not count. `flite` are twenty sentences of a synthesiser that no stack here uses by default, `human`
recordings of people reading, `own voice` is what the voice of the stack itself says. The noise is
pink. `empty` counts turns of which nothing was heard, `noises` are sounds without a word, of which
nothing should be heard. CPU is that of the recogniser.

![Word error rates by stack, speech and condition](quality.svg)
"""


def page(stacks: Stacks) -> str:
    """Write the page."""
    return INTRODUCTION + "".join(_section(name, found) for name, found in stacks.items())


def _section(name: str, found: Mapping[str, Any]) -> str:
    talk = found["talk"]
    lines = [
        f"\n## {name}\n",
        f"Recogniser: {found['recogniser']}.\n",
        "| language | speech | condition | turns | empty | WER | transcript after | CPU a turn "
        "| CPU a second of speech |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {row['language']} | {row['speaker']} | {row['condition']} | {row['clips']} "
            f"| {row['empty']} | {100 * row['word_error_rate']:.1f} % "
            f"| {row['transcript_ms']} ms | {row['cpu_ms_per_turn']} ms "
            f"| {1000 * row['cpu_per_second']:.0f} ms |"
            for row in found["heard"]
        ),
        "",
        "| what | figure |",
        "|---|---|",
        f"| transcripts of {found['noises']} noises | {len(found['invented'])} |",
        f"| end of turn → first audio, with 500 ms of silence | {talk['detected_ms']} ms, at most "
        f"{talk['detected_max_ms']} ms |",
        f"| manual commit → first audio | {talk['manual_ms']} ms, at most "
        f"{talk['manual_max_ms']} ms |",
        f"| memory of the server | {talk['memory_mb']} MB |",
        *(
            f"| voice, {one['language']}: {one['voice']} | first audio after "
            f"{one['first_audio_ms']} ms, {1000 * one['cpu_per_second']:.0f} ms of CPU a second "
            "of audio |"
            for one in found["voices"]
        ),
        *(_promises(found) if name == "embedded" else ()),
    ]
    return "\n".join(lines) + "\n"


def _promises(found: Mapping[str, Any]) -> list[str]:
    """Return how the default stack stands to what is promised of it."""
    return [
        "",
        "Promised, with human speech and its own voice:",
        "",
        "| what | measured | promised | |",
        "|---|---|---|---|",
        *(
            f"| {bar.name} | {bar.value:.3g} {bar.unit} | ≤ {bar.limit:g} "
            f"| {'kept' if bar.met else '**not kept**'} |"
            for bar in bars(found)
        ),
    ]


def draw(stacks: Stacks) -> str:
    """Draw a diagram for each language and kind of speech, and two for waits and CPU."""
    rates = {
        (f"{row['language']}, {row['speaker']}", row["condition"], name): (
            100 * row["word_error_rate"]
        )
        for name, found in stacks.items()
        for row in found["heard"]
    }
    waits = {
        ("waits", place, name): float(found["talk"][key])
        for name, found in stacks.items()
        for place, key in (("end of turn → audio", "detected_ms"), ("commit → audio", "manual_ms"))
    }
    cpu = {
        ("cpu", place, name): 1000 * figure
        for name, found in stacks.items()
        for place, figure in (
            ("ears", median(row["cpu_per_second"] for row in found["heard"])),
            *((f"voice, {one['language']}", one["cpu_per_second"]) for one in found["voices"]),
        )
    }
    names = list(stacks)
    panels = [
        _panel(f"{speech}: words wrong, %", names, _of(rates, speech))
        for speech in dict.fromkeys(speech for speech, _condition, _name in rates)
    ]
    panels += [
        _panel("waits, ms", names, _of(waits, "waits")),
        _panel("CPU, ms a second of speech", names, _of(cpu, "cpu")),
    ]
    placed = [
        f'<g transform="translate({WIDTH * (at % COLUMNS)},{HEIGHT * (at // COLUMNS)})">{drawn}</g>'
        for at, drawn in enumerate(panels)
    ]
    width, height = WIDTH * COLUMNS, HEIGHT * math.ceil(len(panels) / COLUMNS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" fill="#333">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        + "\n".join(placed)
        + "\n</svg>\n"
    )


Figures = Mapping[tuple[str, str], float]
"""(place on the axis, stack) → figure."""


def _of(figures: Mapping[tuple[str, str, str], float], diagram: str) -> Figures:
    return {
        (place, name): figure
        for (shown, place, name), figure in figures.items()
        if shown == diagram
    }


def _panel(title: str, stacks: Sequence[str], figures: Figures) -> str:
    places = list(dict.fromkeys(place for place, _name in figures))
    worst = max(figures.values())
    top = next((limit for limit in TOPS if worst <= 0.9 * limit), TOPS[-1])
    floor, right = HEIGHT - BOTTOM, WIDTH - 12
    parts = [f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>']
    for value in (top * quarter / 4 for quarter in range(5)):
        height = floor - (floor - TOP) * value / top
        parts.append(f'<path d="M{LEFT},{height:.1f} H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{height:.1f}" text-anchor="end">{value:g}</text>')
    group = (right - LEFT) / len(places)
    bar = group * 0.8 / len(stacks)
    for at, place in enumerate(places):
        start = LEFT + group * (at + 0.1)
        label = escape(SHORT.get(place, place))
        parts.append(
            f'<text x="{start + group * 0.4:.1f}" y="{floor + 15}" '
            f'text-anchor="middle">{label}</text>'
        )
        for number, name in enumerate(stacks):
            if (figure := figures.get((place, name))) is None:
                continue
            tall = (floor - TOP) * min(figure, top) / top
            left = start + bar * number
            parts.append(
                f'<rect x="{left:.1f}" y="{floor - tall:.1f}" width="{bar - 2:.1f}" '
                f'height="{tall:.1f}" fill="{COLOURS[number % len(COLOURS)]}"/>'
            )
            parts.append(
                f'<text x="{left + bar / 2 - 1:.1f}" y="{floor - tall - 3:.1f}" font-size="9" '
                f'text-anchor="middle">{figure:.3g}</text>'
            )
    for number, name in enumerate(stacks):
        across = LEFT + number * 120
        parts.append(
            f'<rect x="{across}" y="{HEIGHT - 16}" width="10" height="10" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
            f'<text x="{across + 14}" y="{HEIGHT - 7}">{escape(name)}</text>'
        )
    return "\n".join(parts)


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality_report")
    parser.add_argument("figures", help="what benchmarks.quality --record has kept")
    parser.add_argument("page", help="where the page goes; the picture lies beside it")
    arguments = parser.parse_args()
    stacks = json.loads(Path(arguments.figures).read_text(encoding="utf-8"))
    page_file = Path(arguments.page)
    page_file.write_text(page(stacks), encoding="utf-8")
    page_file.with_suffix(".svg").write_text(draw(stacks), encoding="utf-8")


if __name__ == "__main__":
    main()

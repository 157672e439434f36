"""The figures of `benchmarks.quality` in a terminal, and how they stand to what is promised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LIMITS = {"clear": 0.03, "noise 10 dB below": 0.08}
"""Condition → word error rate that the default stack keeps with human speech and its own voice."""


def table(name: str, found: dict[str, Any]) -> str:
    """Render the figures of a stack as plain text."""
    lines = [f"{name}: {found['recogniser']}"]
    lines += [
        f"  voice ({one['language']}): {one['voice']}: first audio {one['first_audio_ms']} ms, "
        f"{one['cpu_per_second']:.3f} s of CPU a second of audio"
        for one in found["voices"]
    ]
    head = ("", "speech", "condition", "turns", "empty", "WER %", "ms", "CPU ms a turn", "CPU s/s")
    widths = (3, 10, 18, 6, 6, 7, 6, 14, 8)
    rows = [
        (
            row["language"],
            row["speaker"],
            row["condition"],
            row["clips"],
            row["empty"],
            f"{100 * row['word_error_rate']:.1f}",
            row["transcript_ms"],
            row["cpu_ms_per_turn"],
            f"{row['cpu_per_second']:.3f}",
        )
        for row in found["heard"]
    ]
    for cells in (head, *rows):
        texts = [str(cell) for cell in cells]
        left = [text.ljust(width) for text, width in zip(texts[:3], widths[:3], strict=True)]
        right = [text.rjust(width) for text, width in zip(texts[3:], widths[3:], strict=True)]
        lines.append("  " + " ".join(left + right).rstrip())
    invented = found["invented"]
    lines.append(f"  transcripts of {found['noises']} noises: {len(invented)} {invented or ''}")
    talk = found["talk"]
    lines.append(
        f"  end of turn → first audio: {talk['detected_ms']} ms (max {talk['detected_max_ms']}); "
        f"manual commit → first audio: {talk['manual_ms']} ms (max {talk['manual_max_ms']}); "
        f"{talk['memory_mb']} MB"
    )
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Bar:
    """What is promised of the default stack, and what was measured."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.value <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "MISSED"
        return f"{self.name:<32}{self.value:>8.1f}  ≤ {self.limit:<6g}{self.unit:<8}{verdict}"


def bars(found: Mapping[str, Any]) -> list[Bar]:
    """Say how the default stack stands to what is promised of it."""
    rates: dict[str, list[float]] = defaultdict(list)
    for row in found["heard"]:
        if row["language"] == "en" and row["speaker"] in ("human", "own voice"):
            rates[row["condition"]].append(row["word_error_rate"])
    talk, heard = found["talk"], found["heard"]
    cpu = sum(row["cpu_ms_per_turn"] * row["clips"] for row in heard) / sum(
        row["clips"] for row in heard
    )
    return [
        *(Bar(f"WER, {name}", 100 * max(rates[name]), 100 * LIMITS[name], "%") for name in LIMITS),
        Bar("end of turn → first audio", talk["detected_ms"], 60, "ms"),
        Bar("manual commit → first audio", talk["manual_ms"], 350, "ms"),
        Bar("CPU of a transcript", cpu, 200, "ms"),
        Bar("transcripts of noises", len(found["invented"]), 0, f"of {found['noises']}"),
        Bar("turns dropped", sum(row["empty"] for row in heard), 0, f"of {_turns(heard)}"),
        Bar("memory of the server", talk["memory_mb"], 550, "MB"),
    ]


def _turns(heard: Iterable[dict[str, Any]]) -> int:
    return sum(row["clips"] for row in heard)

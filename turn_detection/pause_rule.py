"""How long a pause must be before it ends a turn of `semantic_vad`: one table, no state (§C.4).

Three witnesses are heard: Smart Turn, which judges the sound of the pause; the transcript, whose
last words may hang; and the pause itself. None is enough alone. Smart Turn takes every second
unfinished sentence of a synthetic voice for a complete one, the transcript comes late or not at
all, and a pause of a second is thinking as often as it is the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from session.turn_settings import Eagerness
from turn_detection.finished import Ending

CEILINGS_MS: dict[Eagerness, int] = {"low": 8000, "medium": 4000, "high": 2000, "auto": 4000}
"""Silence that ends any turn, whatever the witnesses say."""

SURE, LIKELY, UNLIKELY = 0.9, 0.5, 0.1
"""Judgements (0–1) from which a turn sounds complete for sure, sounds complete, and may be it."""
SHORT_MS = 640
"""Voice of a turn of a word or two, of which Smart Turn cannot tell much."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a pause so far."""

    complete: float | None
    """The judgement on it that counts (0–1), see `judged_pauses.py`; None: there is none."""
    ending: Ending | None
    """How the transcript up to the pause ends; None: it is not known."""
    voiced_ms: int
    """Voice in the turn, pauses left out, in milliseconds."""


@dataclass(frozen=True, slots=True)
class _Waits:
    """Milliseconds of silence that end a turn, of one eagerness."""

    finished_likely: int
    """The words are finished, and it sounds complete."""
    finished_unknown: int
    """The words are finished, and there is no judgement."""
    finished_possible: int
    """The words are finished, and it sounds rather incomplete."""
    finished_unlikely: int
    """The words are finished, and it sounds incomplete."""
    unsure_sure: int
    """The words may be finished, and it sounds complete for sure."""
    unsure: int
    recited: int
    """Digits or letters are being read out: more than the pauses between their groups."""
    hanging: int
    wordless_sure: int
    """There is no transcript, and it sounds complete for sure."""
    wordless_likely: int
    wordless_unknown: int
    """Neither a transcript nor a judgement."""
    wordless_unlikely: int
    """At least, where there is no transcript and it sounds incomplete."""
    short: int
    """At most, for a turn of a word or two that does not hang."""


_MEDIUM = _Waits(
    finished_likely=224,
    finished_unknown=384,
    finished_possible=352,
    finished_unlikely=1800,
    unsure_sure=512,
    unsure=1600,
    recited=1120,
    hanging=2000,
    wordless_sure=352,
    wordless_likely=640,
    wordless_unknown=800,
    wordless_unlikely=1000,
    short=800,
)
_WAITS: dict[Eagerness, _Waits] = {
    "low": _Waits(
        finished_likely=416,
        finished_unknown=640,
        finished_possible=800,
        finished_unlikely=3200,
        unsure_sure=1600,
        unsure=2400,
        recited=1600,
        hanging=4000,
        wordless_sure=736,
        wordless_likely=1200,
        wordless_unknown=1500,
        wordless_unlikely=2000,
        short=864,
    ),
    "medium": _MEDIUM,
    "auto": _MEDIUM,
    "high": _Waits(
        finished_likely=160,
        finished_unknown=256,
        finished_possible=256,
        finished_unlikely=800,
        unsure_sure=320,
        unsure=640,
        recited=736,
        hanging=1600,
        wordless_sure=352,
        wordless_likely=480,
        wordless_unknown=512,
        wordless_unlikely=640,
        short=512,
    ),
}


def needed_ms(eagerness: Eagerness, evidence: Evidence) -> int:
    """Return the silence, in milliseconds, that ends a turn (§C.4)."""
    waits = _WAITS[eagerness]
    wait = _unshortened(waits, CEILINGS_MS[eagerness], evidence)
    if evidence.voiced_ms <= SHORT_MS and evidence.ending is not Ending.HANGING:
        return min(wait, waits.short)
    return wait


def _unshortened(waits: _Waits, ceiling_ms: int, evidence: Evidence) -> int:
    complete = evidence.complete
    match evidence.ending:
        case Ending.HANGING:
            return waits.hanging
        case Ending.RECITED:
            return waits.recited
        case Ending.UNSURE:
            return waits.unsure_sure if (complete or 0) >= SURE else waits.unsure
        case Ending.FINISHED:
            return _finished(waits, complete)
    if complete is None:
        return waits.wordless_unknown
    if complete >= LIKELY:
        return waits.wordless_sure if complete >= SURE else waits.wordless_likely
    # The less complete it sounds, the longer.
    return max(waits.wordless_unlikely, round(ceiling_ms * (1 - complete)))


def _finished(waits: _Waits, complete: float | None) -> int:
    if complete is None:
        return waits.finished_unknown
    if complete >= LIKELY:
        return waits.finished_likely
    return waits.finished_possible if complete >= UNLIKELY else waits.finished_unlikely

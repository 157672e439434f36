"""Whisper's published models: their short names, where they are, and how large.

It imports nothing that a provider installs, so that the size can be said before that.
"""

from __future__ import annotations

from collections.abc import Mapping

CPU_MODEL, GPU_MODEL = "small", "large-v3-turbo"
"""What is used unless `stt.model` names another."""
_SIZES = (
    *("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium"),
    *("large-v1", "large-v2", "large-v3"),
)
_DISTILLED = ("large-v2", "medium.en", "small.en", "large-v3")
_TURBO = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"

REPOSITORIES: Mapping[str, str] = {
    **{size: f"Systran/faster-whisper-{size}" for size in _SIZES},
    "large": "Systran/faster-whisper-large-v3",
    **{f"distil-{size}": f"Systran/faster-distil-whisper-{size}" for size in _DISTILLED},
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "large-v3-turbo": _TURBO,
    "turbo": _TURBO,
}
"""Short name of a model → its repository, by the names that faster-whisper made customary."""

_MEGABYTES = {
    "tiny": 76,
    "base": 145,
    "small": 484,
    "medium": 1528,
    "large": 3090,
    "large-v3-turbo": 1620,
    "turbo": 1620,
    "distil-small": 332,
    "distil-medium": 789,
    "distil-large": 1515,
}


def megabytes(name: str) -> int | None:
    """Return about how much is downloaded for a model; None: it is not one of these.

    Args:
        name: A short name or a repository.
    """
    short = next((one for one, found in REPOSITORIES.items() if name in (one, found)), None)
    if short is None or short in _MEGABYTES:
        return _MEGABYTES.get(short) if short else None
    return _MEGABYTES[short.removesuffix(".en").partition("-v")[0]]

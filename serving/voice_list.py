"""The voices that clients may choose, of one stack or of all (`GET /v1/audio/voices`, §D.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from providers.base import VoiceInfo
from serving.stacks import Stack


def voice_list(stacks: Iterable[Stack]) -> dict[str, Any]:
    """Return the answer: each voice once, and the stacks that have it where there are several."""
    found: dict[VoiceInfo, list[str]] = {}
    names = []
    for stack in stacks:
        names.append(stack.name)
        for voice in stack.pipelines.tts.list_voices():
            found.setdefault(voice, []).append(stack.name)
    several = len(names) > 1
    return voices_told((voice, having if several else ()) for voice, having in found.items())


def voices_told(voices: Iterable[tuple[VoiceInfo, Sequence[str]]]) -> dict[str, Any]:
    """Return the answer for voices, and with each the stacks that have it; none: they all do."""
    told = list(voices)
    return {
        "object": "list",
        "data": [
            {"object": "voice", **asdict(voice), **({"stacks": having} if having else {})}
            for voice, having in told
        ],
        "voices": list(dict.fromkeys(voice.id for voice, _having in told)),
    }

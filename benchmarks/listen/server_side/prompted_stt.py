"""A recogniser that has been told what will be said, and when: by the transcription prompt.

What the server makes of words is the subject, not how well a recogniser hears them. A word is
known a while after it has ended, as from a recogniser that writes while it hears.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from providers import (
    STTProvider,
    Transcript,
    TurnCommittedFrame,
    TurnStartedFrame,
    TurnSTTService,
)

BYTES_PER_MS = 32
"""Of 16-bit PCM at 16 kHz."""
PREFIX_MS = 300
"""Audio before the onset that belongs to a turn, by default (`docs/wire.md` §C.4)."""
LATE_MS = 200
"""Milliseconds from the end of a word until the recogniser knows it."""
EARLY_MS = 120
"""How much of a word's end may be missing from a turn."""


class PromptedSTT(STTProvider):
    """Builds recognisers that know what is said."""

    label = "prompted"
    lifelike = False

    def __init__(self, _config: object) -> None:
        """There is nothing to configure."""

    def create(self) -> TurnSTTService:
        """Build the recogniser of one session."""
        return PromptedTurns()


@dataclass
class _Item:
    """A turn of the conversation, which may be recognised several times."""

    first: int
    """The word with which it begins."""
    known: int = 0
    """How many of its words the last recognition of it knew."""


@dataclass
class _Heard:
    item: _Item
    script: dict[str, Any]
    ms: float = 0.0
    shown: int = 0


class PromptedTurns(TurnSTTService):
    """The recogniser of one session.

    The prompt is JSON: `{"words": [[word, from_ms, to_ms], …]}`, on the clock of whoever speaks, or
    `{"always": text, "no_speech": 0.9}` for the same transcript of every turn. Turns take the words
    in order: one begins where the last one's words ended.
    """

    def __init__(self) -> None:
        """Start with nothing said."""
        super().__init__()
        self._said: dict[str, _Item] = {}
        self._heard: dict[str, _Heard] = {}

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Find the words with which it begins."""
        name = turn.recognition_id.partition(".")[0]
        item = self._said.get(name)
        if item is None:
            taken = max((one.first + one.known for one in self._said.values()), default=0)
            item = self._said[name] = _Item(taken)
        self._heard[turn.recognition_id] = _Heard(item, json.loads(turn.settings.prompt or "{}"))

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Show the words that are known by now."""
        heard = self._heard[recognition_id]
        heard.ms += len(audio) / BYTES_PER_MS
        known = _words(heard, -LATE_MS)
        if len(known) > heard.shown:
            heard.shown = len(known)
            await self.push_interim(recognition_id, " ".join(known))

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """Say the words of the turn."""
        heard = self._heard.pop(frame.recognition_id)
        if "always" in heard.script:
            await self.push_final(frame.recognition_id, _transcript(heard.script))
            return
        known = _words(heard, EARLY_MS)
        heard.item.known = len(known)
        await self.push_final(frame.recognition_id, " ".join(known))

    async def discard_turn(self, recognition_id: str) -> None:
        """Forget a turn."""
        self._heard.pop(recognition_id, None)


def _words(heard: _Heard, slack_ms: float) -> list[str]:
    """Return the words of a turn whose ends, give or take, have been heard."""
    rest = heard.script.get("words", [])[heard.item.first :]
    if not rest:
        return []
    spoken_ms = heard.ms - PREFIX_MS + slack_ms
    return [word for word, _from_ms, to_ms in rest if to_ms - rest[0][1] <= spoken_ms]


def _transcript(script: dict[str, Any]) -> Transcript:
    known = {field.name for field in fields(Transcript)}
    extra = {name: value for name, value in script.items() if name in known}
    return Transcript(text=script["always"], **extra)

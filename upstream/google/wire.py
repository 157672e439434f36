"""What Gemini Live is sent and what it answers, as data (`BidiGenerateContent`).

https://ai.google.dev/api/live. Names are in camel case, as the service itself writes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pybase64

from providers.links.link import Event
from session.ports import MediaTokens, TokenUsage
from upstream.google.conversation import (
    UNWRITTEN,
    Called,
    Entry,
    Heard,
    Returned,
    Said,
    Seen,
    as_text,
)

HEARS_RATE = 16_000
"""Hz of the audio that the service hears."""
SPEAKS_RATE = 24_000
"""Hz of the audio that it makes."""
NUDGE = " "
"""What makes the model speak where the user says nothing."""

_VERSION = re.compile(r"gemini(?:-[a-z]+)*-(\d+)(?:\.(\d+))?")
_DATA_URI = re.compile(r"data:(?P<kind>[\w/+.-]+);base64,(?P<data>.*)", re.DOTALL)
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}
_BUDGETS = {"minimal": 0, "low": 1024, "medium": 8192}
_HIGHEST_BUDGET = 24576


@dataclass(frozen=True, slots=True)
class Model:
    """A model's name, and what follows from its version."""

    name: str

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version; that of the newest models where the name has none."""
        found = _VERSION.search(self.name)
        return (int(found[1]), int(found[2] or 0)) if found else (99, 0)

    @property
    def thinks_aloud(self) -> bool:
        """Whether it thinks between its words, and runs functions beside them."""
        return "thinking" in self.name and self.version >= (3, 8)

    def declared(self, tool: Event) -> Event:
        """Return a function of a client as the service declares it."""
        declared = {
            "name": tool["name"],
            "description": tool.get("description") or "",
            "parametersJsonSchema": tool.get("parameters") or {"type": "object"},
        }
        # From 3.8 on models speak on while a function runs, unless they are told to wait.
        return {**declared, "behavior": "BLOCKING"} if self.version >= (3, 8) else declared

    def thinking(self, effort: str | None) -> Event | None:
        """Return how a model is told to think; None: as it likes."""
        if effort is None:
            # These refuse a setup without a level.
            return {"thinkingLevel": "LOW"} if self.thinks_aloud else None
        if self.version >= (3, 0):
            return {"thinkingLevel": _LEVELS.get(effort, "HIGH")}
        return {"thinkingBudget": _BUDGETS.get(effort, _HIGHEST_BUDGET)}


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that a connection is told once, when it is set up."""

    instructions: str
    voice: str
    tools: str = "[]"
    """Declarations, as JSON."""
    limit: int | None = None
    """Most tokens of an answer; None: the model's own."""
    temperature: float | None = None
    effort: str | None = None
    languages: tuple[str, ...] = ()
    """BCP 47 tags that may be spoken."""
    words: tuple[str, ...] = ()
    """Words to expect in transcripts."""


def setup(model: Model, wishes: Wishes, *, history: bool) -> Event:
    """Set a connection up: turns are ours to tell, and transcripts of both sides are wanted.

    Args:
        model: The model.
        wishes: What it is told.
        history: Whether a history will follow, which it is to read first.
    """
    making: Event = {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": wishes.voice}}},
    }
    if wishes.limit is not None:
        making["maxOutputTokens"] = wishes.limit
    if wishes.temperature is not None:
        making["temperature"] = wishes.temperature
    if (thinking := model.thinking(wishes.effort)) is not None:
        making["thinkingConfig"] = thinking
    hearing: Event = {}
    if wishes.languages:
        hearing["languageCodes"] = list(wishes.languages)
    if wishes.words:
        hearing["customVocabulary"] = list(wishes.words)
    told: Event = {
        "model": model.name if "/" in model.name else f"models/{model.name}",
        "generationConfig": making,
        "inputAudioTranscription": hearing,
        "outputAudioTranscription": {},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    }
    if wishes.instructions:
        told["systemInstruction"] = {"parts": [{"text": wishes.instructions}]}
    if tools := json.loads(wishes.tools):
        told["tools"] = [{"functionDeclarations": tools}]
    if history:
        told["historyConfig"] = {"initialHistoryInClientContent": True}
    return {"setup": told}


def history(known: Sequence[Entry]) -> Event:
    """Tell what was said before; the model reads it and does not answer."""
    turns: list[Event] = []
    for entry in known:
        role = "model" if isinstance(entry, Called) else getattr(entry, "role", "user")
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"].append(_part(entry))
        else:
            turns.append({"role": role, "parts": [_part(entry)]})
    return {"clientContent": {"turns": turns, "turnComplete": True}}


def activity(what: str) -> Event:
    """Begin or end what the user does; `what` is `activityStart` or `activityEnd`."""
    return {"realtimeInput": {what: {}}}


def sound(pcm: bytes) -> Event:
    """Let the model hear 16-bit mono PCM at `HEARS_RATE`."""
    data = pybase64.b64encode(pcm).decode("ascii")
    return {"realtimeInput": {"audio": {"data": data, "mimeType": f"audio/pcm;rate={HEARS_RATE}"}}}


def words(text: str) -> Event:
    """Let the model read what the user wrote."""
    return {"realtimeInput": {"text": text}}


def sight(image: Seen) -> Event:
    """Let the model see an image."""
    return {"realtimeInput": {"video": _blob(image)}}


def results(returned: Sequence[tuple[str, Returned]]) -> Event:
    """Tell what functions returned, by the service's ids of their calls."""
    responses = [
        {"id": id_, "name": one.name, "response": {"output": one.output}} for id_, one in returned
    ]
    return {"toolResponse": {"functionResponses": responses}}


def usage_of(told: Event) -> TokenUsage:
    """Read `usageMetadata`."""
    given, made = _by_kind(told, "promptTokensDetails"), _by_kind(told, "responseTokensDetails")
    cached = _by_kind(told, "cacheTokensDetails")
    prompt = _count(told, "promptTokenCount") + _count(told, "toolUsePromptTokenCount")
    response = _count(told, "responseTokenCount") + _count(told, "thoughtsTokenCount")
    media = MediaTokens(
        given.get("AUDIO", 0),
        given.get("IMAGE", 0) + given.get("VIDEO", 0),
        made.get("AUDIO", 0),
        cached.get("AUDIO", 0),
        cached.get("IMAGE", 0) + cached.get("VIDEO", 0),
    )
    kept = _count(told, "cachedContentTokenCount")
    return TokenUsage(
        input_tokens=max(0, prompt - media.audio_in - media.image_in),
        output_tokens=max(0, response - media.audio_out),
        cached_tokens=max(0, kept - media.cached_audio - media.cached_image),
        media=media,
    )


def _part(entry: Entry) -> Event:
    match entry:
        case Said(text=text):
            return {"text": text}
        case Heard(turn=turn):
            return {"text": turn.gist or UNWRITTEN}
        case Seen():
            return {"inlineData": _blob(entry)}
        case _:
            return {"text": as_text(entry)}


def _blob(image: Seen) -> Event:
    found = _DATA_URI.fullmatch(image.url)
    assert found is not None, "images are data URIs: the session takes no others"
    return {"data": found["data"], "mimeType": found["kind"]}


def _by_kind(told: Event, name: str) -> dict[str, int]:
    details: Any = told.get(name)
    counts: dict[str, int] = {}
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict):
            kind = str(one.get("modality"))
            counts[kind] = counts.get(kind, 0) + _count(one, "tokenCount")
    return counts


def _count(of: Event, name: str) -> int:
    found = of.get(name)
    return found if isinstance(found, int) else 0

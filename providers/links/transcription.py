"""How a Realtime service transcribes: what it is told and what it answers, as data (§B.3, C.5)."""

from __future__ import annotations

from typing import Any

import pybase64

from audio.pcm import silence
from providers.links.link import Event
from session.ports import TokenLogprob, Transcript, TranscriptionSettings

PCM = {"type": "audio/pcm", "rate": 24000}
LOGPROBS = "item.input_audio_transcription.logprobs"
LISTS = ("gpt-transcribe", "gpt-live-transcribe")
"""Models that take several languages, and keywords as such [sdk]."""
DELAYS = ("gpt-realtime-whisper",)
"""Models that take a delay [sdk]."""
LEAST_MS = 100
LEAST_BYTES = len(silence(LEAST_MS))
"""The least audio that the service commits [logs]."""


def transcript_of(event: Event) -> Transcript:
    """Read a transcript that is complete (§B.3)."""
    heard: Any = event.get("languages")
    languages = (
        tuple(str(one["code"]) for one in heard if isinstance(one, dict) and "code" in one)
        if isinstance(heard, list)
        else None
    )
    scored: Any = event.get("logprobs")
    logprobs = tuple(map(_logprob, scored)) if isinstance(scored, list) else None
    return Transcript(str(event.get("transcript") or "").strip(), languages, logprobs)


def _logprob(one: Event) -> TokenLogprob:
    token, written = str(one["token"]), one.get("bytes")
    return TokenLogprob(
        token, token.encode() if written is None else bytes(written), float(one["logprob"])
    )


def transcription(
    model: str,
    wishes: TranscriptionSettings,
    *,
    lists: bool | None = None,
    prompts: bool = True,
    delays: bool | None = None,
) -> Event:
    """Write what the client wishes of a turn's transcript in the terms of the model (§C.5).

    Args:
        model: Its name.
        wishes: What the client wants.
        lists: Whether it takes several languages, and keywords as such; None: OpenAI's rule.
        prompts: Whether it takes a prompt.
        delays: Whether it takes a delay; None: OpenAI's rule.
    """
    written: Event = {"model": model}
    prompt = wishes.prompt
    if model in LISTS if lists is None else lists:
        if len(wishes.languages) > 1:
            written["languages"] = list(wishes.languages)
        if wishes.keywords:
            written["keywords"] = list(wishes.keywords)
    elif wishes.keywords:
        prompt = ", ".join(filter(None, [prompt, *wishes.keywords]))
    if wishes.language and "languages" not in written:
        written["language"] = wishes.language
    if prompt and prompts:
        written["prompt"] = prompt
    if wishes.delay and (model in DELAYS if delays is None else delays):
        written["delay"] = wishes.delay
    return written


def append(pcm: bytes) -> Event:
    """Append audio to the service's buffer: 16-bit mono PCM at 24 kHz."""
    return {"type": "input_audio_buffer.append", "audio": encoded(pcm)}


def encoded(pcm: bytes) -> str:
    """Return audio as JSON carries it."""
    return pybase64.b64encode(pcm).decode("ascii")

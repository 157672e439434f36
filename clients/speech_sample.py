"""What the spoken turn of a check says: a recording, or the voice that the server has built in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, read_wav, resample, silence
from clients.sdk import ClientError
from settings.localisation import _, system_reason

if TYPE_CHECKING:
    from providers.tts.speech_engine import SpeechEngine

SPOKEN_TEXT = "Please tell me a short joke."
LEAD_MS = 300
"""Silence before the embedded voice begins, as before anybody who speaks into a microphone."""


def speech_end(pcm: bytes) -> int:
    """Find where the trailing silence of a recording begins, as a byte offset."""
    level = np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32))
    loud = np.flatnonzero(level > 0.02 * level.max(initial=0))
    return (int(loud[-1]) + 1) * BYTES_PER_SAMPLE if loud.size else len(pcm)


async def speech(wav: str | None) -> bytes:
    """Return what the spoken turn says: a recording, or the embedded voice.

    Raises:
        ClientError: There is neither.
    """
    if wav is not None:
        try:
            pcm = read_wav(wav)
        except (OSError, ValueError, EOFError) as error:
            reason = system_reason(error) if isinstance(error, OSError) else str(error)
            raise ClientError(
                _("--wav {wav} cannot be read: {reason}").format(wav=wav, reason=reason)
            ) from error
        if not pcm:
            raise ClientError(_("--wav {wav} holds no audio; record a sentence.").format(wav=wav))
        return pcm
    from providers.tts.speech_engine import SynthesisError

    try:
        return await embedded_speech(SPOKEN_TEXT)
    except (ImportError, SynthesisError) as error:
        raise ClientError(
            _(
                "The embedded voice cannot speak here ({error}). Give a recording by --wav FILE."
            ).format(error=error)
        ) from error


async def embedded_speech(text: str) -> bytes:
    """Let the server's built-in voice say something in this process: the clearest that is here."""
    engine, voice = _clearest()
    try:
        made = [chunk async for chunk in engine.synthesize(text, voice)]
    finally:
        engine.close()
    return silence(LEAD_MS) + resample(b"".join(made), engine.sample_rate, WIRE_RATE)


def _clearest() -> tuple[SpeechEngine, str]:
    # Pipecat, which voices import, logs a greeting.
    logger.disable("pipecat")
    from providers.tts import flite, hibari
    from providers.tts.espeak import DEFAULT_VOICE, Espeak

    try:
        return hibari.load(), hibari.VOICE
    except hibari.HibariUnavailable:
        found = flite.find()
        return (found, flite.VOICE) if found else (Espeak(), DEFAULT_VOICE)

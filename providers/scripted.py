"""Stand-ins with settable delays and failures: the same turn, to the millisecond, every time.

For benchmarks, for the tests of this server, and for app developers who want their own tests
deterministic: `stt.provider`, `llm.provider` or `tts.provider` = `scripted`, with `options`.

The option `fail` makes the stage fail: `start` before its first result, `middle` after it; `hang`:
it never answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal, NoReturn

import numpy as np
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    LLMTextFrame,
    TranscriptionFrame,
)
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pydantic import Field

from audio.pcm import WIRE_RATE
from config import LLMConfig, STTConfig, TTSConfig
from providers.base import LLMProvider, STTProvider, TTSProvider
from providers.call_ids import new_call_id
from providers.frames import CompletionFrame, ToolCallFrame
from providers.llm.model_base import AnsweringModel
from providers.options import Options, parse_options
from providers.tts.voice_base import ClauseVoice
from session.ports import FinishReason, ResponseRequest, TokenUsage
from settings.provider_declarations import Declaration

Failure = Literal["start", "middle", "hang"]

_HUM = (3000 * np.sin(2 * np.pi * 220 / WIRE_RATE * np.arange(WIRE_RATE))).astype("<i2").tobytes()
"""One second of the hum: whole periods, so it can be repeated. Made in advance, so that benchmarks
do not measure it."""


def hum(length_ms: float) -> bytes:
    """Return the sound of the scripted voices: 16-bit PCM at 24 kHz."""
    length = int(length_ms * WIRE_RATE / 1000) * 2
    sound: bytes = (_HUM * (length // len(_HUM) + 1))[:length]
    return sound


class _Script(Options):
    fail: Failure | None = None


class STTScript(_Script):
    """Options of the scripted recogniser."""

    text: str = "hello there"
    """Transcript of every turn."""
    delay_ms: float = Field(50, ge=0)
    """Delay from the commit to the transcript."""


class LLMScript(_Script):
    """Options of the scripted model."""

    text: str = "Certainly. Here is an answer with a few words in it, and one more sentence."
    """Text of every answer; `{user}` stands for what the user said last."""
    first_token_ms: float = Field(100, ge=0)
    word_ms: float = Field(10, ge=0)
    tool: str | None = None
    """Name of a function that is called after the text, with `arguments`, where it is offered."""
    arguments: str = "{}"


class TTSScript(_Script):
    """Options of the scripted voice, which hums."""

    delay_ms: float = Field(80, ge=0)
    """Delay from each clause to its audio."""
    ms_per_character: float = Field(60, gt=0)
    """Length of the audio."""
    gap_ms: float = Field(0, ge=0)
    """Delay after each 100 ms of it: 100 is the pace of speech."""


async def for_ever() -> NoReturn:
    """Wait until the stage is cancelled."""
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


class ScriptedSTT(STTProvider):
    """Returns the same transcript for every turn."""

    declaration = Declaration(kind="stt", name="scripted", options=STTScript)
    label = "scripted"
    lifelike = False

    def __init__(self, config: STTConfig) -> None:
        self.script = parse_options("stt", config, STTScript)

    def create(self) -> SegmentedSTTService:
        """Build the recogniser of one session."""
        return _ScriptedSTTService(self.script)


class _ScriptedSTTService(SegmentedSTTService):
    Settings = STTSettings

    def __init__(self, script: STTScript) -> None:
        super().__init__(settings=STTSettings(model=None, language=None))
        self._script = script

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        await asyncio.sleep(self._script.delay_ms / 1000)
        if self._script.fail == "hang":
            await for_ever()
        if self._script.fail:
            yield ErrorFrame("the script says so")
        else:
            yield TranscriptionFrame(self._script.text, "", "")


class ScriptedLLM(LLMProvider):
    """Gives every answer in the same words, at the same pace."""

    declaration = Declaration(kind="llm", name="scripted", options=LLMScript)
    label = "scripted"
    hears_audio = True

    def __init__(self, config: LLMConfig) -> None:
        self.script = parse_options("llm", config, LLMScript)

    def create(self, request: ResponseRequest) -> LLMService:
        """Build the model of one response."""
        return _ScriptedLLMService(self.script, request)


class _ScriptedLLMService(AnsweringModel):
    def __init__(self, script: LLMScript, request: ResponseRequest) -> None:
        super().__init__("scripted")
        self._script = script
        self._request = request

    async def answer(self) -> None:
        script = self._script
        await asyncio.sleep(script.first_token_ms / 1000)
        if script.fail == "start":
            await self.push_error("the script says so")
            return
        words = script.text.replace("{user}", _last_words(self._request)).split(" ")
        limit = self._request.max_output_tokens
        for index, word in enumerate(words[:limit]):
            if index:
                await asyncio.sleep(script.word_ms / 1000)
            await self.push_frame(LLMTextFrame(f" {word}" if index else word))
            if script.fail == "middle" and index == len(words) // 2:
                await self.push_error("the script says so")
                return
            if script.fail == "hang" and index == len(words) // 2:
                await for_ever()
        reason: FinishReason = "stop"
        offered = [tool["name"] for tool in self._request.tools]
        if limit is not None and limit < len(words):
            reason = "length"
        elif script.tool and script.tool in offered and self._request.tool_choice != "none":
            reason = "tool_calls"
            call_id = new_call_id()
            half = len(script.arguments) // 2
            for piece in (script.arguments[:half], script.arguments[half:]):
                await self.push_frame(ToolCallFrame(0, call_id, script.tool, piece))
        usage = TokenUsage(len(self._request.messages), len(words[:limit]))
        await self.push_frame(CompletionFrame(reason, usage))


def _last_words(request: ResponseRequest) -> str:
    """Return what the user said last; nothing: no words."""
    said = [one["content"] for one in request.messages if one["role"] == "user"]
    return said[-1] if said and isinstance(said[-1], str) else ""


class ScriptedTTS(TTSProvider):
    """Hums for as long as the text would take to speak."""

    declaration = Declaration(kind="tts", name="scripted", options=TTSScript)
    label = "scripted"
    lifelike = False

    def __init__(self, config: TTSConfig) -> None:
        self.script = parse_options("tts", config, TTSScript)
        self._gap_s = config.gap_timeout_s

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        return _ScriptedTTSService(self.script, self._gap_s)


class _ScriptedTTSService(ClauseVoice):
    def __init__(self, script: TTSScript, gap_s: float | None) -> None:
        super().__init__("scripted")
        self._script = script
        self.gap_s = gap_s

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(self._script.delay_ms / 1000)
        if self._script.fail == "start":
            raise RuntimeError("the script says so")
        audio = hum(len(text) * self._script.ms_per_character)
        step = WIRE_RATE // 10 * 2
        for start in range(0, len(audio), step):
            yield audio[start : start + step]
            if self._script.fail == "middle":
                raise RuntimeError("the script says so")
            if self._script.fail == "hang":
                await for_ever()
            if self._script.gap_ms:
                await asyncio.sleep(self._script.gap_ms / 1000)

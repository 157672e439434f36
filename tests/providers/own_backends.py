"""Backends as users write them, for tests that name them in the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession
from pipecat.frames.frames import (
    Frame,
    FunctionCallFromLLM,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService, STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.tracing.service_decorators import traced_stt
from pipecat.utils.types import NOT_GIVEN, NotGiven

from config import LLMConfig, STTConfig, TTSConfig
from providers.base import LLMProvider, STTProvider, TTSProvider
from session.ports import ResponseRequest

FAULTS = ("", "broken", "silent", "falls silent", "mute")
A_CLASS_OF_ANOTHER_KIND = dict


class EchoLLM(LLMService[Any]):
    """Says what it was told, and what it was asked with; takes no settings."""

    def __init__(self, *, mood: str = "calm") -> None:
        super().__init__(settings=LLMSettings(model="echo"))
        self._mood = mood

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        messages: list[Any] = list(frame.context.messages)
        said = " / ".join(f"{message['role']}: {message['content']}" for message in messages)
        await self.push_frame(LLMFullResponseStartFrame())
        if self._mood == "silent":
            await asyncio.Event().wait()
        if self._mood == "helpful":
            calls = [
                FunctionCallFromLLM(
                    function_name=name,
                    tool_call_id=f"id-{name}",
                    arguments={"n": 1},
                    context=frame.context,
                )
                for name in "ab"
            ]
            await self.run_function_calls(calls)
        else:
            await self.push_frame(LLMTextFrame(f"{self._mood}. {said}"))
        await self.push_frame(LLMFullResponseEndFrame())


@dataclass
class SegmentSettings(STTSettings):
    prompt: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)


@dataclass
class HintedSettings(SegmentSettings):
    language_hints: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    keyterms: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    delay: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)


class SegmentSTT(SegmentedSTTService):
    """Tells what it was given."""

    Settings = SegmentSettings
    wants_wav_segments = False

    def __init__(self, *, settings: SegmentSettings, fault: str = "", **kwargs: Any) -> None:
        super().__init__(settings=settings, **kwargs)
        self._fault = fault

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        if self._fault == "silent":
            await asyncio.Event().wait()
        if self._fault == "broken":
            raise RuntimeError("the recogniser is out of order")
        given: Any = self._settings
        yield TranscriptionFrame(f"{given.model} {given.language} {given.prompt}", "", "")


class HintedSTT(SegmentSTT):
    """Tells what it was given; takes hints by names of its own."""

    Settings = HintedSettings

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        given: Any = self._settings
        yield TranscriptionFrame(f"{given.language_hints} {given.keyterms} {given.delay}", "", "")


class HintedStream(STTService):
    """Hears a stream; takes expected words as one argument, and no settings."""

    def __init__(self, *, hotwords: str = "nothing", language: str = "any") -> None:
        super().__init__(settings=STTSettings(model=None, language=None))
        self._given = f"{hotwords}, {language}"

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            await self.push_frame(TranscriptionFrame(self._given, "", ""))


class RemoteSTT(SegmentSTT):
    """Asks a server, with the HTTP client that it is given."""

    def __init__(self, *, base_url: str, aiohttp_session: ClientSession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._url = base_url
        self._http = aiohttp_session

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        async with self._http.post(self._url, data=audio) as response:
            yield TranscriptionFrame(await response.text(), "", "")


class StreamSTT(STTService):
    """Hears a stream, and finishes when it is told that the user stopped."""

    Settings = STTSettings

    def __init__(self, *, settings: STTSettings) -> None:
        super().__init__(settings=settings)
        self._heard = 0

    @traced_stt
    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        self._heard += 1
        yield InterimTranscriptionFrame("hello", "", "")

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            assert self._heard
            await self.push_frame(TranscriptionFrame(f"hello {self._settings.language}", "", ""))
        elif isinstance(frame, InputAudioRawFrame):
            pass


class ToneTTS(TTSService):
    """A tick for every letter; takes its voice as an argument, at a rate of its own."""

    def __init__(self, *, voice_id: str = "plain", fault: str = "") -> None:
        super().__init__(
            settings=TTSSettings(model=None, voice=voice_id, language=None),
            sample_rate=8000,
            push_start_frame=True,
            push_stop_frames=True,
        )
        if fault not in FAULTS:
            raise ValueError(f"no fault is called {fault}")
        self._fault = fault
        self._voice = voice_id

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        if self._fault == "broken":
            raise RuntimeError(f"the voice {self._voice} is hoarse")
        if self._fault == "silent":
            await asyncio.Event().wait()
        if self._fault != "mute":
            tone = bytes([ord(self._voice[0]), 0]) * 80 * len(text)
            yield TTSAudioRawFrame(tone, 8000, 1, context_id=context_id)
        if self._fault == "falls silent":
            await asyncio.Event().wait()


class OwnSTT(STTProvider):
    """A provider of one's own."""

    def __init__(self, config: STTConfig) -> None:
        self._config = config

    @property
    def label(self) -> str:
        return "own ears"

    def create(self) -> STTService:
        return SegmentSTT(settings=SegmentSettings(model="own", language=None, prompt=None))


class OwnLLM(LLMProvider):
    """A provider of one's own."""

    def __init__(self, config: LLMConfig) -> None:
        self._config = config

    @property
    def label(self) -> str:
        return "own brain"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        return EchoLLM(mood="own")


class QuotingLLM(OwnLLM):
    """Cannot build its service, and shows what for."""

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        raise ValueError(f"cannot build for {request.messages}")


class OwnTTS(TTSProvider):
    """A provider of one's own."""

    def __init__(self, config: TTSConfig) -> None:
        self._config = config

    @property
    def label(self) -> str:
        return "own voice"

    def create(self, voice: str) -> TTSService:
        return ToneTTS(voice_id=voice)


class HandsItsKeyOn(OpenAILLMService):
    """Names what it hands to its base, with defaults of its own."""

    def __init__(
        self, *, api_key: str | None = None, base_url: str | None = None, **more: Any
    ) -> None:
        super().__init__(api_key=api_key, base_url=base_url, **more)

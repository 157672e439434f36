"""The stages of a server under test: they hear, answer and speak what a script says.

With `--testing` they stand where no setting names another provider. The script (`testing/`) changes
while the server runs; a stage asks it anew for each turn, response and clause.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypedDict

from pipecat.frames.frames import ErrorFrame, LLMTextFrame
from pipecat.services.tts_service import TTSService

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from config import Settings
from providers.base import LLMProvider, StageFailure, STTProvider, TTSProvider
from providers.call_ids import new_call_id
from providers.frames import (
    CompletionFrame,
    ToolCallFrame,
    TurnCommittedFrame,
    TurnStartedFrame,
)
from providers.llm.model_base import AnsweringModel
from providers.scripted import for_ever, hum
from providers.stt.turns import TurnSTTService
from providers.tts.voice_base import ClauseVoice
from session.ports import FinishReason, ResponseRequest, TokenUsage
from settings.provider_declarations import Kind
from testing.rules import Answers, Calls, Fails, Stalls
from testing.script import UNHEARD, Script, Spoken, unscripted

LABEL = "script of a test"
MS_PER_CHARACTER = 60
"""Length of what the voice says, in milliseconds of audio."""
STEP_BYTES = WIRE_RATE // 10 * BYTES_PER_SAMPLE
"""100 ms of audio, which is made at once."""


class ScriptedFailure(StageFailure):
    """A failure that the script wants."""

    remedy = "A rule of the test's script wants it."

    def __init__(self, code: str, message: str, told: str | None = None) -> None:
        """Fail.

        Args:
            code: For the client.
            message: What happened.
            told: All that the client is told; None: the stage, what happened, and the remedy.
        """
        super().__init__(message)
        self.code = code
        self.told = told


def _of_rule(rule: Fails) -> ScriptedFailure:
    return ScriptedFailure(rule.fails, rule.message, told=rule.message)


class Stages(TypedDict):
    """The stages that play a script; None: the settings name another provider."""

    stt: ScriptSTT | None
    llm: ScriptLLM | None
    tts: ScriptTTS | None


def stages(settings: Settings, script: Script) -> Stages:
    """Return what plays a script: each stage for which the settings name no provider."""

    def free(kind: Kind) -> bool:
        return "provider" not in getattr(settings, kind).model_fields_set

    return {
        "stt": ScriptSTT(script) if free("stt") else None,
        "llm": ScriptLLM(script) if free("llm") else None,
        "tts": ScriptTTS(script) if free("tts") else None,
    }


class ScriptSTT(STTProvider):
    """Hears what the script says."""

    label = LABEL
    lifelike = False

    def __init__(self, script: Script) -> None:
        """Hear by a script."""
        self._script = script

    def create(self) -> TurnSTTService:
        """Build the recogniser of one session."""
        return _Turns(self._script)


class _Turns(TurnSTTService):
    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Do nothing: what is heard is known when the turn is over."""

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Do nothing, likewise."""

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        rule = self._script.heard(frame.item_id or frame.recognition_id.partition(".")[0])
        delay_ms = self._script.delays.stt_ms + (rule.delay_ms if rule is not None else 0)
        await asyncio.sleep(delay_ms / 1000)
        if isinstance(rule, Fails):
            raise _of_rule(rule)
        await self.push_final(frame.recognition_id, UNHEARD if rule is None else rule.hears)

    async def discard_turn(self, recognition_id: str) -> None:
        """Do nothing: a turn keeps its rule."""


class ScriptLLM(LLMProvider):
    """Answers what the script says."""

    label = LABEL
    hears_audio = True

    def __init__(self, script: Script) -> None:
        """Answer by a script."""
        self._script = script

    def create(self, request: ResponseRequest) -> AnsweringModel:
        """Build the model of one response."""
        return _Model(self._script, request)


class _Model(AnsweringModel):
    def __init__(self, script: Script, request: ResponseRequest) -> None:
        super().__init__(LABEL)
        self._script = script
        self._request = request
        self._said = 0
        """Words so far, which count as tokens."""

    async def answer(self) -> None:
        try:
            await self._answer()
        except ScriptedFailure as failure:
            await self.push_error_frame(ErrorFrame(str(failure), exception=failure))

    async def _answer(self) -> None:
        messages = self._request.messages
        words = last_words(self._request)
        of_call = bool(messages) and messages[-1]["role"] == "tool"
        rule = self._script.spoken(words, of_call=of_call)
        delays = self._script.delays
        await asyncio.sleep((delays.llm_ms + (rule.delay_ms if rule is not None else 0)) / 1000)
        whole = await self._say(_text(rule, words), rule)
        reason: FinishReason = "stop" if whole else "length"
        if isinstance(rule, Fails):
            raise _of_rule(rule)
        if isinstance(rule, Calls) and whole:
            reason = "tool_calls"
            await self._call(rule)
        usage = TokenUsage(len(messages), self._said)
        await self.push_frame(CompletionFrame(reason, usage))

    async def _say(self, text: str, rule: Spoken | None) -> bool:
        """Say a text; False: the client wanted less of it."""
        words = text.split(" ") if text else []
        limit = self._request.max_output_tokens
        stops = rule.stalls if isinstance(rule, Stalls) else None
        for at, word in enumerate(words[:limit]):
            if at == stops:
                break
            if at and self._script.delays.word_ms:
                await asyncio.sleep(self._script.delays.word_ms / 1000)
            await self.push_frame(LLMTextFrame(f" {word}" if at else word))
            self._said = at + 1
        if stops is not None:
            await for_ever()
        return limit is None or len(words) <= limit

    async def _call(self, rule: Calls) -> None:
        offered = [tool["name"] for tool in self._request.tools]
        if self._request.tool_choice == "none":
            raise _cannot("the client has forbidden calls (tool_choice)")
        if len(rule.calls) > 1 and self._request.parallel_tool_calls is False:
            raise _cannot(
                f"it makes {len(rule.calls)} calls at once, and the client allows one "
                "(parallel_tool_calls)"
            )
        for index, call in enumerate(rule.calls):
            if call.name not in offered:
                names = ", ".join(offered) or "no function"
                raise _cannot(f"it calls '{call.name}', and the client offers {names}")
            half = len(call.written) // 2
            call_id = new_call_id()
            for piece in (call.written[:half], call.written[half:]):
                await self.push_frame(ToolCallFrame(index, call_id, call.name, piece))


def _cannot(why: str) -> ScriptedFailure:
    return ScriptedFailure("invalid_request", f"the script cannot be followed: {why}")


def _text(rule: Spoken | None, words: str) -> str:
    if isinstance(rule, Answers | Stalls):
        return rule.answers
    return unscripted(words) if rule is None else rule.says


def last_words(request: ResponseRequest) -> str:
    """Return what the user said last, in one line; nothing: no words."""
    said = [one["content"] for one in request.messages if one["role"] == "user"]
    if not said:
        return ""
    parts = [said[-1]] if isinstance(said[-1], str) else said[-1]
    words = [part if isinstance(part, str) else part.get("text", "") for part in parts]
    return " ".join(filter(None, words))


class ScriptTTS(TTSProvider):
    """Hums for as long as the text would take to speak, at once."""

    label = LABEL
    lifelike = False

    def __init__(self, script: Script) -> None:
        """Speak by a script."""
        self._script = script

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        return _Voice(self._script)


class _Voice(ClauseVoice):
    def __init__(self, script: Script) -> None:
        super().__init__(LABEL)
        self._script = script

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(self._script.delays.tts_ms / 1000)
        failure = self._script.voice_fails(text)
        if failure is not None:
            raise _of_rule(failure)
        audio = hum(len(text) * MS_PER_CHARACTER)
        for start in range(0, len(audio), STEP_BYTES):
            yield audio[start : start + STEP_BYTES]

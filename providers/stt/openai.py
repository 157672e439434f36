"""Transcription by OpenAI, speaches, LocalAI and all servers with `/v1/audio/transcriptions`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import Any

from openai import APIStatusError
from openai.types.audio.transcription import Logprob
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.openai.stt import OpenAISTTService, OpenAISTTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.types import NOT_GIVEN, NotGiven

from config import STTConfig
from providers.base import StageFailure, STTProvider
from providers.frames import LANGUAGES, LOGPROBS, NO_SPEECH
from providers.links.failures import KEPT_CHARACTERS
from providers.openai_client import NO_KEY, SharedClient, explained
from providers.stt.wishes import language_code
from session.ports import TokenLogprob
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "gpt-4o-mini-transcribe"
VERBOSE_MODEL = "whisper-1"
"""The one model that is asked to tell more: it is the one that invents words, and the API says that
it answers. Servers that tell more unasked are listened to as well."""


class OpenAICompatibleSTT(STTProvider):
    """`stt.provider = "openai"`."""

    declaration = Declaration(
        kind="stt", name="openai", key_variable="OPENAI_API_KEY", key_domains=("openai.com",)
    )
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: (
            "Check that stt.api_base (REALTIME_STT__API_BASE) leads to a server of this API."
        ),
        ErrorCategory.INVALID_REQUEST: (
            "Check stt.model (REALTIME_STT__MODEL) and the path in stt.api_base, which usually "
            "ends in /v1."
        ),
        ErrorCategory.CONNECTIVITY: (
            "Check that it runs and that stt.api_base (REALTIME_STT__API_BASE) is right."
        ),
    }

    def __init__(self, config: STTConfig) -> None:
        self._config = config
        self._client = SharedClient("stt", config)
        self.address = self._client.address
        self.remedies = {**self.remedies, **self._client.remedies}
        self._model = config.model or DEFAULT_MODEL
        # The model that tells speakers apart takes no prompt.
        self.accepts_prompt = "diarize" not in self._model

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.where}"

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        return _TranscriptionService(self._client, self._model, self._config.language)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


@dataclass
class _Settings(OpenAISTTSettings):
    """Pipecat's settings, and what else a session sets (`wishes.py`)."""

    languages: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    logprobs: bool | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)


class _TranscriptionService(OpenAISTTService):
    """Pipecat's service on the shared client; without a language, the model detects it."""

    Settings = _Settings

    def __init__(self, client: SharedClient, model: str, language: str | None) -> None:
        super().__init__(
            api_key=NO_KEY,
            http_client=client.openai._client,
            settings=_Settings(model=model, languages=None, logprobs=None),
        )
        self._client = client.openai
        # Pipecat's default is English; here the recogniser detects the language.
        settings: Any = self._settings
        settings.language = language
        self._model = model

    def language_to_service_language(self, language: Language) -> str | None:
        """Pass the code on as the client gave it."""
        return str(language)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Transcribe one turn, a WAV file; failures are raised as they are, to keep their kind."""
        # Read now: these settings are the turn's, and the next turn replaces them.
        settings: Any = self._settings
        scored = bool(settings.logprobs) and _gives_logprobs(self._model)
        arguments = _arguments(self._model, settings)
        if scored:
            arguments.update(response_format="json", include=["logprobs"])
        if self._model == VERBOSE_MODEL:
            arguments["response_format"] = "verbose_json"
        try:
            result = await self._client.audio.transcriptions.create(
                file=("audio.wav", audio, "audio/wav"), model=self._model, **arguments
            )
        except APIStatusError as refusal:
            raise explained(refusal) from refusal
        except JSONDecodeError as error:
            raise StageFailure("the server's answer is no JSON", str(error)) from error
        text = getattr(result, "text", None)
        if not isinstance(text, str):
            # The SDK does not validate: it returns an HTML page or JSON of another shape as it is.
            shown = " ".join(str(result).split())[:KEPT_CHARACTERS]
            raise StageFailure("the server's answer is no transcription", shown)
        frame = TranscriptionFrame(text.strip(), "", "", result=result)
        if (languages := _heard(result)) is not None:
            frame.metadata[LANGUAGES] = languages
        if scored and (logprobs := _logprobs(result)) is not None:
            frame.metadata[LOGPROBS] = logprobs
        if (no_speech := _no_speech(result)) is not None:
            frame.metadata[NO_SPEECH] = no_speech
        yield frame


def _gives_logprobs(model: str) -> bool:
    """Return whether the API gives log probabilities for a model; others refuse the question."""
    return bool(re.match(r"gpt-4o(-mini)?-transcribe(?!-diarize)", model))


def _arguments(model: str, settings: Any) -> dict[str, Any]:
    """Return what to send for a turn.

    Only `gpt-transcribe` has fields for several languages and for keywords: the others are given
    the first language, and the keywords in the prompt.
    """
    given = {"language": language_code(settings.language), "prompt": settings.prompt}
    words = settings.keywords or []
    if model.startswith("gpt-transcribe"):
        given["keywords"] = words
        if settings.languages:
            codes = dict.fromkeys(filter(None, map(language_code, settings.languages)))
            given |= {"language": None, "languages": list(codes)}
    elif "diarize" not in model:
        given["prompt"] = " ".join(filter(None, (settings.prompt, ", ".join(words))))
    return {name: value for name, value in given.items() if value}


def _heard(result: Any) -> list[str] | None:
    """Return the languages that the answer says were heard; None: it says nothing of them."""
    languages = getattr(result, "languages", None)
    if not isinstance(languages, list):
        return None
    codes = (getattr(language, "code", language) for language in languages)
    # The SDK does not validate: other servers may write other things here.
    return [code for code in codes if isinstance(code, str)]


def _no_speech(result: Any) -> float | None:
    """Return how probable it is that nobody spoke; None: the answer does not say."""
    segments = getattr(result, "segments", None)
    found = [
        one.get("no_speech_prob") if isinstance(one, dict) else getattr(one, "no_speech_prob", None)
        for one in (segments if isinstance(segments, list) else [])
    ]
    return min((value for value in found if isinstance(value, float | int)), default=None)


def _logprobs(result: Any) -> list[TokenLogprob] | None:
    """Return the log probabilities in the answer; None: it has none."""
    found = getattr(result, "logprobs", None)
    if not isinstance(found, list) or not all(map(_is_logprob, found)):
        return None
    return [
        TokenLogprob(
            one.token,
            one.token.encode() if one.bytes is None else bytes(map(int, one.bytes)),
            one.logprob,
        )
        for one in found
    ]


def _is_logprob(one: Any) -> bool:
    # As for languages; of its three fields, `bytes` may be missing.
    return (
        isinstance(one, Logprob)
        and isinstance(one.token, str)
        and isinstance(one.logprob, float | int)
    )

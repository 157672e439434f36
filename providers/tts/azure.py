"""The voices of Azure Speech, streamed.

Pipecat's service waits after each clause for frames of a transport that does not exist here, and
connects a synthesizer per response. So the synthesizers here are our own; SSML and settings are
Pipecat's.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.services.azure.tts import AzureBaseTTSService, AzureTTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from audio.pcm import duration_ms
from config import TTSConfig
from providers.azure_account import AzureAccount, remedies
from providers.base import TTSProvider
from providers.frames import WordTimesFrame
from providers.options import Options, parse_options, refuse
from providers.tts.azure_speaker import AzureSpeaker, AzureSpeakers, AzureSpeechError
from providers.tts.voice_base import GAP_S, ClauseVoice
from providers.tts.word_places import WordsByName
from settings.provider_declarations import Declaration

_VOICE = re.compile(r"[\w:-]+")
_LOCALE = re.compile(r"[a-z]{2,3}-[A-Z]{2}\b")


class AzureTTSOptions(Options):
    """`tts.options`: the service's place, and SSML attributes of every clause."""

    region: str | None = None
    """Region of the Speech resource; None: AZURE_SPEECH_REGION."""
    endpoint_id: str | None = None
    """A custom voice's deployment."""
    language: str | None = None
    """Locale that a multilingual voice speaks; None: it detects the text's."""
    rate: str | None = None
    pitch: str | None = None
    volume: str | None = None
    style: str | None = None
    style_degree: str | None = None
    role: str | None = None


class AzureTTS(TTSProvider):
    """`tts.provider = "azure"`: a region, or a private endpoint or container at `api_base`.

    Any of Azure's voices may be chosen by its name. OpenAI's names stand for multilingual voices,
    not for Azure's voices with those names, which some regions lack.
    """

    declaration = Declaration(
        kind="tts",
        name="azure",
        key_variable="AZURE_SPEECH_API_KEY",
        key_domains=(
            "cognitiveservices.azure.com",
            "cognitive.microsoft.com",
            "speech.microsoft.com",
            "cognitiveservices.azure.us",
            "speech.azure.us",
            "cognitiveservices.azure.cn",
            "speech.azure.cn",
        ),
        extra=True,
        options=AzureTTSOptions,
    )
    remedies: Mapping[ErrorCategory, str] = {
        **remedies(declaration),
        ErrorCategory.INVALID_REQUEST: (
            "Check the voice (tts.voice_id or the client's), e.g. en-US-AvaMultilingualNeural, "
            "and tts.options."
        ),
    }
    named_voices: Mapping[str, str] = {
        "alloy": "en-US-AvaMultilingualNeural",
        "ash": "en-US-AndrewMultilingualNeural",
        "ballad": "en-GB-OllieMultilingualNeural",
        "cedar": "en-US-BrianMultilingualNeural",
        "coral": "en-US-EmmaMultilingualNeural",
        "echo": "en-US-SteffanMultilingualNeural",
        "fable": "en-GB-AdaMultilingualNeural",
        "marin": "en-US-SerenaMultilingualNeural",
        "nova": "en-US-NancyMultilingualNeural",
        "onyx": "en-US-DavisMultilingualNeural",
        "sage": "en-US-EvelynMultilingualNeural",
        "shimmer": "en-US-PhoebeMultilingualNeural",
        "verse": "en-US-ChristopherMultilingualNeural",
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: No key or region, an unknown option, or a model.
        """
        refuse("tts", config, ("model",))
        self._config = config
        self._options = parse_options("tts", config, AzureTTSOptions)
        self._account = AzureAccount.of(self.declaration, config, self._options.region)
        self.address = self._account.address("tts")
        self._speakers = AzureSpeakers(config, self._account, self._options.endpoint_id)

    @property
    def label(self) -> str:
        """Service and place."""
        return f"Azure Speech ({self._account.where})"

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        own = self.named_voices.get(voice, voice)
        return _AzureVoice(self._speakers, self._config, self._options, own)

    async def close(self) -> None:
        """Close the connections."""
        self._speakers.close()


class _AzureVoice(ClauseVoice, AzureBaseTTSService):
    """The voice of one response."""

    def __init__(
        self, speakers: AzureSpeakers, config: TTSConfig, options: AzureTTSOptions, voice: str
    ) -> None:
        locale = _LOCALE.match(voice)
        settings: dict[str, Any] = dict.fromkeys(
            ("effect", "emphasis", "voice_parameters", "model")
        )
        settings |= options.model_dump(exclude={"region", "endpoint_id", "language"})
        settings["language"] = options.language or (locale[0] if locale else "en-US")
        super().__init__(
            voice,
            settings=AzureTTSSettings(
                voice=voice, force_locale=options.language is not None, **settings
            ),
        )
        self.retries = config.retries
        self.gap_s = config.gap_timeout_s or GAP_S
        self._speakers = speakers
        self._speaker: AzureSpeaker | None = None

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        """Connect while the model thinks."""
        await super().setup(setup)
        self._speaker = self._speakers.borrow()

    async def cleanup(self) -> None:
        """Keep the connection for the next response."""
        await super().cleanup()
        if self._speaker is not None:
            self._speakers.give_back(self._speaker)
            self._speaker = None

    async def speak(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        """Speak one clause, on the connection of this response."""
        if not _VOICE.fullmatch(self._voice):
            reason = f"no voice of Azure is called {self._voice!r}"
            raise AzureSpeechError(reason, ErrorCategory.INVALID_REQUEST)
        ssml = self._construct_ssml(text)
        words, given_ms = WordsByName(text), 0.0
        speaker, self._speaker = self._speaker or self._speakers.borrow(), None
        try:
            async with aclosing(speaker.speak(ssml)) as stream:
                async for made in stream:
                    if isinstance(made, bytes):
                        given_ms += duration_ms(made)
                        yield made
                    elif (before := words.find(made.text)) is not None:
                        yield WordTimesFrame([(before, made.at_ms - given_ms)])
        except BaseException:
            speaker.dismiss()
            raise
        self._speaker = speaker

"""Transcription by Azure Speech: a recogniser of Microsoft's native SDK per turn.

The SDK runs in threads of its own. Releasing a recogniser blocks its caller, for more than ten
seconds if the service has gone silent, so threads of the provider do that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from azure.cognitiveservices.speech import (
    AutoDetectSourceLanguageConfig,
    AutoDetectSourceLanguageResult,
    CancellationReason,
    Connection,
    PhraseListGrammar,
    SpeechRecognizer,
)
from azure.cognitiveservices.speech.audio import (
    AudioConfig,
    AudioStreamFormat,
    PushAudioInputStream,
)
from pipecat.frames.frames import Frame, TranscriptionFrame, VADUserStoppedSpeakingFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.azure.common import language_to_azure_language
from pipecat.services.azure.stt import AzureProfanity, AzureSTTService, AzureSTTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from audio.pcm import SAMPLE_RATE
from config import STTConfig
from providers.azure_account import AzureAccount, failure_of, remedies, without_reports
from providers.frames import LANGUAGES
from providers.options import Options, parse_options, refuse
from providers.stt.streams import StreamEndFrame, StreamSTT, phrases
from session.ports import TranscriptionSettings
from settings.provider_declarations import Declaration

RELEASING_THREADS = 8
CANDIDATES = 4
"""Languages among which Azure can detect the spoken one."""


class AzureSTTOptions(Options):
    """`stt.options`."""

    region: str | None = None
    """Region of the Speech resource; None: AZURE_SPEECH_REGION."""
    languages: list[str] = Field(
        default_factory=lambda: ["en-US"], min_length=1, max_length=CANDIDATES
    )
    """Locales to detect when no language is set; at most four."""
    endpoint_id: str | None = None
    """A custom model."""
    profanity: AzureProfanity | None = None


class AzureSTT(StreamSTT):
    """`stt.provider = "azure"`: a region, or a private endpoint or container at `api_base`.

    Azure detects languages only among a few, `CANDIDATES` at most: those that the client names,
    or `stt.language`, or else `options.languages`, US English by default. A prompt is a list of
    expected words, separated by commas, as are the keywords.
    """

    declaration = Declaration(
        kind="stt",
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
        options=AzureSTTOptions,
    )
    announces_end = True
    remedies = remedies(declaration)

    def __init__(self, config: STTConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: No key or region, an unknown option, or a model.
        """
        super().__init__(config)
        refuse("stt", config, ("model",))
        self._options = parse_options("stt", config, AzureSTTOptions)
        self._account = AzureAccount.of(self.declaration, config, self._options.region)
        self.address = self._account.address("stt")
        self._releasing = ThreadPoolExecutor(RELEASING_THREADS, "azure-release")

    @property
    def label(self) -> str:
        """Service and place."""
        return f"Azure Speech ({self._account.where})"

    def connect(self, settings: TranscriptionSettings) -> STTService:
        """Build the service of one turn."""
        return _AzureTurn(
            self._account,
            self._options,
            _locales(settings.languages) or self._options.languages,
            phrases(settings),
            self._releasing,
        )

    async def close(self) -> None:
        """End the provider's threads, once they have released their recognisers."""
        self._releasing.shutdown(wait=False)


class _Recognition:
    """A running recogniser, which must not be freed in the event loop's thread."""

    def __init__(self, recognizer: SpeechRecognizer) -> None:
        self._recognizer: Any = recognizer
        self.connection: Any = Connection.from_recognizer(recognizer)

    def release(self) -> None:
        """Stop and free the recogniser; blocks."""
        recognizer, self._recognizer = self._recognizer, None
        connection, self.connection = self.connection, None
        connection.connected.disconnect_all()
        for signal in (
            recognizer.recognizing,
            recognizer.recognized,
            recognizer.canceled,
            recognizer.session_stopped,
        ):
            signal.disconnect_all()
        recognizer.stop_continuous_recognition_async().get()


class _AzureTurn(AzureSTTService):
    """Pipecat's service for one turn, which pushes a `StreamEndFrame` when the turn has ended."""

    def __init__(
        self,
        account: AzureAccount,
        options: AzureSTTOptions,
        languages: list[str],
        words: list[str],
        releasing: Executor,
    ) -> None:
        super().__init__(
            api_key=account.key,
            region=account.region,
            private_endpoint=account.endpoint,
            endpoint_id=options.endpoint_id,
            ttfs_p99_latency=0.0,
            settings=AzureSTTSettings(language=languages[0], profanity=options.profanity),
        )
        without_reports(self._speech_config)
        self._languages = languages
        self._words = words
        self._releasing = releasing
        self._recognition: _Recognition | None = None
        self._settled = asyncio.Event()
        """Set once the service is connected, or the connection has failed."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Close the audio stream at the end of the turn, so that the service finalises."""
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._end_audio()

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Add the language that was detected."""
        if isinstance(frame, TranscriptionFrame) and len(self._languages) > 1:
            event: Any = frame.result
            detected = AutoDetectSourceLanguageResult(event.result).language
            frame.metadata[LANGUAGES] = [detected.partition("-")[0]] if detected else []
        await super().push_frame(frame, direction)

    async def _connect(self) -> None:
        loop = self.get_event_loop()
        self._audio_stream = PushAudioInputStream(AudioStreamFormat(SAMPLE_RATE, channels=1))
        arguments: dict[str, Any] = {}
        if len(self._languages) > 1:
            candidates = AutoDetectSourceLanguageConfig(languages=self._languages)
            arguments["auto_detect_source_language_config"] = candidates
        recognizer = SpeechRecognizer(
            self._speech_config, AudioConfig(stream=self._audio_stream), **arguments
        )
        if self._words:
            expected = PhraseListGrammar.from_recognizer(recognizer)
            for word in self._words:
                expected.addPhrase(word)
        recognizer.recognizing.connect(self._on_handle_recognizing)
        recognizer.recognized.connect(self._on_handle_recognized)
        recognizer.canceled.connect(self._on_handle_canceled)
        recognizer.session_stopped.connect(self._on_handle_stopped)
        self._recognition = _Recognition(recognizer)
        self._recognition.connection.connected.connect(
            lambda _event: loop.call_soon_threadsafe(self._settled.set)
        )
        recognizer.start_continuous_recognition_async()
        del recognizer
        await self._settled.wait()

    async def _disconnect(self) -> None:
        self._end_audio()
        if self._recognition is not None:
            self._releasing.submit(self._recognition.release)
            self._recognition = None

    def _end_audio(self) -> None:
        if self._audio_stream is not None:
            self._audio_stream.close()
            self._audio_stream = None

    def _on_handle_canceled(self, event: Any) -> None:
        details = event.cancellation_details
        if details.reason == CancellationReason.Error:
            self._soon(self._fail(*failure_of(details.code, details.error_details)))

    def _on_handle_stopped(self, _event: Any) -> None:
        self._soon(self.push_frame(StreamEndFrame()))

    async def _fail(self, reason: str, category: ErrorCategory) -> None:
        await self.push_error(reason, category=category)
        self._settled.set()

    def _soon(self, what: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the event loop, from a thread of the SDK, in the order of calls."""
        asyncio.run_coroutine_threadsafe(what, self.get_event_loop())


def _locales(languages: Sequence[str]) -> list[str]:
    """Return Azure's names of the first few languages; it allows one locale for each."""
    found: dict[str, str] = {}
    for language in languages:
        tag = language.replace("_", "-")
        found.setdefault(tag.partition("-")[0].lower(), _locale(tag))
    return list(found.values())[:CANDIDATES]


def _locale(tag: str) -> str:
    known = {language.lower(): language for language in Language}.get(tag.lower())
    return (known and language_to_azure_language(known)) or tag

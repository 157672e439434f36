"""A pool of synthesizers of Microsoft's Speech SDK, one utterance each at a time.

Building one costs a millisecond, but its first utterance waits for a connection. So used ones are
kept connected for the next response of any session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, NamedTuple

from azure.cognitiveservices.speech import (
    CancellationReason,
    Connection,
    ServicePropertyChannel,
    SpeechConfig,
    SpeechSynthesisBoundaryType,
    SpeechSynthesisOutputFormat,
    SpeechSynthesizer,
)
from pipecat.utils.errors import ErrorCategory

from config import TTSConfig
from providers.azure_account import AzureAccount, failure_of, without_reports
from providers.errors import REFUSALS
from providers.tts.voice_base import VoiceFailure

IDLE_SPEAKERS = 8
RELEASING_THREADS = 4
_TICKS_PER_MS = 10_000


class SpokenWord(NamedTuple):
    """A word that Azure says, as it is written in the text."""

    text: str
    at_ms: float
    """From the beginning of the utterance's audio."""


class AzureSpeechError(VoiceFailure):
    """Azure sent no audio, or not all of it."""

    def __init__(self, message: str, category: ErrorCategory) -> None:
        super().__init__(message)
        self.category = category
        self.refused = category in REFUSALS


class AzureSpeakers:
    """The speakers of all sessions."""

    def __init__(self, config: TTSConfig, account: AzureAccount, endpoint_id: str | None) -> None:
        """Prepare to build speakers; nothing is connected yet."""
        place = {"endpoint": account.endpoint} if account.endpoint else {"region": account.region}
        self._speech = without_reports(SpeechConfig(subscription=account.key, **place))
        if endpoint_id:
            self._speech.endpoint_id = endpoint_id
        self._speech.set_speech_synthesis_output_format(
            SpeechSynthesisOutputFormat.Raw24Khz16BitMonoPcm
        )
        self._speech.set_service_property(
            "synthesizer.synthesis.connection.synthesisConnectionImpl",
            "websocket",
            ServicePropertyChannel.UriQueryParameter,
        )
        self._config = config
        self._idle: list[AzureSpeaker] = []
        self._releasing = ThreadPoolExecutor(RELEASING_THREADS, "azure-release")

    def borrow(self) -> AzureSpeaker:
        """Return a free speaker, connected or connecting."""
        if self._idle:
            return self._idle.pop()
        speaker = AzureSpeaker(self._speech, self._config, self._releasing)
        speaker.connect()
        return speaker

    def give_back(self, speaker: AzureSpeaker) -> None:
        """Keep a speaker for the next response, unless there are enough."""
        if len(self._idle) < IDLE_SPEAKERS:
            self._idle.append(speaker)
        else:
            speaker.dismiss()

    def close(self) -> None:
        """Close the connections, in threads, as the SDK may block."""
        while self._idle:
            self._idle.pop().dismiss()
        self._releasing.shutdown(wait=False)


class AzureSpeaker:
    """A synthesizer and its connection, used from the event loop; the SDK has its own threads."""

    def __init__(self, speech: SpeechConfig, config: TTSConfig, releasing: Executor) -> None:
        self._config = config
        self._releasing = releasing
        self._loop = asyncio.get_running_loop()
        self._synthesizer: Any = SpeechSynthesizer(speech_config=speech, audio_config=None)
        self._connection: Any = Connection.from_speech_synthesizer(self._synthesizer)
        self._connected = False
        self._events: asyncio.Queue[bytes | SpokenWord | AzureSpeechError | None] = asyncio.Queue()
        """Audio of the utterance and its words, ended by None or an error; `b""` means that the
        connection is open."""
        self._connection.connected.connect(lambda _event: self._soon(self._has_connected))
        self._connection.disconnected.connect(lambda _event: self._soon(self._has_disconnected))
        self._synthesizer.synthesizing.connect(lambda event: self._tell(event.result.audio_data))
        self._synthesizer.synthesis_word_boundary.connect(self._has_said)
        self._synthesizer.synthesis_completed.connect(lambda _event: self._tell(None))
        self._synthesizer.synthesis_canceled.connect(lambda event: self._tell(_failure(event)))

    def connect(self) -> None:
        """Connect ahead of the first utterance, which reports a failure."""
        self._connection.open(True)

    async def speak(self, ssml: str) -> AsyncGenerator[bytes | SpokenWord, None]:
        """Speak; yields 16-bit mono PCM at 24 kHz as it comes, and its words.

        A speaker whose utterance was not completed must be dismissed.

        Raises:
            AzureSpeechError: Azure refused, broke off or fell silent.
        """
        self._events = asyncio.Queue()
        self._synthesizer.speak_ssml_async(ssml)
        while (event := await self._next()) is not None:
            if isinstance(event, AzureSpeechError):
                raise event
            if event:
                yield event

    def dismiss(self) -> None:
        """Stop any utterance and free the synthesizer, in a thread of the provider."""
        self._releasing.submit(self._release)

    async def _next(self) -> bytes | SpokenWord | AzureSpeechError | None:
        limit = self._config.timeout_s if self._connected else self._config.connect_timeout_s
        try:
            async with asyncio.timeout(limit):
                return await self._events.get()
        except TimeoutError:
            what = "sent nothing" if self._connected else "could not be reached"
            reason = f"the service {what} within {limit:g} s"
            raise AzureSpeechError(reason, ErrorCategory.CONNECTIVITY) from None

    def _has_connected(self) -> None:
        self._connected = True
        self._events.put_nowait(b"")

    def _has_disconnected(self) -> None:
        self._connected = False

    def _has_said(self, event: Any) -> None:
        if event.boundary_type == SpeechSynthesisBoundaryType.Word:
            self._tell(SpokenWord(event.text, event.audio_offset / _TICKS_PER_MS))

    def _tell(self, event: bytes | SpokenWord | AzureSpeechError | None) -> None:
        self._soon(self._events.put_nowait, event)

    def _soon(self, *call: Any) -> None:
        """Call a function in the event loop, from a thread of the SDK."""
        self._loop.call_soon_threadsafe(*call)

    def _release(self) -> None:
        synthesizer, self._synthesizer = self._synthesizer, None
        connection, self._connection = self._connection, None
        for signal in (
            connection.connected,
            connection.disconnected,
            synthesizer.synthesizing,
            synthesizer.synthesis_word_boundary,
            synthesizer.synthesis_completed,
            synthesizer.synthesis_canceled,
        ):
            signal.disconnect_all()
        synthesizer.stop_speaking_async().get()


def _failure(event: Any) -> AzureSpeechError:
    details = event.result.cancellation_details
    if details.reason != CancellationReason.Error:
        return AzureSpeechError("the service stopped speaking", ErrorCategory.SERVER)
    return AzureSpeechError(*failure_of(details.error_code, details.error_details))

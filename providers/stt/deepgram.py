"""Transcription by Deepgram: a live stream per turn, which is told where the turn ends.

Pipecat's service reads all certificates of the system for each connection, which blocks the event
loop, and reconnects for ever. Here a turn has one connection, made with the provider's TLS context;
a retry is a new service.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from deepgram.core.events import EventType
from deepgram.listen.v1.socket_client import AsyncV1SocketClient
from deepgram.listen.v1.types import ListenV1Error, ListenV1Metadata, ListenV1Results
from pipecat.frames.frames import Frame, TranscriptionFrame, VADUserStoppedSpeakingFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.deepgram.stt import DeepgramSTTService, DeepgramSTTSettings
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from config import STTConfig
from providers.base import ProviderSetupError
from providers.frames import LANGUAGES
from providers.links.failures import KEPT_CHARACTERS
from providers.options import Options, parse_options, required_key
from providers.stt.streams import StreamEndFrame, StreamSTT, phrases
from session.ports import TranscriptionSettings
from settings.localisation import _
from settings.origins import is_here
from settings.provider_declarations import Declaration

HOSTED = "wss://api.deepgram.com"
DEFAULT_MODEL = "nova-3"
HINTED = {"nova-3", "nova-3-general"}
"""Models that can be told which languages to expect."""
MULTILINGUAL = {*HINTED, "nova-3-medical", "nova-2", "nova-2-general"}
"""Models that detect the language, by `language=multi`."""
HANG_UP_S = 0.5
"""Longest wait for the service to close the connection, in seconds."""


class DeepgramOptions(Options):
    """`stt.options`: parameters of Deepgram's live API."""

    smart_format: bool | None = None
    punctuate: bool | None = True
    numerals: bool | None = None
    profanity_filter: bool | None = None
    redact: list[str] | None = None
    replace: list[str] | None = None
    version: str | None = None
    mip_opt_out: bool | None = None
    tag: str | None = None


class DeepgramSTT(StreamSTT):
    """`stt.provider = "deepgram"`: api.deepgram.com, or a self-hosted server at `api_base`.

    Without a language, or with several, the models in `MULTILINGUAL` detect it, those in `HINTED`
    with the several in mind; for the others the first one counts, and English where there is none.
    Keywords and a prompt, which is a list of words separated by commas, are `keyterm` for Nova-3,
    `keywords` for the rest.
    """

    declaration = Declaration(
        kind="stt",
        name="deepgram",
        key_variable="DEEPGRAM_API_KEY",
        key_domains=("deepgram.com",),
        extra=True,
        options=DeepgramOptions,
    )
    announces_end = True
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.AUTHORIZATION: "Check which models the project of this Deepgram key may use.",
        ErrorCategory.INVALID_REQUEST: "Check stt.model, stt.language and stt.options.",
        ErrorCategory.RATE_LIMIT: "Try again later, or ask Deepgram for more concurrent streams.",
        ErrorCategory.QUOTA: "Check the credit of the Deepgram project.",
        ErrorCategory.CONNECTIVITY: "Check the network, and stt.api_base if it is set.",
    }

    def __init__(self, config: STTConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: No key, an unknown option, or a model of another API.
        """
        super().__init__(config)
        self._options = parse_options("stt", config, DeepgramOptions)
        self._model = config.model or DEFAULT_MODEL
        if self._model.startswith("flux"):
            raise ProviderSetupError(
                _(
                    "stt.model '{model}' ends turns by itself and has another "
                    "API; choose one that transcribes, e.g. {example}."
                ).format(model=self._model, example=DEFAULT_MODEL)
            )
        if config.api_base is None:
            required_key(self.declaration, config)
        self._line = _Line(config)
        self.address = self._line.url

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at Deepgram ({self._line.host})"

    def connect(self, settings: TranscriptionSettings) -> STTService:
        """Build the service of one turn."""
        parameters: dict[str, Any] = {**_UNSET, **self._options.model_dump(exclude=_CONNECTION)}
        parameters.update(model=self._model, interim_results=True)
        parameters.update(_languages(settings.languages, self._model))
        if words := phrases(settings):
            parameters.update(_expected(words, self._model))
        return _DeepgramTurn(self._line, self._options, DeepgramSTTSettings(**parameters))


_CONNECTION = {"mip_opt_out", "tag"}
"""Options that are constructor arguments of Pipecat's service, not settings."""
_UNSET = {item.name: None for item in fields(DeepgramSTTSettings) if item.name != "extra"}
"""Pipecat wants a value for every setting."""


def _languages(languages: Sequence[str], model: str) -> dict[str, Any]:
    """Return the model's parameters for the languages that may be spoken."""
    if model not in MULTILINGUAL or len(languages) == 1:
        return {"language": languages[0] if languages else None}
    hints = {"language_hint": list(languages)} if languages and model in HINTED else {}
    return {"language": "multi", "extra": hints}


def _expected(words: list[str], model: str) -> dict[str, list[str]]:
    """Return the model's parameter for expected words."""
    if model.startswith("nova-3"):
        return {"keyterm": words}
    return {"keywords": re.findall(r"[\w'-]+", " ".join(words))}


class _Line:
    """Opens connections with a TLS context that is made once."""

    def __init__(self, config: STTConfig) -> None:
        key = config.resolved_key()
        base = re.sub(r"^http", "ws", config.api_base or HOSTED).rstrip("/")
        self.host = urlsplit(base).hostname
        self.url = f"{base}/v1/listen"
        self._timeout_s = config.connect_timeout_s
        self._headers = {"Authorization": f"Token {key}"} if key else {}
        self._security: dict[str, Any] = {}
        self._way: dict[str, Any] = {"proxy": None} if is_here(base) else {}
        if base.startswith("wss:"):
            self._security = {"ssl": ssl.create_default_context()}

    @asynccontextmanager
    async def dial(self, parameters: dict[str, Any]) -> AsyncIterator[AsyncV1SocketClient]:
        """Connect; raises what `websockets` raises."""
        async with connect(
            f"{self.url}?{urlencode(parameters, doseq=True)}",
            additional_headers=self._headers,
            open_timeout=self._timeout_s,
            close_timeout=HANG_UP_S,
            compression=None,
            **self._security,
            **self._way,
        ) as socket:
            yield AsyncV1SocketClient(websocket=cast(Any, socket))


class _DeepgramTurn(DeepgramSTTService):
    """Pipecat's service for one turn: one connection, whose end is reported."""

    _connection: Any
    _connection_task: Any

    def __init__(
        self, line: _Line, options: DeepgramOptions, settings: DeepgramSTTSettings
    ) -> None:
        # Skips Pipecat's constructor, which blocks the event loop for 70 ms to build an HTTP
        # client.
        STTService.__init__(self, settings=settings, ttfs_p99_latency=0.0)
        self._line = line
        self._encoding = "linear16"
        self._channels = 1
        self._multichannel = False
        self._callback = None
        self._callback_method = None
        self._tag = options.tag
        self._mip_opt_out = options.mip_opt_out
        self._addons = None
        self._connection = None
        self._connection_task = None
        self._told_to_close = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Let the service flush and close at the end of the turn.

        Pipecat's class only asks for a flush, which Deepgram may not answer if it has no further
        results.
        """
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self._connection:
            self._told_to_close = True
            await self._connection.send_close_stream()

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Add the languages that were detected, the most frequent first."""
        if isinstance(frame, TranscriptionFrame) and isinstance(frame.result, ListenV1Results):
            detected = frame.result.channel.alternatives[0].languages
            if detected is not None:
                frame.metadata[LANGUAGES] = [tag.partition("-")[0] for tag in detected]
        await super().push_frame(frame, direction)

    async def _connect(self) -> None:
        settled = asyncio.Event()
        self._connection_task = self.create_task(self._converse(settled))
        await settled.wait()

    async def _converse(self, settled: asyncio.Event) -> None:
        """Connect, send audio and receive results until the stream ends."""
        try:
            async with self._line.dial(self._build_connect_kwargs()) as connection:
                connection.on(EventType.MESSAGE, self._on_message)
                connection.on(EventType.ERROR, self._on_error)
                self._connection = connection
                settled.set()
                keepalive = self.create_task(self._keepalive_handler())
                try:
                    await connection.start_listening()
                finally:
                    self._connection = None
                    await self.cancel_task(keepalive)
            # After a `StreamEndFrame` this failure has no effect.
            reason = "the service closed the stream in the middle of the turn"
            await self.push_error(reason, category=ErrorCategory.CONNECTIVITY)
        except InvalidStatus as refusal:
            status = refusal.response.status_code
            await self.push_error(f"status {status}: {_reason(refusal)}", exception=refusal)
        # An import fails where a library for the proxy of the environment is missing.
        except (OSError, WebSocketException, ImportError) as error:
            await self.push_error(
                f"no connection: {error}", exception=error, category=ErrorCategory.CONNECTIVITY
            )
        finally:
            settled.set()

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, ListenV1Error):
            reason = message.description or message.message
            await self.push_error(f"{message.variant or message.code}: {reason}")
            return
        await super()._on_message(message)
        flushed = isinstance(message, ListenV1Results) and message.from_finalize
        # The last message of a stream that was told to close.
        summary = isinstance(message, ListenV1Metadata) and self._told_to_close
        if flushed or summary:
            await self.push_frame(StreamEndFrame())

    async def _on_error(self, error: Exception) -> None:
        cut = isinstance(error, WebSocketException)
        await self.push_error(
            f"the stream broke: {error}" if cut else f"the service sent garbage: {error}",
            exception=error,
            category=ErrorCategory.CONNECTIVITY if cut else ErrorCategory.SERVER,
        )


def _reason(refusal: InvalidStatus) -> str:
    """Return what Deepgram says about a connection that it refuses."""
    response = refusal.response
    said = response.headers.get("dg-error") or (response.body or b"").decode(errors="replace")
    return said.strip()[:KEPT_CHARACTERS] or response.reason_phrase

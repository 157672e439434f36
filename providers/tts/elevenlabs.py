"""ElevenLabs, over the WebSocket that streams speech while text is still being sent.

It adapts Pipecat's service: the connection is made while the model thinks, failures are reported at
once with the service's own reason, nothing reconnects by itself, and stopping does not wait for the
service.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.services.elevenlabs.tts import ELEVENLABS_MODEL_LANGUAGES, ElevenLabsTTSService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field, ValidationError
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from audio.pcm import WIRE_RATE
from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider
from providers.options import Options, parse_options, required_key
from providers.tts.elevenlabs_wire import ElevenLabsError, Message, SpokenClauses, explain
from providers.tts.voice_base import GAP_S
from settings.localisation import _
from settings.origins import is_here
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "eleven_flash_v2_5"
DEFAULT_URL = "wss://api.elevenlabs.io"
KEEPALIVE_S = 10
"""The service closes a connection on which it has received nothing for 20 s."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_A_DAY_S = 24 * 3600.0

VOICES: Mapping[str, str] = {
    "alloy": "EXAVITQu4vr4xnSDxMaL",  # Sarah
    "ash": "iP95p4xoKVk53GoZ742B",  # Chris
    "ballad": "onwK4e9ZLuTAKqWW03F9",  # Daniel
    "cedar": "nPczCjzI2devNBz1zQrb",  # Brian
    "coral": "cgSgspJ2msm6clMCkdW9",  # Jessica
    "echo": "TX3LPaxmHKxFdv7VOQHJ",  # Liam
    "fable": "JBFqnCBsd6RMkjVDRZzb",  # George
    "marin": "XrExE9yKIg1WjnnlVkGX",  # Matilda
    "nova": "FGY2WhTYpPnrIDTdsKH5",  # Laura
    "onyx": "CwhRBWXzGAHq8TQ4Fs17",  # Roger
    "sage": "SAz9YHcvj6GT2YYXdXww",  # River
    "shimmer": "pFZP5JQG7iQjIQuC4Bku",  # Lily
    "verse": "cjVigY5qzO86Huf0OWal",  # Eric
}
"""OpenAI's names → default voices, which every ElevenLabs account has."""


_FAILURES = (OSError, WebSocketException, ValidationError, ElevenLabsError, ImportError)
"""How a connection fails; an import, where a library for the environment's proxy is missing."""


class ElevenLabsOptions(Options):
    """ElevenLabs' settings; unset: the voice's own."""

    language: str | None = None
    """ISO 639-1 code; None: the model detects it from the text."""
    stability: float | None = Field(None, ge=0, le=1)
    similarity_boost: float | None = Field(None, ge=0, le=1)
    style: float | None = Field(None, ge=0, le=1)
    use_speaker_boost: bool | None = None
    apply_text_normalization: Literal["auto", "on", "off"] | None = None
    enable_logging: bool | None = None
    """False: ElevenLabs stores nothing (only for accounts with zero retention)."""


class ElevenLabsTTS(TTSProvider):
    """`tts.provider = "elevenlabs"`."""

    declaration = Declaration(
        kind="tts",
        name="elevenlabs",
        key_variable="ELEVENLABS_API_KEY",
        key_domains=("elevenlabs.io",),
        options=ElevenLabsOptions,
    )
    named_voices = VOICES
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.AUTHORIZATION: (
            "The key or the plan does not allow it: look at elevenlabs.io/app/settings/api-keys."
        ),
        ErrorCategory.INVALID_REQUEST: (
            "Check the voice id, which must be in the account's My Voices, tts.model and "
            "tts.options."
        ),
        ErrorCategory.QUOTA: "The credits are used up: look at elevenlabs.io/app/subscription.",
        ErrorCategory.RATE_LIMIT: "More requests at a time than the plan allows: try again later.",
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the configuration; nothing is connected before the first response.

        Raises:
            ProviderSetupError: No key, or an option that cannot be used.
        """
        self._config = config
        self._key = required_key(self.declaration, config)
        self._options = parse_options("tts", config, ElevenLabsOptions)
        self._model = config.model or DEFAULT_MODEL
        language = self._options.language
        known = ELEVENLABS_MODEL_LANGUAGES.get(self._model, frozenset())
        if language is not None and language not in known:
            raise ProviderSetupError(
                _(
                    "tts.options.language: {model} takes no language "
                    "'{language}'; unset it, or choose one of {known}."
                ).format(
                    model=self._model,
                    language=language,
                    known=", ".join(sorted(known)) or _("another model"),
                )
            )
        # Accept the base URL of the HTTP API too; the WebSocket is on the same host.
        base = (config.api_base or DEFAULT_URL).rstrip("/").removesuffix("/v1")
        self._url = "ws" + base.removeprefix("http") if base.startswith("http") else base
        self.address = self._url

    @property
    def label(self) -> str:
        """Service and model, and where it runs."""
        return f"ElevenLabs {self._model} at {urlsplit(self._url).hostname}"

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        options = self._options.model_dump(exclude_none=True, exclude={"enable_logging"})
        return _ElevenLabsService(
            self._config,
            api_key=self._key,
            url=self._url,
            enable_logging=self._options.enable_logging,
            settings=ElevenLabsTTSService.Settings(
                model=self._model,
                # Clients choose the voice, and it becomes part of the URL.
                voice=quote(self.named_voices.get(voice, voice), safe=""),
                **options,
            ),
        )


class _ElevenLabsService(ElevenLabsTTSService):
    """The voice of one response: one connection, one context on it."""

    def __init__(self, config: TTSConfig, **arguments: Any) -> None:
        super().__init__(
            sample_rate=WIRE_RATE,
            ws_send_timeout=config.timeout_s,
            # `_watch` detects silence: it knows whether audio is due.
            stop_frame_timeout_s=_A_DAY_S,
            **arguments,
        )
        self._config = config
        self._websocket: ClientConnection | None = None
        """The connection, once all text so far has been sent on it."""
        self._conversation: asyncio.Task[None] | None = None
        self._context_id = ""
        self._texts: list[str] = []
        self._text_given = asyncio.Event()
        self._complete = False
        """Whether the text is complete."""
        self._heard = False
        """Whether audio has been received."""
        self._spoken = SpokenClauses()
        self._silence = asyncio.timeout(None)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Send one clause; its audio arrives on the connection."""
        if self._conversation is None or self._conversation.done():
            return
        if not self.audio_context_available(context_id):
            self._context_id = context_id
            await self.create_audio_context(context_id)
            yield TTSStartedFrame(context_id=context_id)
        self._texts.append(text)
        self._text_given.set()
        if self._websocket is not None:
            await self._send_clause(self._websocket, text)
        yield None

    async def on_turn_context_completed(self) -> None:
        """Ask the service to speak all buffered text, and to report the end."""
        self._complete = True
        self._turn_context_id = None
        if self._websocket is not None and self._texts:
            await self._send_end(self._websocket)

    async def _announce_text(self, src_frame: AggregatedTextFrame, context_id: str) -> None:
        # Not pushed yet: it belongs before its audio, which follows that of earlier clauses.
        src_frame.append_to_context = False
        src_frame.context_id = context_id
        src_frame.will_be_spoken = True
        self._spoken.add(src_frame)

    async def _record_context_audio_outcome(self, context_id: str, received_audio: bool) -> None:
        """Do not report silence: `_received` does, at once."""

    async def _connect(self) -> None:
        # Not awaited, so that the model begins meanwhile.
        self._conversation = self.create_task(self._converse(), "elevenlabs")
        self._create_keepalive_task(interval=KEEPALIVE_S)

    async def _disconnect(self) -> None:
        await self._cancel_keepalive_task()
        if self._conversation is not None:
            await self.cancel_task(self._conversation)
            self._conversation = None

    def _is_keepalive_ready(self) -> bool:
        return super()._is_keepalive_ready() and not self._complete

    async def _converse(self) -> None:
        """Run the connection of the response; a second one if the first failed before any audio."""
        for left in range(self._config.retries, -1, -1):
            try:
                await self._converse_once()
                return
            except _FAILURES as error:
                failure = explain(error, self._config.connect_timeout_s)
            # A response without text does not fail if the service is down.
            await self._text_given.wait()
            if self._heard or not failure.transient or not left:
                await self.push_error(str(failure), failure, category=failure.category)
                await self.remove_audio_context(self._context_id)
                return

    async def _converse_once(self) -> None:
        websocket = await self._websocket_connect(
            self._build_websocket_url(),
            max_size=MAX_MESSAGE_BYTES,
            additional_headers={"xi-api-key": self._api_key},
            open_timeout=self._config.connect_timeout_s,
            # Sends a close frame without waiting for the service's.
            close_timeout=0,
            **({"proxy": None} if is_here(self._url) else {}),
        )
        try:
            async with asyncio.timeout(None) as self._silence:
                # `run_tts` may append clauses while these are sent.
                for text in self._texts:
                    await self._send_clause(websocket, text)
                self._websocket = websocket
                if self._complete and self._texts:
                    await self._send_end(websocket)
                while not await self._received(Message.model_validate_json(await websocket.recv())):
                    self._watch()
        except TimeoutError as error:
            raise ElevenLabsError(
                f"nothing came for {self._patience_s():g} s"
                + (" in the middle of its speech (tts.gap_timeout_s)" if self._heard else ""),
                ErrorCategory.CONNECTIVITY,
            ) from error
        finally:
            self._websocket = None
            self._clear_connection_state()
            await websocket.close()

    async def _received(self, message: Message) -> bool:
        """Handle a message; return whether it was the last one."""
        message.raise_error()
        if message.audio:
            self._heard = True
            for part in self._spoken.split(message.audio, message.alignment):
                frame = (
                    TTSAudioRawFrame(part, WIRE_RATE, 1, context_id=self._context_id)
                    if isinstance(part, bytes)
                    else part
                )
                await self.append_to_audio_context(self._context_id, frame)
        if not message.final:
            return False
        if not (self._complete and self._heard):
            what = "it ended early" if self._heard else "it sent no audio"
            raise ElevenLabsError(what, ErrorCategory.SERVER)
        for last in (*self._spoken.rest(), TTSStoppedFrame(context_id=self._context_id)):
            await self.append_to_audio_context(self._context_id, last)
        await self.remove_audio_context(self._context_id)
        return True

    def _watch(self) -> None:
        """Wait for the next message no longer than the service may be silent.

        Nothing is due while the model has not written more than was spoken, and between two
        clauses it cannot be told whether it has: then silence counts once the text is complete.
        """
        due = self._text_given.is_set() and (self._complete or not self._heard)
        if self._silence.expired():
            return
        now = asyncio.get_running_loop().time()
        self._silence.reschedule(now + self._patience_s() if due else None)

    def _patience_s(self) -> float:
        """Return how long the service may be silent now: less in the middle of its speech."""
        gap_s = self._config.gap_timeout_s or GAP_S
        return gap_s if self._heard else self._config.timeout_s

    async def _send_clause(self, websocket: ClientConnection, text: str) -> None:
        messages: list[dict[str, Any]] = [{"text": text}]
        if self._context_id not in self._context_init_sent:
            self._context_init_sent.add(self._context_id)
            first = {"text": " "}
            voice = {"voice_settings": self._voice_settings} if self._voice_settings else {}
            messages.insert(0, {**first, **voice})
        await self._send(websocket, messages)

    async def _send_end(self, websocket: ClientConnection) -> None:
        await self._send(websocket, [{"flush": True}, {"close_context": True}])

    async def _send(self, websocket: ClientConnection, messages: list[dict[str, Any]]) -> None:
        self._watch()
        # `_converse_once`, which receives on this connection, reports the reason.
        with suppress(ConnectionClosed):
            for message in messages:
                await websocket.send(json.dumps({"context_id": self._context_id, **message}))

"""`POST /v1/audio/speech`: a text, spoken; the first audio is sent as soon as it is made."""

from __future__ import annotations

import asyncio

import pybase64
from fastapi import Request, Response
from starlette.types import Message, Receive, Scope, Send

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from config import Settings
from models_http.calls import Call, Calls
from models_http.connection import Client, ClientGone
from models_http.encoders import MEDIA_TYPES, encoder
from models_http.engines import Engine
from models_http.places import Seat
from models_http.refusals import Refusal, failed
from models_http.server_sent_events import event
from models_http.speech_request import SpeechRequest, read_speech_request
from models_http.synthesis import Synthesis
from models_http.uploads import upload
from providers.base import TTSProvider
from session.ports import FailureReason
from wire.errors import ProtocolError

FIRST_BYTES = BYTES_PER_SAMPLE
"""Least audio that is sent first: whatever there is."""
LATER_BYTES = WIRE_RATE * BYTES_PER_SAMPLE // 5
"""Least audio of a further piece, 200 ms: smaller ones would cost more than they carry."""
_BODY_BYTES_PER_CHAR = 12
"""Bytes of one character in JSON, at most: one beyond the first plane, escaped."""
_BODY_BYTES_BESIDE = 65536
"""Bytes that the other fields of a request may take."""


class SpeechEndpoint:
    """Answers requests for speech."""

    def __init__(self, engine: Engine[TTSProvider], calls: Calls, settings: Settings) -> None:
        """Prepare.

        Args:
            engine: The voice.
            calls: Where calls are entered.
            settings: The configuration.
        """
        self._engine = engine
        self._calls = calls
        self._own = settings.model_server

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        return _Answer(self, request)

    async def serve(self, request: Request, receive: Receive, send: Send) -> None:
        """Speak, and send what is made."""
        client = Client(receive)
        sending = _Sending(send, self._own.stall_s)
        try:
            with self._calls.of("tts") as call:
                await self._serve(request, client, sending, call)
        except ClientGone:
            return
        except Exception as error:
            # A response that has begun can only be cut; the client is told by that.
            if not sending.begun:
                await _response(error)(request.scope, receive, send)
            elif sending.as_events:
                await sending.failure(error)
        finally:
            await client.close()

    async def _serve(self, request: Request, client: Client, sending: _Sending, call: Call) -> None:
        self._calls.engines.check_ready()
        with self._engine.seat() as seat:
            await self._answer(request, client, sending, call, seat)

    async def _answer(
        self, request: Request, client: Client, sending: _Sending, call: Call, seat: Seat
    ) -> None:
        most = self._own.input_chars * _BODY_BYTES_PER_CHAR + _BODY_BYTES_BESIDE
        body = await upload(request, self._calls.engines, most, self._own.stall_s)
        wanted = read_speech_request(body, self._own.input_chars)
        self._engine.check_model(wanted.model)
        self._check_voice(wanted.voice_name)
        sound = encoder(wanted.response_format)
        synthesis = Synthesis(self._engine, seat, wanted.input, wanted.voice_name, wanted.speed)
        try:
            # What fails before the first audio has a status of its own.
            pcm = await client.wait_for(synthesis.take(FIRST_BYTES))
            call.first_audio()
            await client.wait_for(sending.begin(wanted))
            while pcm:
                call.audio_s = synthesis.audio_s
                await client.wait_for(sending.sound(sound.push(pcm)))
                pcm = await client.wait_for(synthesis.take(LATER_BYTES))
            await client.wait_for(sending.sound(sound.finish()))
            await client.wait_for(sending.end())
        finally:
            call.audio_s = synthesis.audio_s
            await synthesis.stop()

    def _check_voice(self, name: str) -> None:
        provider = self._engine.provider
        known = provider.voices
        if known is None or name in known or name in provider.named_voices:
            return
        listed = ", ".join(voice.id for voice in provider.list_voices()[:20])
        raise Refusal(
            400,
            "invalid_value",
            f"The voice '{name[:100]}' is none of this server's ({listed}, …): "
            "GET /v1/audio/voices lists them.",
            "voice",
        )


def _response(error: Exception) -> Response:
    """Return the answer to a request that failed before any sound."""
    if isinstance(error, Refusal):
        return error.response()
    if isinstance(error, ProtocolError):
        return Refusal(400, error.code or "invalid_value", error.message, error.param).response()
    return _unknown(error).response()


def _unknown(error: Exception) -> Refusal:
    message = f"The voice failed ({type(error).__name__}). The server's log with --debug says more."
    return failed(FailureReason(message, "provider_error", stage="TTS"))


class _Answer(Response):
    """The response, which serves the request when it is sent: then it can tell who reads it."""

    def __init__(self, endpoint: SpeechEndpoint, request: Request) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint.serve(self._request, receive, send)


class _Sending:
    """Sends one spoken answer, as sound or as events with pieces of it."""

    def __init__(self, send: Send, stall_s: float) -> None:
        self._send = send
        self._stall_s = stall_s
        self.begun = False
        self.as_events = False

    async def begin(self, wanted: SpeechRequest) -> None:
        """Send the head of the response."""
        self.as_events = wanted.stream_format == "sse"
        kind = "text/event-stream" if self.as_events else MEDIA_TYPES[wanted.response_format]
        headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
        self.begun = True
        await self._say({"type": "http.response.start", "status": 200, "headers": headers})

    async def sound(self, encoded: bytes) -> None:
        """Send a piece."""
        if not encoded:
            return
        if self.as_events:
            audio = pybase64.b64encode(encoded).decode()
            encoded = event({"type": "speech.audio.delta", "audio": audio})
        await self._body(encoded)

    async def end(self) -> None:
        """End the response."""
        await self._body(event({"type": "speech.audio.done"}) if self.as_events else b"", last=True)

    async def failure(self, error: Exception) -> None:
        """Tell of a failure in the middle, where events are sent."""
        refusal = error if isinstance(error, Refusal) else _unknown(error)
        await self._body(event(refusal.body), last=True)

    async def _body(self, body: bytes, *, last: bool = False) -> None:
        await self._say({"type": "http.response.body", "body": body, "more_body": not last})

    async def _say(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send(message)
        except (TimeoutError, OSError):
            raise ClientGone from None

"""`POST /v1/audio/transcriptions`: the words in a sound file."""

from __future__ import annotations

import asyncio
import threading

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from audio.pcm import SAMPLE_RATE, duration_ms
from config import Settings
from models_http.calls import Call, Calls
from models_http.connection import Client, ClientGone
from models_http.engines import Engine
from models_http.places import Seat
from models_http.refusals import Refusal, failed
from models_http.sound_files import read_sound
from models_http.transcription_request import TranscriptionRequest, read_transcription_request
from models_http.transcripts import Written, answer, events
from models_http.uploads import upload
from providers.base import ProviderFailure, STTProvider
from serving.multipart import boundary_of
from session.ports import Transcript
from wire.errors import ProtocolError

MIB = 1024 * 1024
_FORM_BYTES = 256 * 1024
"""Bytes that a form may have beside the file."""
CLIENT_CLOSED = 499
"""Status in the log of a client that has gone; it is told nothing any more."""


class TranscriptionEndpoint:
    """Answers requests for transcripts."""

    def __init__(self, engine: Engine[STTProvider], calls: Calls, settings: Settings) -> None:
        """Prepare.

        Args:
            engine: The recogniser.
            calls: Where calls are entered.
            settings: The configuration.
        """
        self._engine = engine
        self._calls = calls
        self._own = settings.model_server

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        client = Client(request.receive)
        try:
            with self._calls.of("stt") as call:
                return await self._answer(request, client, call)
        except ClientGone:
            return Response(status_code=CLIENT_CLOSED)
        finally:
            await client.close()

    async def _answer(self, request: Request, client: Client, call: Call) -> Response:
        self._calls.engines.check_ready()
        with self._engine.seat() as seat:
            wanted = await self._read(request)
            self._engine.check_model(wanted.model)
            self._check_wishes(wanted)
            transcript = await client.wait_for(self._transcribe(wanted, seat, call))
        told = wanted.languages[0] if wanted.languages else self._engine_language
        written = Written(transcript, round(call.audio_s, 3), told, wanted.logprobs)
        if wanted.stream:
            return Response(events(written), media_type="text/event-stream")
        body, kind = answer(written, wanted.response_format)
        return JSONResponse(body) if isinstance(body, dict) else Response(body, media_type=kind)

    async def _read(self, request: Request) -> TranscriptionRequest:
        boundary = boundary_of(request.headers.get("content-type", ""))
        if boundary is None:
            raise Refusal(
                415,
                "unsupported_content_type",
                "A file is sent as the part 'file' of multipart/form-data, beside 'model'.",
            )
        most = int(self._own.file_mib * MIB)
        try:
            body = await upload(request, self._calls.engines, most + _FORM_BYTES, self._own.stall_s)
        except ProtocolError:
            raise self._too_large() from None
        wanted = read_transcription_request(body, boundary)
        if len(wanted.file) > most:
            raise self._too_large()
        return wanted

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            "file_too_large",
            f"The file is larger than {self._own.file_mib:g} MiB (model_server.file_mib): cut it "
            "into several, or compress it.",
            "file",
        )

    @property
    def _engine_language(self) -> str | None:
        """What it hears where nobody says."""
        configured = getattr(self._engine.config, "language", None)
        known = self._engine.provider.languages
        return configured or (next(iter(known)) if known and len(known) == 1 else None)

    def _check_wishes(self, wanted: TranscriptionRequest) -> None:
        """Refuse what the recogniser would not heed."""
        provider = self._engine.provider
        known = provider.languages
        for tag in wanted.languages:
            code = tag.lower().replace("_", "-").partition("-")[0]
            if known is not None and code not in known:
                raise Refusal(
                    400,
                    "invalid_value",
                    f"The language '{tag[:40]}' is none that {provider.label} understands; it "
                    f"knows {', '.join(sorted(known))}.",
                    "language",
                )
        if provider.accepts_prompt:
            return
        for name, given in (("prompt", wanted.prompt), ("keywords", wanted.keywords)):
            if given:
                raise Refusal(
                    400,
                    "unsupported_parameter",
                    f"{provider.label} takes no {name}: leave it out, or choose another "
                    "recogniser for this server, such as whisper.",
                    name,
                )

    async def _transcribe(self, wanted: TranscriptionRequest, seat: Seat, call: Call) -> Transcript:
        # Reading a file takes a core and memory for a while, so it has a place as well.
        async with seat.place():
            pcm = await self._sound(wanted.file)
            call.audio_s = duration_ms(pcm, SAMPLE_RATE) / 1000
            return await self._heard(wanted, pcm, self._engine.patience.first_s + call.audio_s)

    async def _sound(self, file: bytes) -> bytes:
        """Return the sound in a file; who is cancelled waits until the thread has stopped."""
        is_over = threading.Event()
        longest_s = self._own.audio_minutes * 60
        reading = asyncio.ensure_future(
            asyncio.to_thread(read_sound, file, longest_s, is_over.is_set)
        )
        # Nobody else asks how it ended where the call is cancelled twice.
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(reading)
        finally:
            is_over.set()
            await asyncio.wait([reading])

    async def _heard(self, wanted: TranscriptionRequest, pcm: bytes, limit_s: float) -> Transcript:
        scored = wanted.logprobs or wanted.response_format == "verbose_json"
        try:
            async with asyncio.timeout(limit_s):
                return await self._engine.provider.transcribe(
                    pcm,
                    wanted.languages,
                    wanted.prompt,
                    keywords=wanted.keywords,
                    logprobs=scored,
                )
        except ProviderFailure as error:
            raise failed(error.reason) from error
        except TimeoutError:
            raise self._engine.late(f"no result within {limit_s:.0f} s") from None

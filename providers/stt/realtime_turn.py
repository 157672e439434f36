"""One turn on a connection to a Realtime service: audio out as it comes, words in as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from pipecat.frames.frames import (
    Frame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.utils.time import time_now_iso8601
from pipecat.utils.tracing.service_decorators import traced_stt

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, Resampler
from providers.frames import describe
from providers.http_clients import MAX_REPLY_BYTES, MIB
from providers.links.failures import LinkFailure, nonsense
from providers.links.link import Address, Event
from providers.links.realtime_link import RealtimeLink
from providers.links.transcription import LEAST_MS, append
from providers.stt.realtime_dialects import Asked, Dialect, dialect_of
from providers.stt.streams import StreamEndFrame
from session.ports import Transcript

PIECE_MS = 100
"""Audio of one event: fewer would let words come hardly later, more would cost both sides."""


class RealtimeTurn(STTService):
    """What hears one turn; a retry is a new one."""

    def __init__(self, address: Address, asked: Asked) -> None:
        """Prepare; it connects when its pipeline starts.

        Args:
            address: The service.
            asked: What the turn asks of it.
        """
        super().__init__(
            settings=STTSettings(model=asked.model, language=asked.wishes.language),
            ttfs_p99_latency=0.0,
        )
        self._address = address
        self._asked = asked
        self._link: RealtimeLink | None = None
        self._dialect: Dialect | None = None
        self._settled = asyncio.Event()
        """Set once the service has spoken, or the connection has failed."""
        self._outgoing: _Outgoing | None = None
        self._text = ""
        """The words since the last final result."""
        self._is_over = False
        """Whether the service has been told where the turn ends."""

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        """Connect, and wait until the service has opened a session."""
        await super().setup(setup)
        self._link = RealtimeLink(self._address, None, self._came, self._ended)
        await self._settled.wait()

    async def cleanup(self) -> None:
        """Close the connection."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        if self._link is not None:
            await self._link.close()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Send audio: 16-bit mono PCM at 16 kHz."""
        if self._link is not None and self._outgoing is not None:
            for piece in self._outgoing.take(audio):
                await self._link.send(append(piece))
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Commit at the end of the turn."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, VADUserStoppedSpeakingFrame):
            return
        if self._link is not None and self._outgoing is not None and self._dialect is not None:
            self._is_over = True
            if rest := self._outgoing.rest():
                await self._link.send(append(rest))
            await self._link.send(self._dialect.ending())

    async def _came(self, link: RealtimeLink, event: Event) -> None:
        """Take an event of the service."""
        if self._dialect is None:
            if event["type"] == "session.created":
                self._open(link, dialect_of(event, self._asked))
            return
        try:
            words = self._dialect.read(event)
        except (KeyError, TypeError, ValueError) as error:
            kind = str(event["type"])[:60]
            link.drop(nonsense(f"its event '{kind}' cannot be read ({type(error).__name__})"))
            return
        if isinstance(words, LinkFailure):
            await self._fail(words)
        elif isinstance(words, Transcript):
            await self._understood(words)
        elif words:
            self._text += words
            if len(self._text) > (limit := MAX_REPLY_BYTES["stt"]):
                link.drop(nonsense(f"its transcript is longer than {limit // MIB} MiB"))
                return
            await self.push_frame(
                InterimTranscriptionFrame(self._text, self._user_id, time_now_iso8601())
            )

    def _open(self, link: RealtimeLink, dialect: Dialect) -> None:
        for event in dialect.opening():
            link.send_soon(event)
        self._outgoing = _Outgoing(dialect.rate)
        self._dialect = dialect
        self._settled.set()

    @traced_stt
    async def _understood(self, transcript: Transcript) -> None:
        """Push a final result: of the turn, or of a part that the service cut off by itself."""
        self._text = ""
        frame = TranscriptionFrame(
            transcript.text, self._user_id, time_now_iso8601(), finalized=self._is_over
        )
        describe(frame, transcript)
        await self.push_frame(frame)
        if self._is_over:
            await self.push_frame(StreamEndFrame())

    async def _ended(self, _link: RealtimeLink, failure: LinkFailure) -> None:
        """Report why the connection is over; behind a `StreamEndFrame` this has no effect."""
        await self._fail(failure)

    async def _fail(self, failure: LinkFailure) -> None:
        await self.push_error(str(failure), exception=failure, category=failure.category)
        self._settled.set()


class _Outgoing:
    """A turn's audio on its way: at the service's rate, in pieces that are worth an event."""

    def __init__(self, rate: int) -> None:
        self._resampler = Resampler(SAMPLE_RATE, rate)
        self._waiting = bytearray()
        self._piece = PIECE_MS * rate // 1000 * BYTES_PER_SAMPLE
        self._lacking = LEAST_MS * rate // 1000 * BYTES_PER_SAMPLE
        """Bytes that are still to come before a service commits it: a shorter turn is filled up."""

    def take(self, pcm: bytes) -> list[bytes]:
        """Take audio; return the pieces that are complete."""
        self._waiting += self._resampler.push(pcm)
        pieces = []
        while len(self._waiting) >= self._piece:
            pieces.append(bytes(self._waiting[: self._piece]))
            del self._waiting[: self._piece]
        self._lacking -= sum(map(len, pieces))
        return pieces

    def rest(self) -> bytes:
        """Return the end of the audio."""
        rest = bytes(self._waiting) + self._resampler.flush()
        return rest + bytes(max(0, self._lacking - len(rest)))

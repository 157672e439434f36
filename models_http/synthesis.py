"""Speech that is being made for a client, in a task of its own.

The engine works as fast as it can and is then free for the next call, however slowly the client
reads; what waits for the client is bounded by the length of a text.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from audio.pcm import duration_ms
from audio.time_stretch import TimeStretch
from models_http.engines import Engine
from models_http.places import Seat
from models_http.refusals import failed
from providers.base import ProviderFailure, TTSProvider


class Synthesis:
    """One text being spoken: 16-bit mono PCM at 24 kHz."""

    def __init__(
        self, engine: Engine[TTSProvider], seat: Seat, text: str, voice: str, speed: float
    ) -> None:
        """Begin.

        Args:
            engine: The voice's engine.
            seat: The call's seat, where it waits for its place.
            text: What to say.
            voice: One of its voices.
            speed: Pace, at constant pitch; 1 is the voice's own.
        """
        self._engine = engine
        self._seat = seat
        self._made = bytearray()
        self._more = asyncio.Event()
        self._over = False
        self._failure: Exception | None = None
        self._begun = time.monotonic()
        self.first_s: float | None = None
        """Seconds to the first audio; None: there was none."""
        self.audio_s = 0.0
        """Seconds of audio that were made."""
        self._task = asyncio.create_task(self._make(text, voice, speed), name="speech")

    async def take(self, least: int) -> bytes:
        """Return what has been made and not been taken; nothing: the text is spoken.

        Args:
            least: Bytes to wait for, unless the end comes first.

        Raises:
            Refusal: The voice failed.
        """
        while len(self._made) < least and not self._over:
            self._more.clear()
            await self._more.wait()
        if self._failure is not None:
            raise self._failure
        made = bytes(self._made)
        self._made.clear()
        return made

    async def stop(self) -> None:
        """Let the engine stop; its place is free once it has."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _make(self, text: str, voice: str, speed: float) -> None:
        try:
            async with self._seat.place():
                await self._speak(text, voice, TimeStretch(speed))
        except ProviderFailure as error:
            self._failure = failed(error.reason)
        # Whatever else an engine raises ends this call alone, and is told like any failure of it.
        except Exception as error:
            self._failure = error
        finally:
            self._over = True
            self._more.set()

    async def _speak(self, text: str, voice: str, pace: TimeStretch) -> None:
        patience = self._engine.patience
        limit_s = patience.first_s
        async with aclosing(self._engine.provider.speak(text, voice)) as pieces:
            while True:
                try:
                    async with asyncio.timeout(limit_s):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise self._engine.late(f"it has made nothing for {limit_s:g} s") from None
                if piece is None:
                    break
                limit_s = patience.next_s
                self._add(pace.push(piece))
        self._add(pace.flush())

    def _add(self, pcm: bytes) -> None:
        if not pcm:
            return
        if self.first_s is None:
            self.first_s = time.monotonic() - self._begun
        self.audio_s += duration_ms(pcm) / 1000
        self._made += pcm
        self._more.set()

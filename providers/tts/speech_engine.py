"""The base of the built-in voices: runs blocking code on threads, as an async stream.

A synthesiser blocks and calls back with audio. A C library that keeps its state in globals has one
thread, which speaks one text after another; a model may have more. asyncio sees a stream of PCM
chunks that can be closed at any moment.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import NamedTuple, Protocol

from audio.pcm import BYTES_PER_SAMPLE
from providers.base import StageFailure
from providers.in_process.engine_work import followed
from providers.in_process.stopping import Stop
from providers.tts.lead_in import AUDIBLE, LeadIn
from providers.tts.word_places import WordTime, shifted


class Emit(Protocol):
    """Takes what an engine has made."""

    def __call__(self, pcm: bytes, words: Sequence[WordTime] = ()) -> bool:
        """Take a chunk of PCM, and return False when the stream has been closed.

        Args:
            pcm: 16-bit mono.
            words: Words of the text whose times are known by now, from the chunk's beginning.
        """


class Speech(NamedTuple):
    """A chunk of what an engine says."""

    pcm: bytes
    words: Sequence[WordTime] = ()
    """Words of the text whose times are known by now, from the chunk's beginning; an engine that
    does not know has none."""


class SynthesisError(StageFailure):
    """The engine could not speak. The message says which engine and why."""


class SpeechEngine(ABC):
    """A synthesiser on threads of its own."""

    name: str
    """The engine's name, for labels and errors."""
    sample_rate: int
    """Hz of the PCM it makes."""
    audible: int = AUDIBLE
    """Amplitude of what is no longer its silence."""
    tells_words: bool = False
    """Whether it knows when it says each word."""

    def __init__(self, threads: int = 1) -> None:
        """Start without a thread; the first text starts one.

        Args:
            threads: How many texts may be spoken at a time.
        """
        self.threads = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=type(self).__name__.lower())

    async def synthesize(
        self, text: str, voice: str, rate_wpm: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Speak `text`, yielding 16-bit mono PCM: `speak` without the times of words."""
        async with aclosing(self.speak(text, voice, rate_wpm)) as stream:
            async for chunk in stream:
                yield chunk.pcm

    async def speak(
        self, text: str, voice: str, rate_wpm: int | None = None
    ) -> AsyncGenerator[Speech, None]:
        """Speak `text`, yielding 16-bit mono PCM at `sample_rate` as it is made.

        The engine's own silence before the first sound is left out.
        Closing the generator early stops the engine at its next chunk of audio, or at once if it
        can be stopped in its middle.

        Args:
            text: What to say.
            voice: One of the engine's voices.
            rate_wpm: Words per minute; None is the engine's natural speed.

        Raises:
            SynthesisError: The engine failed, or has no such voice.
        """
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[Speech | None] = asyncio.Queue()
        closed = threading.Event()
        stop = Stop()

        def emit(pcm: bytes, words: Sequence[WordTime] = ()) -> bool:
            if closed.is_set():
                return False
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, Speech(pcm, words))
            except RuntimeError:
                # The event loop is closed: stop.
                return False
            return True

        def speak() -> None:
            with stop.guarding():
                self._speak(text, voice, rate_wpm, emit)

        try:
            work = self._threads.submit(speak)
        except RuntimeError as error:
            raise SynthesisError(f"{self.name} is closed.") from error
        followed(work)
        done = asyncio.wrap_future(work)
        # Runs on the loop after every chunk that the thread has handed over.
        done.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            lead_in = LeadIn(self.sample_rate, self.audible)
            bytes_per_ms = self.sample_rate * BYTES_PER_SAMPLE / 1000
            words: list[WordTime] = []
            taken = 0
            while (chunk := await chunks.get()) is not None:
                words += shifted(chunk.words, ms=taken / bytes_per_ms)
                taken += len(chunk.pcm)
                if heard := lead_in.push(chunk.pcm):
                    yield Speech(heard, shifted(words, ms=(len(heard) - taken) / bytes_per_ms))
                    words.clear()
            if done.cancelled():
                raise SynthesisError(f"{self.name} was closed before it spoke.")
            done.result()
        finally:
            closed.set()
            stop()
            # A text that still waits for the thread is dropped.
            done.cancel()

    def close(self) -> None:
        """Start no further text, and wait until the threads have ended."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    @abstractmethod
    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        """Speak on the calling thread until done or `emit` returns False."""

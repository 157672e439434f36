"""The fakes of the hosted voices, seen alike by the tests that hold for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import numpy as np
import pytest

from tests.providers.fakes import azure, edge, elevenlabs, openai_speech
from tests.providers.fakes.tone import RATE, pitch, tone
from tests.support.running_server import serving

MP3_FRAME_MS = 24
"""At 24 kHz: the codec makes whole ones."""


class Service(Protocol):
    """A vendor's fake, seen alike."""

    fake: Any
    base: str | None
    """Where it is; None: the provider knows no other place."""

    def hold(self) -> None:
        """Let no more than the beginning of the audio come."""

    def release(self) -> None:
        """Let the rest of it come."""

    @property
    def attempts(self) -> int:
        """Requests so far."""

    @property
    def voices(self) -> set[str]:
        """The vendor's voices that were asked for."""

    def expect(self, pcm: bytes, clauses: Sequence[str], first: int) -> None:
        """Assert that `pcm` is these clauses; `first` of them were spoken before."""

    @property
    def spoken(self) -> int:
        """Clauses spoken so far, if they sound different by their number."""


def on_loopback(port: int) -> str:
    """Return the address of a port."""
    return f"http://127.0.0.1:{port}"


class _Azure:
    def __init__(self, fake: azure.FakeAzure) -> None:
        self.fake = fake
        self.base: str | None = fake.base
        self.spoken = 0

    def hold(self) -> None:
        self.fake.hold_after = 4800

    def release(self) -> None:
        self.fake.hold_after = None
        self.fake.over.set()

    @property
    def attempts(self) -> int:
        return sum(len(call.ssml) for call in self.fake.calls)

    @property
    def voices(self) -> set[str]:
        return {voice for call in self.fake.calls for voice, _text in call.spoken}

    def expect(self, pcm: bytes, clauses: Sequence[str], first: int) -> None:
        assert pcm == azure.VOICE * len(clauses)


@asynccontextmanager
async def run_azure(_monkeypatch: pytest.MonkeyPatch, port: int) -> AsyncIterator[Service]:
    async with azure.fake_azure(port) as fake:
        yield _Azure(fake)


class _Held:
    """A fake whose audio, but for the beginning, waits for `go_on`."""

    fake: Any

    def hold(self) -> None:
        self.fake.go_on.clear()

    def release(self) -> None:
        self.fake.go_on.set()


class _Edge(_Held):
    base: str | None = None

    def __init__(self, fake: edge.FakeEdge) -> None:
        self.fake = fake

    @property
    def attempts(self) -> int:
        connections: int = self.fake.connections
        return connections

    @property
    def voices(self) -> set[str]:
        return set(self.fake.voices)

    @property
    def spoken(self) -> int:
        return len(self.fake.texts)

    def expect(self, pcm: bytes, clauses: Sequence[str], first: int) -> None:
        heard = tones(pcm)
        pitches = [pitch(first + number) for number in range(len(clauses))]
        assert [frequency for frequency, _ in heard] == pitches
        for (_, length), text in zip(heard, clauses, strict=True):
            assert abs(length - len(text) * edge.CHARACTER_MS) <= MP3_FRAME_MS
        # Neither lost nor padded, but for the ends of each clause's MP3.
        total = len(pcm) * 1000 / (2 * RATE)
        wanted = sum(len(text) for text in clauses) * edge.CHARACTER_MS
        assert -MP3_FRAME_MS <= total - wanted <= 2 * MP3_FRAME_MS * len(clauses)


def tones(pcm: bytes) -> list[tuple[int, float]]:
    """The tones in `pcm`, one after the other: frequency in Hz and length in ms."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    loud = np.flatnonzero(np.abs(samples) > 2000)
    pauses = np.flatnonzero(np.diff(loud) > RATE // 100)
    found = []
    for part in np.split(loud, pauses + 1):
        sounding = samples[part[0] : part[-1] + 1]
        spectrum = np.abs(np.fft.rfft(sounding * np.hanning(len(sounding)), n=RATE))
        found.append((round(int(spectrum.argmax()), -1), len(sounding) * 1000 / RATE))
    return found


@asynccontextmanager
async def run_edge(monkeypatch: pytest.MonkeyPatch, port: int) -> AsyncIterator[Service]:
    fake = edge.FakeEdge()
    fake.port = port
    async with fake.running(monkeypatch):
        yield _Edge(fake)


class _ElevenLabs(_Held):
    spoken = 0

    def __init__(self, fake: elevenlabs.FakeElevenLabs) -> None:
        self.fake = fake
        self.base: str | None = on_loopback(fake.port)

    @property
    def attempts(self) -> int:
        return len(self.fake.addresses)

    @property
    def voices(self) -> set[str]:
        return {self.fake.voice}

    def expect(self, pcm: bytes, clauses: Sequence[str], first: int) -> None:
        lengths = [len(text) * elevenlabs.CHARACTER_MS for text in clauses]
        assert pcm == b"".join(tone(number, length) for number, length in enumerate(lengths))


@asynccontextmanager
async def run_elevenlabs(_monkeypatch: pytest.MonkeyPatch, port: int) -> AsyncIterator[Service]:
    fake = elevenlabs.FakeElevenLabs()
    fake.port = port
    async with fake.running():
        yield _ElevenLabs(fake)


class _OpenAI(_Held):
    def __init__(self, fake: openai_speech.FakeSpeech, port: int) -> None:
        self.fake = fake
        self.base: str | None = f"{on_loopback(port)}/v1"

    @property
    def attempts(self) -> int:
        return self.spoken

    @property
    def voices(self) -> set[str]:
        return {asked["voice"] for asked in self.fake.asked}

    @property
    def spoken(self) -> int:
        return len(self.fake.asked)

    def expect(self, pcm: bytes, clauses: Sequence[str], first: int) -> None:
        lengths = [len(text) * openai_speech.CHARACTER_MS for text in clauses]
        assert pcm == b"".join(tone(first + n, length) for n, length in enumerate(lengths))


@asynccontextmanager
async def run_openai(_monkeypatch: pytest.MonkeyPatch, port: int) -> AsyncIterator[Service]:
    fake = openai_speech.FakeSpeech()
    async with serving(fake.app, port) as taken:
        yield _OpenAI(fake, taken)

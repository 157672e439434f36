"""Hands-free from a loudspeaker: the assistant does not hear itself, and hears the user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from audio.pcm import WIRE_RATE, read_wav
from audio.player import AudioPlayerAsync
from clients.sdk import dial, make_client
from clients.terminal.client import RealtimeClient
from clients.terminal.echo import EchoCanceller, EchoFree, can_cancel
from clients.terminal.sources import AudioSource, Microphone
from clients.terminal.view import View
from tests.support.places import ROOT
from tests.support.room import Furnished, Room, samples
from tests.support.running_server import running, scripted_settings

LISTENED_S = 6.0
"""Seconds of an answer, by the sound card."""
PATIENCE_S = 60.0


class Seen:
    """A view that keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self._news = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        def told(*values: Any, **_named: Any) -> None:
            self.calls.append((name, values))
            self._news.set()

        return told

    def notes(self) -> list[str]:
        """What was said to the user about the conversation."""
        shown = [values for call, values in self.calls if call == "show_text"]
        return [text for _, who, text, *_ in shown if who == "note"]

    def has(self, name: str) -> bool:
        return any(call == name for call, _ in self.calls)

    async def until(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.has(name):
                self._news.clear()
                await self._news.wait()

    async def heard(self, player: AudioPlayerAsync, seconds: float) -> None:
        """Wait until so much of an answer was heard, or it was interrupted."""
        async with asyncio.timeout(PATIENCE_S):
            while player.played_ms < seconds * 1000 and not self.has("show_interrupted"):
                self._news.clear()
                await self._news.wait()  # the level of the microphone is told every 20 ms


@asynccontextmanager
async def story(
    cancel: bool, guard: bool = True
) -> AsyncIterator[tuple[Seen, Furnished, AudioPlayerAsync]]:
    """Hands-free, let a long story be told by a loudspeaker beside the microphone."""
    room, seen = Furnished(Room(WIRE_RATE, 100)), Seen()
    canceller = EchoCanceller() if cancel else None
    listeners = [canceller] if canceller else []
    player = AudioPlayerAsync(room.speaker.open, listeners=listeners, clock=room.clock)
    source: AudioSource = Microphone(room.microphone.open)
    if canceller is not None:
        source = EchoFree(source, canceller, room.clock)
    settings = scripted_settings(
        llm={"provider": "embedded"}, tts={"provider": "embedded"}, turns={"echo_guard": guard}
    )
    async with running(settings) as server:
        sdk = make_client(server.url, "none")
        client = RealtimeClient(
            lambda: dial(sdk, "gpt-realtime", notices=True), cast(View, seen), source, player
        )
        task = asyncio.create_task(client.run())
        try:
            await seen.until("show_session")
            await client.toggle_hands_free()
            await client.send_text("tell me a long story")
            await seen.until("show_latency")
            yield seen, room, player
        finally:
            room.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            client.close()
            await sdk.close()


async def test_without_echo_cancellation_the_server_knows_its_own_voice() -> None:
    async with story(cancel=False) as (seen, room, player):
        await seen.heard(player, LISTENED_S)
        assert not seen.has("show_interrupted")
        [note] = seen.notes()
        assert note.startswith("The microphone hears the loudspeaker (echo).")
        room.say(samples(read_wav(ROOT / "tests/data/flite-rms_s06.wav")) * 1.5)
        await seen.until("show_interrupted")


async def test_without_the_guard_and_echo_cancellation_it_interrupts_itself() -> None:
    async with story(cancel=False, guard=False) as (seen, _, player):
        await seen.heard(player, LISTENED_S)
        assert seen.has("show_interrupted")
        assert seen.notes() == []


@pytest.mark.skipif(not can_cancel(), reason="pip install -r requirements/echo.txt")
async def test_with_echo_cancellation_only_the_user_interrupts() -> None:
    async with story(cancel=True) as (seen, room, player):
        await seen.heard(player, LISTENED_S)
        assert not seen.has("show_interrupted")
        assert seen.notes() == []
        room.say(samples(read_wav(ROOT / "tests/data/flite-rms_s06.wav")) * 0.5)
        await seen.until("show_interrupted")

"""Devices chosen while the app runs."""

from __future__ import annotations

import asyncio
import sys

import pytest
from textual.widgets import OptionList

from settings.installation import pip
from tests.clients.terminal.bench import (
    CREATED,
    INPUT,
    PCM,
    begun,
    bench,
    says,
    session,
    sounds,
)
from tests.support.fake_connection import CLOSED, FakeSocket
from tests.support.fake_sound import FakeSound


class SoundDevices:
    """Stands in for the `sounddevice` module: two devices of each kind, one of them broken."""

    class PortAudioError(Exception):
        """As raised by the module."""

    class default:  # noqa: D106
        hostapi = 0
        device = (0, 1)

    def __init__(self) -> None:
        self.opened: list[tuple[str, object]] = []
        self.streams: list[FakeSound] = []

    def query_devices(self) -> list[dict[str, object]]:
        def device(name: str, inputs: int, outputs: int) -> dict[str, object]:
            channels = {"max_input_channels": inputs, "max_output_channels": outputs}
            return {"name": name, "hostapi": 0, **channels}

        return [device("Desk [1]", 1, 0), device("Ears", 0, 2), device("Set", 1, 2)]

    def _open(self, direction: str, callback: object, device: object) -> FakeSound:
        self.opened.append((direction, device))
        if device == 0:
            raise self.PortAudioError("Device\nunavailable")
        self.streams.append(FakeSound().open(callback))  # type: ignore[arg-type]
        return self.streams[-1]

    def RawInputStream(self, *, callback: object, device: object, **_: object) -> FakeSound:
        return self._open("input", callback, device)

    def RawOutputStream(self, *, callback: object, device: object, **_: object) -> FakeSound:
        return self._open("output", callback, device)


async def test_devices_are_chosen_in_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SoundDevices()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    async with session(speaker=False) as it:
        await it.press("d")
        lists = it.app.screen.query(OptionList)
        offered = [[str(option.prompt) for option in each.options] for each in lists]
        assert offered == [
            ["System default", "Desk [1]  (0)", "Set  (2)"],
            ["System default", "Ears  (1)", "Set  (2)"],
        ]
        await it.press("down", "enter")
        outcome = it.app.screen.query_one("#outcome")
        assert str(outcome.render()).startswith("No sound input '0': Device unavailable. ")
        await it.press("down", "enter")
        assert str(outcome.render()) == "Input: Set  (2)."
        await it.press("tab", "down", "enter")
        assert str(outcome.render()) == "Output: Ears  (1)."
        await it.socket.until("session.update", 2)
        assert it.socket.sent[-1]["session"]["output_modalities"] == ["audio"]
        await it.press("escape", "k")
        assert module.opened == [("input", 0), ("input", 2), ("output", 1), ("input", 2)]
        module.streams[-1].push(PCM)
        await it.press("k")
        await it.socket.until("response.create")
        assert it.appended() == PCM
        await it.say(begun(), sounds(PCM))
        assert module.streams[1].pull(4800) == PCM


async def test_events_come_while_devices_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", SoundDevices())
    async with bench(FakeSocket(), FakeSocket()) as it:
        await it.say(CREATED)
        await it.press("d")
        await it.say(begun(), says("Hello"), CLOSED)
        await it.press("d")
        assert it.shown()[0] == "Assistant: [interrupted, not heard: Hello]"


async def test_without_portaudio_devices_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    async with session() as it:
        await it.press("d")
        assert it.shown() == [
            f"Error: No sound: 'sounddevice' is missing. {pip()} install sounddevice."
        ]


async def test_a_new_loudspeaker_replaces_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SoundDevices()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    async with session() as it:
        await it.answered(sounds(PCM))
        it.speaker.pull(2400)
        await it.press("d", "tab", "enter")
        await it.socket.until("conversation.item.truncate")
        assert it.truncated() == [("item_a", 100)]
        assert it.speaker.calls[-2:] == ["abort", "close"]
        assert module.streams[0].running
        assert it.socket.kinds().count("session.update") == 1  # it has been sound all along


async def test_a_new_microphone_takes_over_hands_free(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SoundDevices()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    async with session() as it:
        await it.press("v")
        await it.socket.until("session.update", 2)
        await it.press("d", "enter", "escape")
        assert it.microphone.calls[-1] == "close"
        assert module.streams[-1].running
        async with asyncio.timeout(10):
            module.streams[-1].push(PCM)
            await it.socket.until(f"{INPUT}.append")

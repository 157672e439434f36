"""The screen: connection, keys, sizes, themes, devices."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import pytest
from textual.events import AppBlur, Key
from textual.widget import Widget
from textual.widgets import Input, OptionList
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from terminal_app.key_releases import KeyReleased, KeyReleasesReported
from terminal_app.link import RETRY_S
from tests.clients.fake_connection import CLOSED, Event, FakeSocket
from tests.clients.fake_sound import FakeSound
from tests.terminal_app.bench import (
    CREATED,
    INPUT,
    PCM,
    begun,
    bench,
    done,
    fault,
    says,
    session,
    sounds,
    writes,
)

KEYS = "K Talk  V Hands-free  M Mute  Esc Stop  / Type  D Devices  T Theme  Q Quit"
SIZES = [(60, 20), (80, 24), (132, 50), (300, 60)]


async def test_a_lost_connection_ends_the_recording_and_comes_back() -> None:
    first, second = FakeSocket(), FakeSocket()
    async with bench(first, second) as it:
        assert it.bar("status") == "◌ connecting"
        await it.say(CREATED)
        await it.record()
        await it.say(CLOSED)
        assert it.bar("status") == "○ offline, next try in 1000 s"
        assert it.shown() == ["Error: ws://localhost closed the connection."]
        assert it.microphone.calls[-1] == "close"
        await it.press("slash", "a", "enter", "escape")
        not_sent = "Error: Not sent: there is no connection. R tries to connect now."
        assert it.shown()[-1] == not_sent
        assert it.app.query_one(Input).value == "a"  # to be sent later
        for key in ("k", "v"):
            await it.press(key)
            assert it.shown()[-1] == not_sent
        await it.footer_becomes("R Reconnect")
        await it.press("r")
        await second.say(CREATED)
        await it.pilot.pause()
        again = "Connected again. The server knows nothing of what was said before."
        assert it.shown()[-1] == again
        assert it.bar("status").startswith("● connected · sess_1")
        await it.until(lambda: it.footer() == KEYS)


async def test_an_answer_ends_with_its_connection() -> None:
    async with bench(FakeSocket(), FakeSocket()) as it:
        await it.say(CREATED)
        await it.answered(says("A long"), sounds(PCM))
        it.speaker.pull(2400)
        await it.say(CLOSED)
        assert it.speaker.calls[-1] == "abort"
        assert it.shown()[0] == "Assistant: A long [interrupted after 0.1 s]"


async def test_waits_grow_until_the_server_is_up() -> None:
    down = ConnectionRefusedError(111, "Connect call failed")
    async with bench(*[down] * 8, FakeSocket()) as it:
        for wait in (1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000):
            await it.until(lambda: it.bar("status") == f"○ offline, next try in {wait} s")  # noqa: B023
            await it.press("r")
        assert len(it.shown()) == 1
        assert it.shown()[0].startswith(
            "Error: Cannot connect to ws://localhost: connection refused. Is the server running"
        )
        await it.say(CREATED)
        assert it.bar("status").startswith("● connected")


async def test_a_refused_session_is_one_line_and_its_waits_grow() -> None:
    wrong_key = fault("Incorrect API key provided: wro***.", "invalid_api_key")
    attempts = [FakeSocket() for _ in range(4)]
    async with bench(*attempts) as it:
        for attempt, wait in zip(attempts, (1000, 2000, 4000), strict=False):
            await attempt.say(wrong_key, ConnectionClosedError(Close(3000, "invalid"), None))
            await it.until(lambda: it.bar("status") == f"○ offline, next try in {wait} s")  # noqa: B023
            assert it.shown() == [
                "Error: ws://localhost refused the session: Incorrect API key provided: wro***. "
                "Give the right key by --api-key or OPENAI_API_KEY."
            ]
            await it.press("r")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "ws://localhost refused the API key (HTTP 401). Give the right key by --api-key"),
        (403, "ws://localhost: no Realtime at this path (HTTP 403), or not for this key."),
        (404, "ws://localhost: no Realtime at this path (HTTP 404), or not for this key."),
        (503, "ws://localhost answered HTTP 503 instead of a WebSocket. Is the server running"),
    ],
)
async def test_what_http_says_is_explained(status: int, told: str) -> None:
    async with bench(InvalidStatus(Response(status, "", Headers()))) as it:
        await it.until(lambda: it.bar("status").startswith("○ offline"))
        assert it.shown()[0].startswith(f"Error: {told}")


@pytest.mark.parametrize("malformed", [{"type": "error"}, {"type": "error", "error": "no"}])
async def test_a_refusal_without_a_reason_is_told_too(malformed: Event) -> None:
    async with bench(FakeSocket()) as it:
        await it.say(malformed, CLOSED)
        assert it.shown() == ["Error: ws://localhost refused the session: without a reason."]


async def test_the_wait_ends_by_itself() -> None:
    async with bench(OSError("unreachable"), FakeSocket(), retry_s=RETRY_S) as it:
        await it.socket.say(CREATED)  # handled after a second
        await it.pilot.pause()
        assert it.bar("status").startswith("● connected")


async def test_a_server_of_another_kind_is_named() -> None:
    async with bench(FakeSocket()) as it:
        await it.say(ValueError("Expecting value"))
        not_json = "ws://localhost sent something that is not JSON. Is it Realtime?"
        assert it.shown() == [f"Error: {not_json}"]
        assert it.bar("status").startswith("○ offline")


async def test_quitting_while_recording_releases_the_microphone() -> None:
    async with session() as it:
        await it.record()
        await it.press("q")
        assert it.app.return_code == 0
    assert it.microphone.calls[-1] == "close"


async def test_quitting_during_an_answer_is_quiet() -> None:
    async with session() as it:
        await it.answered(says("A long"), sounds(PCM))
        await it.press("q")
        assert it.app.return_code == 0
    it.app.client.close()
    assert it.speaker.calls[-2:] == ["abort", "close"]


async def test_q_quits_but_may_be_typed() -> None:
    async with session() as it:
        await it.press("slash", "q")
        assert it.app.query_one(Input).value == "q"
        assert it.app.is_running
        await it.press("tab", "q")
        assert it.app.return_code == 0
        assert not it.app.is_running


async def test_who_types_fast_types_into_the_line() -> None:
    async with session() as it:
        for key, character in (("slash", "/"), ("m", "m"), ("q", "q")):
            it.app.post_message(Key(key, character))
        await it.pilot.pause()
        assert it.app.query_one(Input).value == "mq"
        it.app.post_message(Key("escape", None))
        it.app.post_message(Key("k", "k"))
        await it.pilot.pause()
        assert it.app.query_one(Input).value == "mq"
        assert it.bar("input") == "● recording, K sends"


async def test_lines_that_are_typed_fast_are_sent_one_by_one() -> None:
    async with session() as it:
        for key in ("slash", "a", "b", "enter", "c", "enter", "d", "tab", "k"):
            it.app.post_message(Key(key, key if len(key) == 1 else None))
        await it.socket.until("conversation.item.create", 2)
        created = [e for e in it.socket.sent if e["type"] == "conversation.item.create"]
        assert [event["item"]["content"][0]["text"] for event in created] == ["ab", "c"]
        await it.until(lambda: it.bar("input") == "● recording, K sends")
        assert it.app.query_one(Input).value == "d"


async def test_quitting_right_after_another_key_is_quiet(
    recwarn: pytest.WarningsRecorder,
) -> None:
    async with session() as it:
        for key in ("k", "q"):
            it.app.post_message(Key(key, key))
        await it.until(lambda: it.app.return_code == 0)
    gc.collect()
    assert not [warning.message for warning in recwarn if warning.category is RuntimeWarning]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
async def test_the_app_ends_in_order_when_it_is_told_to() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        async with session() as it:
            signal.raise_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                await it.until(lambda: not it.app.is_running)
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_ctrl_q_quits_while_typing() -> None:
    async with session() as it:
        await it.press("slash", "ctrl+q")
        assert not it.app.is_running


async def test_the_footer_shows_the_keys_that_do_something() -> None:
    async with session() as it:
        await it.until(lambda: it.footer() == KEYS)
        await it.press("slash")
        await it.until(lambda: it.footer() == "Enter Send  Tab Keys  Esc Stop")


async def test_keys_work_with_shift_and_caps_lock() -> None:
    async with session() as it:
        await it.press("K")
        assert it.microphone.running
        await it.press("M")
        assert it.bar("input").endswith("muted")
        await it.press("Q")
        assert it.app.return_code == 0


async def test_a_key_in_the_footer_can_be_clicked() -> None:
    async with session() as it:
        await it.pilot.click("KeyFooter Rows", offset=(1, 0))
        await it.pilot.pause()
        assert it.bar("input") == "● recording, K sends"


async def test_space_is_offered_where_releases_are_reported() -> None:
    async with session() as it:
        await it.press("space")
        assert it.microphone.calls == []
        it.app.post_message(KeyReleasesReported())
        await it.pilot.pause()
        await it.footer_becomes("Space Hold to talk")
        await it.press("space", "space")  # a held key repeats
        it.microphone.push(PCM)
        assert it.bar("input") == "● recording, K sends"
        it.app.post_message(KeyReleased("k"))
        await it.pilot.pause()
        assert it.microphone.running
        it.app.post_message(KeyReleased(" "))
        await it.socket.until("response.create")
        assert it.microphone.calls == ["open", "start", "abort", "close"]
        assert it.appended() == PCM


async def test_another_window_gets_the_release() -> None:
    async with session() as it:
        it.app.post_message(KeyReleasesReported())
        await it.press("k")
        it.app.post_message(AppBlur())
        await it.pilot.pause()
        assert it.microphone.running  # nothing was held
        await it.press("k")
        await it.press("space")
        it.microphone.push(PCM)
        it.app.post_message(AppBlur())
        await it.socket.until(f"{INPUT}.commit")


@pytest.mark.parametrize("size", SIZES)
async def test_everything_fits(size: tuple[int, int]) -> None:
    async with session(size=size, note="No sound: " + "x" * 120) as it:
        await it.answered(says("word " * 300), sounds(PCM), done())
        await it.record()
        await it.say(fault("An error. " * 20))
        screen = it.app.screen
        for name in ("status", "conversation", "input", "level", "text"):
            region = it.app.query_one(f"#{name}").region
            assert region.area > 0
            assert screen.region.contains_region(region)
        footer = it.app.query_one("KeyFooter").region
        assert screen.region.contains_region(footer)
        shown = "\n".join(
            "".join(segment.text for segment in strip)
            for strip in screen._compositor.render_strips()
        )
        for text in ("sess_1", "Q Quit", "recording", "to first audio", "An error."):
            assert text in shown
        wide = "from sending to first audio" in shown
        assert wide == (size[0] >= 80)


async def test_a_narrow_status_breaks_between_its_parts() -> None:
    async with bench(FakeSocket(), size=(60, 20)) as it:
        told = {**CREATED["session"], "id": "sess_" + "x" * 21}
        await it.say({**CREATED, "session": told})
        await it.until(lambda: "voice" in it.bar("status"))
        assert it.bar("status").splitlines() == [
            f"● connected · {told['id']} · gpt-realtime",
            "voice marin",
        ]
        assert it.app.query_one("#status").size.height == 2


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_keys_in_the_footer_stand_out(theme: str) -> None:
    async with session() as it:
        it.app.theme = theme
        await it.footer_becomes("K Talk")
        await it.pilot.pause()
        y = it.app.query_one("KeyFooter Rows").region.y
        row = list(it.app.screen._compositor.render_strips()[y])
        styles = {segment.text.strip(): segment.style for segment in row if segment.style}
        assert styles["K"].color != styles["Talk"].color


async def test_a_long_conversation_follows_its_end_until_it_is_scrolled() -> None:
    async with session(speaker=False) as it:
        await it.answered(*[writes(f"line {number}\n") for number in range(60)])
        area = it.app.query_one("#conversation")
        assert area.scroll_offset.y == area.max_scroll_y > 0
        await it.press("pageup")
        await it.until(lambda: area.scroll_offset.y < area.max_scroll_y)
        before = area.scroll_target_y
        await it.say(writes("more\n" * 10))
        assert area.scroll_target_y == before


async def test_dark_and_light() -> None:
    async with session() as it:
        assert it.app.current_theme.dark
        await it.press("t")
        assert not it.app.current_theme.dark
        await it.press("t")
        assert it.app.current_theme.dark


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_interrupted_text_is_dimmer(theme: str) -> None:
    async with session() as it:
        it.app.theme = theme
        await it.answered(says("one"), sounds(PCM))
        text = it.lines()[0].query_one(".what")
        await it.pilot.pause()
        before = contrast(text)
        await it.press("escape")
        await it.pilot.pause()
        assert 0.3 < contrast(text) / before < 0.7


def contrast(widget: Widget) -> float:
    """How much brighter or darker than its background a text is."""
    _, _, background, color = widget.colors
    return abs((background + color).brightness - background.brightness)


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
        assert it.shown()[0] == "Assistant: Hello [interrupted]"


async def test_without_portaudio_devices_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    async with session() as it:
        await it.press("d")
        assert it.shown() == ["Error: No sound: 'sounddevice' is missing. pip install sounddevice."]


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

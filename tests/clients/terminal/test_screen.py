"""The screen: keys, sizes, themes."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import pytest
from textual.events import AppBlur, Key
from textual.widget import Widget
from textual.widgets import Input

from clients.terminal.key_releases import KeyReleased, KeyReleasesReported
from clients.terminal.written import plain
from tests.clients.terminal.bench import (
    CREATED,
    INPUT,
    PCM,
    bench,
    done,
    fault,
    says,
    session,
    sounds,
    writes,
)
from tests.support.fake_connection import FakeSocket

KEYS = "K Talk  V Hands-free  M Mute  Esc Stop  / Type  D Devices  T Theme  Q Quit"
SIZES = [(60, 20), (80, 24), (132, 50), (300, 60)]


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
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_the_app_ends_in_order_when_it_is_told_to(told: signal.Signals) -> None:
    before = signal.signal(told, signal.SIG_IGN)
    try:
        async with session() as it:
            signal.raise_signal(told)
            async with asyncio.timeout(10):
                await it.until(lambda: not it.app.is_running)
    finally:
        signal.signal(told, before)


async def test_ctrl_q_quits_while_typing() -> None:
    async with session() as it:
        await it.press("slash", "ctrl+q")
        assert not it.app.is_running


async def test_ctrl_c_quits_as_q_does() -> None:
    for keys in ((), ("slash", "a"), ("i",), ("d",)):  # at rest, while typing, in both dialogs
        async with session() as it:
            await it.answered(says("A long answer."), sounds(PCM))
            await it.press(*keys, "ctrl+c")
            assert it.app.return_code == 0
            assert not it.app._notifications
        it.app.client.close()
        assert "interrupted" in plain(it.app.transcript, 80)
        assert it.speaker.calls[-1] == "close"


async def test_ctrl_c_copies_what_is_marked() -> None:
    async with session() as it:
        await it.press("slash", "a", "b", "shift+home", "ctrl+c")
        assert it.app.clipboard == "ab"
        assert it.app.is_running
        await it.press("end", "ctrl+c")
        assert not it.app.is_running


@pytest.mark.parametrize(("width", "named"), [(60, True), (80, False), (120, True)])
async def test_details_are_in_the_footer_where_they_take_no_row(width: int, named: bool) -> None:
    async with session(size=(width, 24)) as it:
        await it.footer_becomes("Q Quit")
        assert ("I Details" in it.footer()) == named


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
        for text in ("gpt-realtime", "Q Quit", "recording", "to first audio", "An error."):
            assert text in shown
        wide = "from sending to first audio" in shown
        assert wide == (size[0] >= 80)


async def test_a_narrow_status_breaks_between_its_parts() -> None:
    async with bench(FakeSocket(), size=(60, 20)) as it:
        told = {**CREATED["session"], "model": "org/" + "x" * 40}
        await it.say({**CREATED, "session": told})
        await it.until(lambda: "voice" in it.bar("status"))
        assert it.bar("status").splitlines() == [
            f"● connected · {told['model']}",
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

"""An empty screen says what can be done, and no more than that."""

from __future__ import annotations

import pytest

from clients.terminal.hints import echo_notice, hints
from clients.terminal.sources import SpokenFile
from clients.terminal.view import Echo, InputState
from tests.clients.terminal.bench import PCM, Bench, bench, fault, heard, session, spoken_item
from tests.support.fake_connection import FakeSocket


def keys(state: InputState, hands_free: bool = False, muted: bool = False) -> str:
    return " ".join(hint.key for hint in hints(state, hands_free, muted, "none") if hint.key)


def told(echo: Echo) -> str:
    return " ".join(hint.text for hint in hints("off", False, False, echo))


def test_what_there_is_decides_what_to_try() -> None:
    assert keys("off") == "K V / Esc I"
    assert keys("file") == "K V / I"
    assert keys("none") == "/ D I"
    assert keys("recording") == "K"
    assert keys("listening", hands_free=True) == "V Esc"
    assert keys("off", muted=True) == "M /"


def test_headphones_are_told_where_they_are_needed() -> None:
    assert "headphones" in told("heard")
    assert "echo is cancelled" in told("cancelled")
    assert "headphones" not in told("none")


@pytest.mark.parametrize(
    ("echo", "installed", "helps"),
    [
        ("cancelled", True, "softer loudspeaker"),
        ("none", True, "softer loudspeaker"),
        ("heard", True, "without --no-echo-cancellation"),
        ("heard", False, "echo.txt"),
    ],
)
def test_an_echo_that_is_heard_is_told_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, echo: Echo, installed: bool, helps: str
) -> None:
    monkeypatch.setattr("clients.terminal.hints.can_cancel", lambda: installed)
    told = echo_notice(echo)
    assert told.startswith("The microphone hears the loudspeaker (echo).")
    assert "Headphones help" in told and helps in told


def test_where_the_library_is_missing_its_command_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clients.terminal.echo.LIBRARY", "no_such_library")
    assert "pip install -r requirements/echo.txt" in told("heard")


def shown(it: Bench) -> str:
    area = it.app.query_one("Hints")
    return str(area.render()) if area.display else ""


async def test_they_are_shown_until_something_is_said() -> None:
    async with session() as it:
        assert "K" in shown(it)
        assert "Hello, how are you?" in shown(it)
        await it.say(fault("Something."))
        assert shown(it)
        await it.say(*spoken_item(), heard("hello"))
        assert not shown(it)


async def test_without_a_microphone_they_say_to_type() -> None:
    async with session(microphone=False) as it:
        assert "There is no microphone" in shown(it)


async def test_a_file_is_spoken_by_k() -> None:
    async with session(source=SpokenFile(PCM)) as it:
        assert "speaks it, K again sends it" in shown(it)
        assert it.bar("input") == "K speaks the file"


async def test_offline_they_are_not_shown() -> None:
    async with bench(ConnectionRefusedError(), FakeSocket()) as it:
        await it.until(lambda: "offline" in it.bar("status"))
        assert not shown(it)

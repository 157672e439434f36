"""A recording's page in Chromium: opened from a file, searched, and played."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recordings.command import main
from tests.console.tools import violations
from tests.recordings.recorded import recorded
from tests.support.browser import Page, page
from tests.support.places import DATA

MICROPHONE = DATA / "flite-slt_s01.wav"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Page]:
    """The page of a conversation, in a browser."""
    written = tmp_path / "page.html"
    lines = await recorded(tmp_path / "recordings")
    assert main(["page", str(lines), "-o", str(written)]) == 0
    async with page(written.as_uri(), MICROPHONE, tmp_path / "browser", loop=False) as browser:
        yield browser


async def test_it_shows_the_conversation_and_where_the_time_went(opened: Page) -> None:
    words = "[...document.querySelectorAll('#said .words')].map(e => e.innerText)"
    said = await opened.evaluate(words)
    assert said[0] == "what is the weather"
    # What would end the script ends nothing.
    assert "and tomorrow </script>" in said
    assert await opened.evaluate("document.querySelectorAll('#said .waterfall').length") == 2
    widths = await opened.evaluate(
        "[...document.querySelectorAll('.bar')].map(e => e.getBoundingClientRect().width)"
    )
    assert len(widths) == 7
    assert min(widths) > 0
    assert "the client left" in await opened.evaluate("document.getElementById('end').innerText")


async def test_its_events_are_searched_and_opened(opened: Page) -> None:
    count = "document.querySelectorAll('#events > li').length"
    everything = await opened.evaluate(count)
    await opened.evaluate("document.getElementById('search').focus()")
    await opened.type("Weather")
    await opened.until(f"{count} < {everything} && {count} > 0")
    assert await opened.evaluate("document.querySelector('#events mark').innerText") == "weather"
    await opened.evaluate("document.querySelector('#events summary').click()")
    await opened.until("document.querySelector('#events .json-key') !== null")
    await opened.evaluate("document.getElementById('server').click()")
    await opened.until(f"{count} === 0")
    assert await opened.evaluate("document.getElementById('count').value") != ""


async def test_its_audio_is_drawn_and_played(opened: Page) -> None:
    pixels = (
        "[...wave.getContext('2d').getImageData(0, 0, wave.width, wave.height).data]"
        ".filter((value, at) => at % 4 === 3 && value > 0).length"
    )
    await opened.until(f"wave.width > 300 && {pixels} > 100")
    await opened.until("audio.readyState >= 1")
    length = await opened.evaluate("audio.duration * 1000 - recording.heard")
    assert abs(length) < 200
    await opened.evaluate("document.querySelector('#said button.time').click()")
    await opened.until("audio.currentTime > 0.1 && !audio.paused")
    await opened.evaluate(
        "wave.dispatchEvent(new MouseEvent('click', {clientX: wave.getBoundingClientRect().left "
        "+ wave.clientWidth / 2}))"
    )
    await opened.until("audio.currentTime >= recording.length / 2000 - 0.1")
    await opened.until("document.querySelector('#said .now') !== null")


async def test_it_needs_no_network(opened: Page) -> None:
    fetched = await opened.evaluate(
        "performance.getEntriesByType('resource').map(({name}) => name)"
        ".filter((name) => !name.startsWith('data:'))"
    )
    assert fetched == []
    refused = "fetch('http://127.0.0.1:9/').then(() => false, () => true)"
    assert await opened.evaluate(refused)


async def test_it_can_be_read_by_everybody(opened: Page) -> None:
    for scheme in ("light", "dark"):
        await opened.prefer(color_scheme=scheme)
        assert await violations(opened) == []

"""Draws the pictures of the console in docs/screenshots: `make screenshots`.

A real conversation with the stack of a first start, in Chromium, whose microphone plays the
recordings of the tests. Times differ from one drawing to the next, so nobody compares them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from audio.pcm import read_wav, silence
from config import load_settings
from main import create_app
from tests.console.talks import click, console, said
from tests.support.browser import Page
from tests.support.places import DATA
from tests.support.running_server import serving

FOLDER = Path(__file__).parent / "screenshots"
PORT = 8000
"""As after `make run`: it is seen in the pictures."""
SPOKEN = (
    silence(1500)
    + read_wav(DATA / "flite-slt_s01.wav")
    + silence(7000)
    + read_wav(DATA / "flite-slt_s10.wav")
    + silence(20000)
)
WIDE, NARROW = (1440, 900), (320, 640)


async def draw(folder: Path) -> None:
    """Draw all pictures into a folder that exists."""
    settings = load_settings()
    app = create_app(settings)
    async with serving(app, PORT, settings) as port:
        await app.state.lifecycle.started()
        with tempfile.TemporaryDirectory() as browser:
            async with console(f"http://localhost:{port}", Path(browser), spoken=SPOKEN) as page:
                await _talk(page)
                await _pictures(page, folder)


async def _talk(page: Page) -> None:
    """Hold a conversation of two spoken turns."""
    await click(page, "#start")
    for turns in (1, 2):
        await page.until(f"{said('user')}.length === {turns}")
        await page.until(f"{said('assistant')}.length === {turns}")
    # What has not been heard yet is grey.
    await page.until("![...document.querySelectorAll('.turn-ahead')].some((one) => one.innerText)")


async def _pictures(page: Page, folder: Path) -> None:
    await page.resize(*WIDE)
    for name, colours, tab in (
        ("console", "light", "waterfall"),
        ("console-dark", "dark", "listening"),
    ):
        await page.prefer(color_scheme=colours, reduced_motion="reduce")
        await click(page, f"#tab-{tab}")
        await _settled(page)
        await page.screenshot(folder / f"{name}.png")
    await page.resize(*NARROW)
    for name, colours, pane in (
        ("console-narrow", "dark", "talk"),
        ("console-narrow-light", "light", "setup"),
    ):
        await page.prefer(color_scheme=colours, reduced_motion="reduce")
        await click(page, f".panes [data-pane={pane}]")
        await page.evaluate("scrollTo(0, 0)")
        await _settled(page)
        await page.screenshot(folder / f"{name}.png")


async def _settled(page: Page) -> None:
    """Wait until the page has been laid out and drawn."""
    await page.evaluate(
        "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(0))))"
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(draw(FOLDER))

"""The console open in a browser, and what a person does with it and sees of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from audio.pcm import read_wav, silence, write_wav
from tests.support.browser import Page, page
from tests.support.places import DATA

QUESTION = silence(4000) + read_wav(DATA / "flite-slt_s01.wav") + silence(1500)
"""The silence before it is longer than a connection takes to begin."""
BOTH = pytest.mark.parametrize("transport", ["websocket", "webrtc"])
PHASE = "document.querySelector('.phase').innerText"
LISTENING = f"{PHASE}.startsWith('Listening')"
ANSWERING = f"{PHASE}.startsWith('Answering')"
SOUND = "Number(document.querySelectorAll('.meter')[1].getAttribute('aria-valuenow')) > 0"
"""Whether the answer can be heard now."""
VOICE = "Number(document.querySelectorAll('.meter')[0].getAttribute('aria-valuenow')) > 20"
"""Whether the microphone hears somebody now."""

TRAP = """
window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
"""
"""JavaScript that keeps in `faults` what nobody caught."""
PROBLEMS = (
    "[...document.querySelectorAll('#conversation .turn-problem')].map((one) => one.innerText)"
)
FIELD = "document.querySelector('#text').value"


def needs(transport: str) -> None:
    """Skip the test where the server cannot be reached so."""
    if transport == "webrtc":
        pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")


@asynccontextmanager
async def console(
    url: str,
    folder: Path,
    *,
    spoken: bytes = QUESTION,
    loop: bool = False,
    granted: bool = True,
    script: str = "",
    **settings: Any,
) -> AsyncIterator[Page]:
    """Open the console; nothing is clicked yet.

    Args:
        url: The server's, without a path.
        folder: Where the browser keeps its things.
        spoken: What the microphone hears from the first click on, PCM of 24 kHz.
        loop: Whether it hears that again and again, or silence after it.
        granted: Whether the page may use the microphone.
        script: JavaScript that runs before the page's own.
        settings: What was chosen on an earlier visit (`console/js/talk/settings.js`).
    """
    heard = folder / "microphone.wav"
    write_wav(heard, spoken)
    async with page("about:blank", heard, folder / "browser", loop=loop, granted=granted) as opened:
        stored = json.dumps(json.dumps(settings))
        await opened.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source=f"if (!localStorage['console.settings']) localStorage['console.settings'] ="
            f" {stored};\n{script}",
        )
        if not granted:
            await opened.deny()
        await opened.resize(1440, 900)
        await opened.go(f"{url}/")
        await opened.until(
            "['reached', 'key', 'busy'].includes(document.querySelector('.reach')?.dataset.reach)"
        )
        yield opened


def said(role: str) -> str:
    """Return JavaScript for what one role has said, a text each."""
    return (
        f"[...document.querySelectorAll('#conversation .turn-{role} .turn-body')]"
        ".map((turn) => turn.innerText.trim())"
    )


def notice(name: str) -> str:
    """Return JavaScript for the words of a notice; undefined: it is not shown."""
    return f"document.querySelector('[data-notice={name}]')?.innerText"


async def click(page: Page, element: str) -> None:
    """Click on an element, with a mouse."""
    found = f"document.querySelector({json.dumps(element)})"
    await page.until(f"!!{found} && !{found}.hidden && !{found}.disabled")
    await page.evaluate(f"{found}.scrollIntoView({{block: 'center'}})")
    place = await page.evaluate(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
        f"({found}.getBoundingClientRect())"
    )
    await mouse(page, "mousePressed", place)
    await mouse(page, "mouseReleased", place)


async def mouse(page: Page, what: str, place: list[float]) -> None:
    """Press or let go the left button of the mouse at a place."""
    x, y = place
    await page.call(
        "Input.dispatchMouseEvent", type=what, x=x, y=y, button="left", buttons=1, clickCount=1
    )


async def write(page: Page, text: str) -> None:
    """Type a message, and send it."""
    await page.evaluate("document.querySelector('#text').focus()")
    await page.type(text)
    await page.press("Enter")


async def change(page: Page, element: str, value: str) -> None:
    """Choose a value in a field, as if by hand."""
    await page.evaluate(
        f"((field) => {{ field.value = {json.dumps(value)};"
        f" field.dispatchEvent(new Event('change')); }})(document.querySelector('{element}'))"
    )


async def stored(page: Page) -> Mapping[str, str]:
    """Return all that the page has stored in the browser."""
    found: Mapping[str, str] = await page.evaluate("({...localStorage, ...sessionStorage})")
    return found

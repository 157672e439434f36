"""The browser page in a headless Chromium: what is said, typed, played, and interrupted."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from audio.pcm import read_wav, silence, write_wav
from tests.examples.programs import EXAMPLES, said, serving
from tests.support.browser import Page, page
from tests.support.places import DATA
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings

KEY = "a-key-of-the-operator"
QUESTION = silence(1500) + read_wav(DATA / "flite-slt_s01.wav") + silence(2000)
READY = "document.readyState === 'complete' && !!document.querySelector('#talk')?.onclick"
LONG = "This is a long answer that goes on and on until somebody talks into it. " * 8


@asynccontextmanager
async def talking(
    folder: Path, *, spoken: bytes = QUESTION, loop: bool = False, **settings: Any
) -> AsyncIterator[tuple[RunningServer, Page]]:
    """Serve the page and a server, and open the page; nothing is clicked yet."""
    heard = folder / "microphone.wav"
    write_wav(heard, spoken)
    voice = scripted_settings(**{"tts": {"provider": "embedded"}, **settings})
    root = str(EXAMPLES / "browser")
    files = (sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", root)
    async with running(voice) as server, serving(*files) as pages:
        address = (await said(pages, b"Serving HTTP on")).decode().split("(")[1].split(")")[0]
        async with page(address, heard, folder / "browser", loop=loop) as opened:
            await opened.until(
                "document.readyState === 'complete' && !!document.querySelector('#talk')?.onclick"
            )
            await opened.evaluate(f"document.querySelector('#server').value = {server.url!r}")
            yield server, opened


def lines(role: str) -> str:
    """Return JavaScript for what the log says of one role."""
    return f"[...document.querySelectorAll('#log .{role}')].map((line) => line.textContent)"


async def type_(page: Page, text: str) -> None:
    await page.until("!document.querySelector('#text').disabled")
    await page.evaluate(f"document.querySelector('#text').value = {text!r}")
    await page.evaluate("document.querySelector('#form').requestSubmit()")


CLICK = "document.querySelector('#talk').click()"
LEVEL = "document.querySelector('#level').value > 0.01"


async def test_what_is_said_is_written_down_and_the_answer_played(tmp_path: Path):
    async with talking(tmp_path, llm={"text": "Hello caller, how are you today?"}) as (_, page):
        await page.evaluate(CLICK)
        await page.until(f"{lines('note')}.includes('Listening.')")
        await page.until(LEVEL)
        await page.until(f"{lines('user')}[0] === 'hello there'")
        await page.until(f"{lines('assistant')}[0] === 'Hello caller, how are you today?'")
        await type_(page, "And now?")
        await page.until(f"{lines('assistant')}.length === 2")
        assert (await page.evaluate(lines("user")))[1] == "And now?"
        await page.evaluate("document.querySelector('#stop').click()")
        await page.until("!document.querySelector('#talk').disabled")


async def test_talking_into_an_answer_stops_it(tmp_path: Path):
    # The file begins anew while the first answer is played.
    async with talking(tmp_path, loop=True, llm={"text": LONG}) as (_, page):
        await page.evaluate(CLICK)
        first = await page.until(f"{lines('assistant')}.find((line) => line.endsWith(' —'))")
        assert first.startswith("This is a long answer")
        await page.until(f"{lines('assistant')}.length >= 2")
        # A truncation that the server does not take would be an error in the log.
        assert set(await page.evaluate(lines("note"))) == {"Connected.", "Listening."}


async def test_typing_into_an_answer_stops_it(tmp_path: Path):
    async with talking(tmp_path, spoken=silence(1000), llm={"text": LONG}) as (_, page):
        await page.evaluate(CLICK)
        await type_(page, "Tell me a story.")
        await page.until(LEVEL)
        await type_(page, "Stop.")
        await page.until(f"{lines('assistant')}[0]?.endsWith(' —')")
        await page.until(f"{lines('assistant')}.length === 2")
        assert set(await page.evaluate(lines("note"))) <= {"Connected.", "Listening."}


async def test_a_client_secret_opens_a_session(tmp_path: Path):
    async with (
        talking(tmp_path, server={"api_keys": [KEY]}) as (server, page),
        plain_http() as http,
    ):
        minted = await http.post(
            f"{server.http}/v1/realtime/client_secrets", headers={"Authorization": f"Bearer {KEY}"}
        )
        secret = minted.json()["value"]
        await page.evaluate(CLICK)
        await page.until(f"{lines('note')}.some((line) => line.includes('authentication'))")
        await page.until("!document.querySelector('#talk').disabled")
        await page.evaluate(f"document.querySelector('#key').value = {secret!r}")
        await page.evaluate(CLICK)
        await page.until(f"{lines('note')}.includes('Connected.')")


async def test_an_address_without_a_server_is_named_with_what_to_check(tmp_path: Path):
    async with talking(tmp_path) as (_, page):
        for wrong in ("ws://127.0.0.1:9/v1/realtime", "ws://"):
            await page.evaluate(f"document.querySelector('#server').value = {wrong!r}")
            await page.evaluate(CLICK)
            await page.until("!document.querySelector('#talk').disabled")
            await page.until(f"{lines('note')}.length > 0")
        unreached, unread = await page.until(f"{lines('note')}.length === 2 && {lines('note')}")
    assert unreached.startswith("No connection to ws://127.0.0.1:9/v1/realtime: check that")
    assert "REALTIME_SERVER__ALLOWED_ORIGINS" in unreached
    assert "is invalid. A server is like ws://localhost:8000/v1/realtime" in unread

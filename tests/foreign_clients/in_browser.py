"""Foreign clients in a headless Chromium: a page of their own, from another origin than the server.

Their packages are those that `npm ci` has installed, served as they are: browsers load ES modules,
so nothing is bundled. A driver of `browser/` runs one scenario at a time and returns its lines.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from audio.pcm import read_wav, silence, write_wav
from tests.foreign_clients.installed import CLIENTS, NODE, Report, install_node
from tests.support.browser import Page, page
from tests.support.clips import words
from tests.support.keys import KEY
from tests.support.places import DATA
from tests.support.running_server import RunningServer, plain_http, serving

MICROPHONE = silence(2500) + read_wav(DATA / "flite-slt_s01.wav")
"""A sentence, once the call stands."""


_SENTENCES = words("flite-slt_s01") + words("flite-slt_s02")
LONG = _SENTENCES * (30 * 48_000 // len(_SENTENCES))
"""An utterance of 30 s without a pause."""


class Browser:
    """An open page with clients in it, and the server that they call."""

    def __init__(self, opened: Page, server: RunningServer) -> None:
        self._page = opened
        self._server = server

    async def play(self, driver: str, scenario: str, **session: Any) -> Report:
        """Run one scenario.

        Args:
            driver: Name of the program, without `drive_`.
            scenario: Its name there.
            session: The session for which a client secret is made; none: the usual one.
        """
        place = json.dumps(
            {
                "calls": f"{self._server.http}/v1/realtime/calls",
                "key": KEY,
                "secret": await self._secret(session),
            }
        )
        asked = f"play({driver!r}, {scenario!r}, {place})"
        return Report(await self._page.evaluate(asked))

    async def _secret(self, session: dict[str, Any]) -> str:
        body = {"session": {"type": "realtime", **session}}
        async with plain_http() as http:
            minted = await http.post(
                f"{self._server.http}/v1/realtime/client_secrets",
                headers={"Authorization": f"Bearer {KEY}"},
                json=body,
            )
        return str(minted.json()["value"])


@asynccontextmanager
async def browser(
    server: RunningServer, folder: Path, *, spoken: bytes = MICROPHONE
) -> AsyncIterator[Browser]:
    """Open the page of the clients; skips the test where something for it is missing.

    Args:
        server: A server with `KEY`.
        folder: For what the browser keeps.
        spoken: What its microphone hears, once: 24 kHz PCM.
    """
    if reason := install_node():
        pytest.skip(reason)
    heard = folder / "microphone.wav"
    write_wav(heard, spoken)
    write_wav(folder / "long.wav", LONG)
    site = FastAPI()
    for path, root in {
        "/data": DATA,
        "/spoken": folder,
        "/node_modules": NODE / "node_modules",
        "/node": NODE,
        "/": CLIENTS / "browser",
    }.items():
        site.mount(path, StaticFiles(directory=root, html=True))
    async with (
        serving(site) as port,
        page(f"http://127.0.0.1:{port}", heard, folder / "browser", loop=False) as opened,
    ):
        await opened.until("!!window.play")
        yield Browser(opened, server)

"""A headless Chromium whose microphone is a file, driven by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/: a WebSocket, JSON, ids. No package is needed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.examples.programs import PATIENCE_S, said, serving
from tests.support.running_server import plain_http

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """An open page."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._ids = itertools.count(1)

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript as if the user had just clicked, and return its value."""
        asked = next(self._ids)
        parameters = {
            "expression": expression,
            "returnByValue": True,
            "awaitPromise": True,
            "userGesture": True,
        }
        request = {"id": asked, "method": "Runtime.evaluate", "params": parameters}
        await self._wire.send(json.dumps(request))
        while (answer := json.loads(await self._wire.recv())).get("id") != asked:
            pass
        assert "exceptionDetails" not in answer["result"], answer["result"]
        return answer["result"]["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Evaluate JavaScript until it is true, and return its value."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (value := await self.evaluate(expression)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"never so: {expression}\n{await self.evaluate('document.body.innerText')}")
        return value


@asynccontextmanager
async def page(url: str, microphone: Path, folder: Path, *, loop: bool) -> AsyncIterator[Page]:
    """Open a page.

    Args:
        url: Its address.
        microphone: A WAV file that the microphone hears.
        folder: Where the browser keeps its things.
        loop: Whether the microphone hears the file again and again, or silence after it.
    """
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip("Chromium is not installed")
    command = (
        chromium,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}{'' if loop else '%noloop'}",
        "about:blank",
    )
    async with serving(*command) as browser, plain_http() as http:
        listening = (await said(browser, b"DevTools listening on ")).decode()
        host = listening.split("ws://")[1].split("/")[0]
        opened = (await http.put(f"http://{host}/json/new?{url}")).json()
        async with connect(opened["webSocketDebuggerUrl"], max_size=None) as wire:
            yield Page(wire)

"""A headless Chromium whose microphone is a file, driven by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/: a WebSocket, JSON, ids. No package is needed.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.examples.programs import PATIENCE_S, said, serving
from tests.support.running_server import plain_http

NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS: Mapping[str, Mapping[str, Any]] = {
    " ": {"code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "ArrowRight": {"code": "ArrowRight", "windowsVirtualKeyCode": 39},
    "ArrowLeft": {"code": "ArrowLeft", "windowsVirtualKeyCode": 37},
    "ArrowDown": {"code": "ArrowDown", "windowsVirtualKeyCode": 40},
    "ArrowUp": {"code": "ArrowUp", "windowsVirtualKeyCode": 38},
}
"""Keys by the names that a page sees, with what else the protocol wants to know of them."""


class Page:
    """An open page."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._ids = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        """What the browser told unasked, of the domains that were enabled by `call`."""

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol, and return its result."""
        asked = next(self._ids)
        await self._wire.send(json.dumps({"id": asked, "method": method, "params": parameters}))
        while (answer := json.loads(await self._wire.recv())).get("id") != asked:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript as if the user had just clicked, and return its value."""
        result = await self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Evaluate JavaScript until it is true, and return its value."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (value := await self.evaluate(expression)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"never so: {expression}\n{await self.evaluate('document.body.innerText')}")
        return value

    async def key_down(self, key: str) -> None:
        """Press a key, and hold it."""
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **KEYS[key])

    async def key_up(self, key: str) -> None:
        """Let a key go."""
        known = {name: value for name, value in KEYS[key].items() if name != "text"}
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **known)

    async def press(self, key: str) -> None:
        """Press a key, and let it go."""
        await self.key_down(key)
        await self.key_up(key)

    async def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def resize(self, width: int, height: int) -> None:
        """Give the window a size, in pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def prefer(self, **features: str) -> None:
        """Set what the reader's system prefers, as `color_scheme="dark"`."""
        named = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        await self.call("Emulation.setEmulatedMedia", features=named)

    async def deny(self, permission: str = "microphone") -> None:
        """Deny every page a permission."""
        named = {"name": permission}
        await self.call("Browser.setPermission", permission=named, setting="denied")

    async def go(self, url: str) -> None:
        """Load an address; it is loaded when this returns."""
        await self.call("Page.enable")
        await self.call("Page.navigate", url=url)
        await self._told("Page.loadEventFired")

    async def reload(self) -> None:
        """Load the page anew; it is loaded when this returns."""
        await self.call("Page.enable")
        self.events.clear()
        await self.call("Page.reload")
        await self._told("Page.loadEventFired")

    async def _told(self, event: str) -> None:
        """Wait until the browser has told an event, if it has not yet."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(told.get("method") == event for told in self.events):
                self.events.append(json.loads(await self._wire.recv()))

    async def screenshot(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def page(
    url: str, microphone: Path, folder: Path, *, loop: bool, granted: bool = True
) -> AsyncIterator[Page]:
    """Open a page.

    Args:
        url: Its address.
        microphone: A WAV file that the microphone hears.
        folder: Where the browser keeps its things.
        loop: Whether the microphone hears the file again and again, or silence after it.
        granted: Whether a page gets the microphone unasked; else as `Page.deny` says.
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
        *(("--use-fake-ui-for-media-stream",) if granted else ()),
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}{'' if loop else '%noloop'}",
        "--lang=en-US",
        "about:blank",
    )
    async with serving(*command) as browser, plain_http() as http:
        listening = (await said(browser, b"DevTools listening on ")).decode()
        host = listening.split("ws://")[1].split("/")[0]
        opened = (await http.put(f"http://{host}/json/new?about:blank")).json()
        async with connect(opened["webSocketDebuggerUrl"], max_size=None) as wire:
            blank = Page(wire)
            await blank.go(url)
            yield blank

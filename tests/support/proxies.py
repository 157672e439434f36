"""An environment full of proxies, with one on loopback that notes whoever comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

_KINDS = ("http", "https", "all", "ws", "wss")


@asynccontextmanager
async def environment_of_proxies(
    monkeypatch: pytest.MonkeyPatch, *kinds: str, scheme: str = "http"
) -> AsyncIterator[list[bytes]]:
    """Name a proxy in every variable that libraries read, or in those of `kinds` alone.

    Yields:
        The first line of each connection that the proxy has had; it hangs up on all.
    """
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as proxy:
        address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        for kind in (*_KINDS, "socks", "no"):
            for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
                monkeypatch.delenv(name, raising=False)
        for kind in kinds or _KINDS:
            spoken = "socks5" if kind == "socks" else scheme
            for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
                monkeypatch.setenv(name, f"{spoken}://{address}")
        yield asked

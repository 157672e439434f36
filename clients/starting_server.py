"""Waits for a server that is still loading its models, as `/health` tells.

Who starts a server and, in a second terminal, a client of it should not have to start that twice.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from urllib.parse import urlsplit, urlunsplit

import httpx2

from settings.localisation import _
from settings.origins import is_here

INTERVAL_S = 0.5
"""Between two looks at `/health`."""


async def wait_while_starting(url: str, limit_s: float) -> bool:
    """Wait until a server is no longer starting, and say so.

    Args:
        url: Its Realtime address, as a ws, wss, http or https URL.
        limit_s: How long to wait for it.

    Returns:
        Whether it is ready now, as far as it says so.
    """
    address = health_address(url)
    end = monotonic() + limit_s
    told = False
    async with httpx2.AsyncClient(
        timeout=max(limit_s, INTERVAL_S), trust_env=not is_here(address)
    ) as http:
        while (status := await _status(http, address)) == "starting" and monotonic() < end:
            if not told:
                print(_("The server is starting …"), flush=True)
                told = True
            await asyncio.sleep(INTERVAL_S)
    return status == "healthy"


def health_address(url: str) -> str:
    """Return where a server says how it is, given its Realtime address."""
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    scheme = "https" if parts.scheme in ("wss", "https") else "http"
    return urlunsplit((scheme, parts.netloc, "/health", "", ""))


async def _status(http: httpx2.AsyncClient, address: str) -> str | None:
    """Return the status that it gives; None, if it is another kind of server, or gone."""
    try:
        said = (await http.get(address)).json()
    except (httpx2.HTTPError, ValueError):
        return None
    return said.get("status") if isinstance(said, dict) else None

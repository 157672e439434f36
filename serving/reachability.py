"""Checks by TCP connections that the providers' services can be reached; no billed requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from settings.origins import is_here

PATIENCE_S = 2.0
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


async def unreachable(addresses: Mapping[str, str]) -> Mapping[str, str]:
    """Return stage → why its service cannot be reached, for those that cannot.

    Args:
        addresses: Stage → the URL of its service.
    """
    answers = await asyncio.gather(*(_try(address) for address in addresses.values()))
    return {stage: reason for stage, reason in zip(addresses, answers, strict=True) if reason}


def place(address: str) -> str:
    """Return host and port of a URL, without credentials, path or query."""
    url = urlsplit(address)
    return f"{url.hostname}:{url.port or _PORTS[url.scheme]}"


async def _try(address: str) -> str | None:
    host, port, called = _door(address)
    try:
        async with asyncio.timeout(PATIENCE_S):
            _reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"{called} did not answer within {PATIENCE_S:g} s"
    except OSError as error:
        return f"{called} cannot be reached ({error.strerror or error})"
    writer.close()
    return None


def _door(address: str) -> tuple[str, int, str]:
    """Return host, port and display name of the service, or of the proxy before it.

    The proxy is the one that the environment names, as vendors' libraries use it too; services on
    this machine are asked without.
    """
    where = place(address)
    host, _, port = where.rpartition(":")
    named = getproxies()
    kind = "https" if urlsplit(address).scheme in ("https", "wss") else "http"
    proxy = urlsplit(named.get(kind) or named.get("all") or "")
    if proxy.hostname is None or proxy_bypass(where) or is_here(address):
        return host, int(port), where
    door = proxy.port or _PORTS.get(proxy.scheme, 1080)
    return proxy.hostname, door, f"the proxy {proxy.hostname}:{door} before {where}"

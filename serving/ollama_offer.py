"""Looks for an Ollama on this machine, so that the banner can offer a real model of the user's.

Only loopback is asked, and only while the rules answer: nobody's network learns of a start.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from serving.addresses import ANY_ADDRESS
from settings.origins import is_loopback

HOST_VARIABLE = "OLLAMA_HOST"
"""Where Ollama listens, and its own client looks for it."""
DEFAULT_PORT = 11434
PATIENCE_S = 0.5
"""Seconds in which an Ollama on this machine has answered."""
_LONGEST_LIST = 1 << 20
_NAME = re.compile(r"[\w./-]+(:[\w.-]+)?", re.ASCII)
"""Names that a shell takes as they are."""
_NOT_FOR_TALK = re.compile(r"embed|bge|minilm|rerank|-cloud\b|:cloud\b", re.IGNORECASE)
"""Models that answer nobody, and those that Ollama passes on to other machines."""


@dataclass(frozen=True, slots=True)
class OllamaHere:
    """An Ollama that answers on this machine."""

    address: str
    """Its origin, such as `http://127.0.0.1:11434`."""
    model: str | None
    """The model that was used or fetched last; None: it has none."""

    @property
    def is_where_expected(self) -> bool:
        """Whether `llm.provider = "ollama"` finds it without `llm.api_base`."""
        return urlsplit(self.address).port == DEFAULT_PORT


async def find_ollama() -> OllamaHere | None:
    """Return the Ollama of this machine, within half a second; None: there is none."""
    address = local_address(os.environ.get(HOST_VARIABLE, ""))
    if address is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE_S):
            listed = await _models(address)
    # Whatever listens there may answer anything at all, and then it is no Ollama.
    except (httpx2.HTTPError, OSError, TimeoutError, ValueError, RecursionError):
        return None
    if not isinstance(listed, dict) or not isinstance(listed.get("models"), list):
        return None
    return OllamaHere(address, next(filter(None, map(_name, listed["models"])), None))


def local_address(host: str) -> str | None:
    """Return the origin of an Ollama on this machine; None: it is on another.

    Args:
        host: `OLLAMA_HOST`, as Ollama reads it: host, host:port, :port or a URL; empty: unset.
    """
    try:
        url = urlsplit(host if "://" in host else f"http://{host}")
        name, port = url.hostname or "127.0.0.1", url.port or DEFAULT_PORT
    except ValueError:
        return None
    if name in ANY_ADDRESS:
        name = "127.0.0.1"
    if not is_loopback(name) or url.scheme != "http":
        return None
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


async def _models(address: str) -> Any:
    # No proxy of the environment: this is loopback.
    async with (
        httpx2.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_S) as client,
        client.stream("GET", f"{address}/api/tags", follow_redirects=False) as answer,
    ):
        if answer.status_code != 200:
            return None
        text = b""
        async for piece in answer.aiter_raw():
            text += piece
            if len(text) > _LONGEST_LIST:
                return None
        return httpx2.Response(200, content=text).json()


def _name(model: Any) -> str | None:
    """Return the name of a model that can be talked to on this machine."""
    if not isinstance(model, dict) or model.get("remote_host") or model.get("remote_model"):
        return None
    name = model.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _NOT_FOR_TALK.search(name):
        return None
    return name

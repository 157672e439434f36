"""A server with API keys, and its keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from config import load_settings
from tests.support.running_server import SCRIPTED, RunningServer, running

KEY = "a-key-of-the-operator"
OTHER = "another-key-of-theirs"
WRONG = "a-key-nobody-has-given"


@asynccontextmanager
async def guarded(**server: Any) -> AsyncIterator[RunningServer]:
    groups = {**SCRIPTED, "server": {"api_keys": [KEY, OTHER], **server}}
    async with running(load_settings(**groups)) as running_server:
        yield running_server

"""A store for each test, and servers that write to it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from serving.store import kept_sessions
from tests.support.redis_server import RedisServer, redis_server


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversations are written at once, and looked for often."""
    monkeypatch.setattr(kept_sessions, "WRITE_S", 0.05)
    monkeypatch.setattr(kept_sessions, "LOOK_S", 0.05)

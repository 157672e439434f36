"""How late the event loop is, while anybody wants to know."""

from __future__ import annotations

import asyncio

import pytest

from telemetry.loop_lag import watching


async def test_a_loop_that_was_kept_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    lags: list[float] = []
    noted = asyncio.Event()

    def note(lag: float) -> None:
        lags.append(lag)
        noted.set()

    loop = asyncio.get_running_loop()
    tells, kept_s = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: tells() + kept_s)
    async with watching(note, tick_s=0.001):
        # By the loop's own clock, this is what a piece of work does that takes an hour.
        kept_s = 3600.0
        async with asyncio.timeout(10):
            await noted.wait()
    assert max(lags) > 3590
    count = len(lags)
    await asyncio.sleep(0.01)
    assert len(lags) == count

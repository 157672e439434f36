"""A file is spoken as if somebody said it."""

from __future__ import annotations

import asyncio

import pytest

from clients.terminal.sources import BLOCK_BYTES, BLOCK_S, SpokenFile
from tests.clients.terminal.bench import PCM


@pytest.fixture
async def spent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have been slept, one entry a sleep; no time passes otherwise, or really."""
    sleeps: list[float] = []
    sleep = asyncio.sleep

    async def skipped(seconds: float) -> None:
        sleeps.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", skipped)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: sum(sleeps))
    return sleeps


async def test_a_file_is_spoken_at_its_pace_then_there_is_silence(spent: list[float]) -> None:
    source, blocks = SpokenFile(PCM + b"\x01\x02"), list[tuple[float, bytes]]()
    over = asyncio.Event()
    source.start(lambda pcm: blocks.append((sum(spent), pcm)), over.set)
    await over.wait()
    said = len(blocks)
    while len(blocks) < said + 3:
        await asyncio.sleep(0)
    source.stop()
    assert b"".join(pcm for _, pcm in blocks[:said]) == PCM + b"\x01\x02" + bytes(BLOCK_BYTES - 2)
    assert [at for at, _ in blocks] == pytest.approx(
        [BLOCK_S * (number + 1) for number in range(len(blocks))]
    )
    assert all(pcm == bytes(BLOCK_BYTES) for _, pcm in blocks[said:])

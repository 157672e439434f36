"""The benchmark of recordings runs, and each way of recording has its figures."""

from __future__ import annotations

from benchmarks.recording import KINDS, run


async def test_all_ways_are_measured():
    figures = await run(callers=1, seconds=0.5, rounds=1, scripted=True)
    assert tuple(one.audio for one in figures) == KINDS
    none, flac, wav = figures
    assert none.kib == 0 < flac.kib
    assert wav.kib > 0
    assert none.share == 0 < flac.noting_ms
    assert flac.share > wav.share > 0

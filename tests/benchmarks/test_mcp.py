"""The benchmark of MCP calls runs, and its figures are what they are called."""

from __future__ import annotations

from benchmarks.mcp import Figures, run


async def test_both_ways_are_measured():
    by_http, stdio = await run(calls=10, kib=1)
    assert by_http.server is not None
    assert 0 < by_http.server < by_http.ours
    assert stdio.server is stdio.share is None
    assert min(by_http.sdk, stdio.sdk, stdio.ours) > 0


def test_the_share_is_what_is_left_of_a_call_without_the_servers_time():
    figures = Figures("HTTP", ours=3.0, sdk=2.0, server=1.0)
    assert (figures.share, figures.ratio) == (2.0, 1.5)

"""The names on which calls rest are where they were; a release that moves one fails here."""

from __future__ import annotations

import pytest

from peers.webrtc import aiortc_names
from peers.webrtc.aiortc_names import NAMES, lacking, moved


async def test_nothing_has_moved() -> None:
    assert moved() == []


@pytest.mark.parametrize("place", NAMES)
async def test_what_moves_is_named(place: str) -> None:
    holders = {**aiortc_names._holders(), place: object()}
    found = lacking(holders)
    for name in NAMES[place]:
        if not hasattr(object, name):
            assert any(one.endswith(f"{place}.{name}") for one in found)
    assert all(place in one for one in found)

"""The garbage collector leaves alone what a server has loaded, and still does its work."""

from __future__ import annotations

import gc
import subprocess
import sys

from session.items import Item
from tests.support.places import ROOT
from tests.support.running_server import running
from tests.support.wire_client import client, speech

PROGRAM = """
import gc, weakref
from serving.process import garbage

class Thing:
    pass

loaded = Thing()
garbage.settle()
print(any(known is loaded for known in gc.get_objects()))
circle = Thing()
circle.itself = circle
gone = weakref.ref(circle)
del circle
many = [[] for _ in range(garbage.YOUNG * 15)]
print(gone() is None)
"""


def test_what_is_loaded_is_not_looked_through_and_circles_are_still_found() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "True"]


async def test_a_session_that_is_over_keeps_no_audio_until_the_collector_comes() -> None:
    gc.collect()
    of_others = _items()
    gc.disable()
    try:
        async with running() as server:
            async with client(server.url) as wire:
                await wire.append(speech())
                await wire.until("response.done")
            await server.emptied()
            left = [item for item in _items() if not any(item is known for known in of_others)]
            assert any(item.audio_ms for item in left)
            assert not any(item.audio.data for item in left if item.audio is not None)
    finally:
        gc.enable()


def _items() -> list[Item]:
    return [known for known in gc.get_objects() if isinstance(known, Item)]

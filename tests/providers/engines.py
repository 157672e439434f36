"""What the tests of in-process engines share: the product's door, and a watch on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from config import Settings
from tests.running_server import scripted_settings
from tests.wire_client import WireClient, speech

HANG_S = 10
"""Seconds after which an event loop that does not turn is taken to stand still."""
HEARD = "conversation.item.input_audio_transcription.completed"
UNHEARD = "conversation.item.input_audio_transcription.failed"


class LoopWatch:
    """Lets an engine go on only when the event loop has turned meanwhile."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.turns = 0

    def wait(self) -> None:
        """Call it from the engine: on the loop's own thread it would wait in vain."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        assert turned.wait(HANG_S), "the engine holds up the event loop"
        self.turns += 1

    def before(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return `method` preceded by `wait`."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.wait()
            return method(*args, **kwargs)

        return watched


def with_stt(**stt: Any) -> Settings:
    """Settings with a real recogniser and everything else scripted."""
    return scripted_settings(stt=stt)


def with_tts(**tts: Any) -> Settings:
    """Settings with a real voice and everything else scripted."""
    return scripted_settings(tts=tts)


async def listen(wire: WireClient, **transcription: Any) -> None:
    """Let the client commit its turns itself."""
    await wire.update(audio={"input": {"turn_detection": None, "transcription": transcription}})


async def commit(wire: WireClient, pcm: bytes | None = None) -> None:
    """Say something."""
    await wire.append(pcm or speech(after_ms=100), step=48000)
    await wire.send("input_audio_buffer.commit")

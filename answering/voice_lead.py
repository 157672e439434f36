"""How far a voice may be ahead of the client: beyond that it waits with what it has made.

Pipecat queues all that a voice makes (`TTSService`, the queues of its audio contexts) and sets no
bound: for a client that reads slowly, half an hour of speech would lie in the memory. It offers no
place to wait, either. A processor behind the voice and the events `on_before_push_frame` and
`on_after_push_frame` come after the queue; `on_before_process_frame` comes before a clause, when
nobody knows how much audio it will be, and a voice that starts only when it has enough text would
be starved. A base class would hold our own voices, but not those that somebody else's provider
builds.

So `hold_back` replaces one method of the service, and relies on this: every frame of audio, yielded
by `run_tts` or received later from a WebSocket, enters the queue by
`TTSService.append_to_audio_context(context_id, frame)`, and is awaited there. That method is public
and is how Pipecat's services hand over audio. `tests/answering/test_voice_lead.py` fails when a
release takes another way.
"""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import Frame, TTSAudioRawFrame
from pipecat.services.tts_service import TTSService
from pipecat.utils.context.word_timestamp_tracker import WordTimestamp

MAX_UNHEARD_BYTES = 2 * 1024 * 1024
"""Some 40 s of speech that a voice may be ahead of what is on its way to the client."""


class VoiceLead:
    """Audio between the voice and the client's outbox, with a bound."""

    def __init__(self) -> None:
        """Begin with nothing made."""
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, length: int) -> None:
        """Wait until there is room, and count so many bytes."""
        await self._room.wait()
        self._bytes += length
        if self._bytes > MAX_UNHEARD_BYTES:
            self._room.clear()

    def go_on(self, length: int) -> None:
        """So many bytes go on to another processor before the client; nobody waits for that."""
        self._bytes += length

    def take(self, length: int) -> None:
        """So many bytes have arrived."""
        self._bytes -= length
        if self._bytes <= MAX_UNHEARD_BYTES:
            self._room.set()


def hold_back(service: TTSService, lead: VoiceLead) -> None:
    """Let a voice wait whenever it is too far ahead.

    Args:
        service: A voice that has not begun to speak.
        lead: Counts its audio; whoever takes it from behind the voice tells it by `take`.
    """
    queue = service.append_to_audio_context

    async def when_there_is_room(
        context_id: str | None, frame: Frame | WordTimestamp | None
    ) -> None:
        if isinstance(frame, TTSAudioRawFrame):
            await lead.put(len(frame.audio))
        await queue(context_id, frame)

    service.append_to_audio_context = when_there_is_room  # type: ignore[method-assign]

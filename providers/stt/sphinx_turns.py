"""The turns of a session, heard by pocketsphinx in processes that all sessions share.

It decodes turns while they are spoken, so the transcript is ready moments after the last word.
"""

from __future__ import annotations

import asyncio

from providers.frames import TurnCommittedFrame, TurnStartedFrame
from providers.stt.sphinx_pool import SphinxPool
from providers.stt.sphinx_process import Recognition
from providers.stt.turns import TurnSTTService


class SphinxSTTService(TurnSTTService):
    """The recogniser of one session, on processes that all sessions share."""

    def __init__(self, pool: SphinxPool) -> None:
        """Recognise with the processes of `pool`."""
        super().__init__()
        self._pool = pool
        self._turns_heard: dict[str, tuple[Recognition, asyncio.Task[None]]] = {}
        self._mean = ""

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Begin a recognition; it takes a process if one is free."""
        recognition_id = turn.recognition_id
        recognition = self._pool.open(self._mean)
        relay = self.create_task(
            self._relay(recognition_id, recognition), f"interims {recognition_id}"
        )
        self._turns_heard[recognition_id] = recognition, relay

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Pass audio on."""
        self._turns_heard[recognition_id][0].feed(audio)

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """Wait for the transcript and push it."""
        recognition, relay = self._turns_heard[frame.recognition_id]
        self._pool.commit(recognition, frame.audio)
        # The interim results come before the final one.
        await asyncio.wait([relay])
        transcript = await recognition.result()
        if transcript.text:
            # A turn without words is no sample of the speaker's cepstral mean.
            self._mean = transcript.mean
        await self.push_final(frame.recognition_id, transcript.text)
        del self._turns_heard[frame.recognition_id]

    async def discard_turn(self, recognition_id: str) -> None:
        """Give the process back."""
        recognition, relay = self._turns_heard.pop(recognition_id)
        self._pool.abandon(recognition)
        await self.cancel_task(relay)

    async def _relay(self, recognition_id: str, recognition: Recognition) -> None:
        async for text in recognition.interims():
            await self.push_interim(recognition_id, text)

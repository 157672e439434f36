"""Responses of the server: requests, shows, plays and interrupts them.

At most one answer is requested or in progress. A new question cancels it and waits for its end,
because the protocol refuses a second response until then.
"""

from __future__ import annotations

import asyncio
import base64
import time
from contextlib import suppress
from typing import Any

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from audio.pcm import duration_ms
from audio.player import AudioPlayerAsync
from clients.terminal.answer import Answer, Cut
from clients.terminal.heard import PACE
from clients.terminal.view import Latency, Until, View
from settings.localisation import _

CANCEL_PATIENCE_S = 5.0
"""Seconds that a new question waits for the cancelled answer to end."""


class Answering:
    """All answers of a conversation, one after the other."""

    def __init__(self, view: View, player: AudioPlayerAsync | None) -> None:
        """Show answers on `view` and play them on `player`, if there is one."""
        self.player = player
        self._view = view
        self._answer: Answer | None = None
        self._idle = asyncio.Event()  # no answer is requested or in progress
        self._idle.set()
        self._questions = 0
        self._pace = PACE  # of the voice, as its last answer told it

    def supersede(self) -> None:
        """Drop a question that still waits to be sent: a new one replaces it."""
        self._questions += 1

    async def ask(self, connection: AsyncRealtimeConnection, answer: Answer) -> None:
        """Send response.create, once the cancelled answer has ended; the last question wins."""
        self.supersede()
        question = self._questions
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), CANCEL_PATIENCE_S)
        if question != self._questions:
            return
        answer.request_id = f"ask_{question}"
        self._begin(answer)
        await connection.response.create(event_id=answer.request_id)

    def silence(self) -> list[Cut]:
        """Stop playback, and return the items that were not played to the end."""
        answer, player = self._answer, self.player
        if answer is None or answer.interrupted:
            return []
        waiting = player is not None and player.waiting_samples
        if player is not None:
            player.stop()  # before its position is read: the device plays on until then
        playing = player.item_id if player is not None and waiting else None
        played_ms = player.played_ms if player is not None else 0.0
        cuts = answer.interrupt(playing, played_ms, self._pace)
        for cut in cuts:
            self._view.show_interrupted(*cut)
        return cuts

    async def give_way(self, connection: AsyncRealtimeConnection) -> None:
        """Stop playback at barge-in. The server stops by itself; tell it what was played.

        A question that the server has not begun to answer is not affected by earlier speech.
        """
        if self._answer is not None and self._answer.response_id:
            await self._truncate(connection, self.silence())

    async def cancel(self, connection: AsyncRealtimeConnection, cuts: list[Cut]) -> None:
        """Cancel the response, and truncate the items that were not played to the end."""
        if not self._idle.is_set():
            await connection.response.cancel()
        await self._truncate(connection, cuts)

    async def _truncate(self, connection: AsyncRealtimeConnection, cuts: list[Cut]) -> None:
        for item_id, heard_ms, _heard in cuts:
            if heard_ms is not None:
                await connection.conversation.item.truncate(
                    item_id=item_id, content_index=0, audio_end_ms=heard_ms
                )

    def handle(self, event: RealtimeServerEvent, speech_ended: float | None) -> None:
        """Handle an event of a response.

        Args:
            event: Any server event; those not of responses are ignored.
            speech_ended: When the user stopped speaking, if the server responds by itself.

        Raises:
            OSError: The answer cannot be played; the message names the remedy.
        """
        if event.type == "response.created":
            self._created(event.response.id or "", speech_ended)
        elif (
            event.type == "response.output_audio_transcript.delta"
            or event.type == "response.output_text.delta"
        ):
            if answer := self._heard(event.response_id):
                spoken = self.player is not None and event.type != "response.output_text.delta"
                answer.note_words(event.item_id, event.delta, spoken)
                self._view.show_text(event.item_id, "assistant", event.delta, append=True)
                if event.type == "response.output_text.delta":
                    self._began(answer, "first text")
        elif event.type == "response.output_audio.delta":
            answer = self._heard(event.response_id)
            if answer and self.player is not None:
                pcm = base64.b64decode(event.delta)
                answer.note_sound(event.item_id, duration_ms(pcm))
                self._began(answer, "first audio")
                self._play(self.player, pcm, event.item_id)
        elif event.type == "response.output_audio.done":
            if answer := self._heard(event.response_id):
                self._pace = answer.note_end_of_sound(event.item_id) or self._pace
        elif event.type == "response.output_item.added":
            if event.item.type == "function_call" or event.item.type == "mcp_call":
                self._view.show_text(event.item.id or "call", "tool", f"{event.item.name}(…)")
        elif event.type == "response.output_item.done":
            if event.item.type == "function_call" or event.item.type == "mcp_call":
                call = f"{event.item.name}({event.item.arguments})"
                self._view.show_text(event.item.id or "call", "tool", call)
        elif event.type == "response.done":
            self._done(event.response)
        elif event.type == "error":
            answer = self._answer
            if answer and event.error.event_id and event.error.event_id == answer.request_id:
                self._ended(answer)

    def forget(self) -> None:
        """Forget the answer: the connection is lost."""
        self.silence()
        if self._answer is not None:
            self._ended(self._answer)
        self._answer = None
        self.supersede()
        self._idle.set()

    def _begin(self, answer: Answer) -> None:
        self._answer = answer
        self._idle.clear()
        self._view.show_waiting()

    def _created(self, response_id: str, speech_ended: float | None) -> None:
        answer = self._answer
        if answer is None or answer.done or answer.response_id:
            answer = Answer(speech_ended, "end of speech")
            self._begin(answer)
        answer.response_id = response_id

    def _heard(self, response_id: str) -> Answer | None:
        """Return the answer of a response id; None if it was interrupted."""
        answer = self._answer
        if answer is None or answer.interrupted or answer.response_id != response_id:
            return None
        return answer

    def _began(self, answer: Answer, until: Until) -> None:
        if answer.began:
            return
        answer.began = True
        if answer.asked_at is None:
            self._view.show_latency(None)
        else:
            ms = (time.perf_counter() - answer.asked_at) * 1000
            self._view.show_latency(Latency(ms, answer.since, until))

    def _ended(self, answer: Answer) -> None:
        answer.done = True
        self._idle.set()
        if not answer.began:
            self._view.show_latency(None)

    def _play(self, player: AudioPlayerAsync, pcm: bytes, item_id: str) -> None:
        try:
            player.add_data(pcm, item_id)
        except OSError:
            self.player = None
            raise

    def _done(self, response: Any) -> None:
        answer = self._answer
        if answer is None or answer.response_id != response.id:
            return
        self._ended(answer)
        if response.status not in ("completed", "cancelled"):
            details = response.status_details
            reason = getattr(details and details.error, "message", None)
            reason = reason or getattr(details, "reason", None) or _("no reason given")
            text = _("The answer is {status}: {reason}").format(
                status=response.status, reason=reason
            )
            self._view.show_text(f"end {response.id}", "problem", text)

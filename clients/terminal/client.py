"""A conversation with a Realtime server, without a screen.

`RealtimeClient` speaks the protocol through the official `openai` SDK, records and plays, and
reports to a `View`.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from websockets.exceptions import WebSocketException

from audio.pcm import duration_ms
from audio.player import AudioPlayerAsync
from clients.sdk import LOCAL_URL, Connect
from clients.terminal.answer import Answer
from clients.terminal.answering import Answering
from clients.terminal.capture import Capture, level_dbfs
from clients.terminal.hints import echo_notice
from clients.terminal.link import RETRY_S, KeptConnection
from clients.terminal.session import Wishes, pause_ms, session_info, wanted_input, wanted_session
from clients.terminal.sources import AudioSource
from clients.terminal.speech_clock import SpeechClock
from clients.terminal.user_turns import UserTurns
from clients.terminal.view import Echo, InputState, Link, Stack, View
from settings.localisation import _

SHORTEST_RECORDING_MS = 100
"""Shortest audio that the protocol accepts as a turn."""
ECHO_HEARD = "input_audio_buffer.echo_heard"
"""An event of this product's servers, which the SDK does not know (`docs/wire.md` §D.9)."""
NOT_ACTIVE = "response_cancel_not_active"
"""Error code if a cancelled response had just ended by itself; harmless."""


class RealtimeClient:
    """One conversation with a Realtime server; reconnects when the connection is lost."""

    def __init__(
        self,
        connect: Connect,
        view: View,
        source: AudioSource | None = None,
        player: AudioPlayerAsync | None = None,
        wishes: Wishes | None = None,
        url: str = LOCAL_URL,
        retry_s: tuple[int, int] = RETRY_S,
        look_up: Callable[[str], Awaitable[Stack | None]] | None = None,
        on_sent: Callable[[bytes], None] | None = None,
    ) -> None:
        """Prepare a conversation; `run` holds it.

        Args:
            connect: Opens a connection of the SDK.
            view: Is told what happens.
            source: Where questions are recorded; None: they are typed.
            player: Plays answers; None asks for text only.
            wishes: What to ask of the session.
            url: Address for messages.
            retry_s: The first wait before another attempt to connect, and the longest.
            look_up: Tells what answers by the name of a model; None: nobody knows.
            on_sent: Is called with all audio that is sent, as it is said.
        """
        self._view = view
        self._look_up, self._on_sent = look_up, on_sent
        self._looking_up: asyncio.Task[None] | None = None
        self._link = KeptConnection(connect, view, url, retry_s)
        self._source, self._answering = source, Answering(view, player)
        self._user_turns = UserTurns(view)
        self._wishes = wishes or Wishes()
        self._sessions = 0
        self._hands_free = self._muted = False
        self._hearing = False  # the server hears speech
        self._capture: Capture | None = None
        self._forwarding: asyncio.Task[None] | None = None
        self._clock = SpeechClock()
        self._pause_ms = 0.0  # silence by which the server recognises the end of speech
        self._speech_ended: float | None = None  # of a turn that the server will answer by itself
        self._open_calls: list[tuple[str, str]] = []  # call id and name of tools to be answered

    async def run(self) -> None:
        """Hold the conversation until cancelled; reconnect when the connection is lost."""
        self._show_input()
        await self._link.run(self._receive, self._disconnected)

    def close(self) -> None:
        """Release the loudspeaker, when `run` has ended."""
        if self._answering.player is not None:
            self._answering.player.close()

    def retry_now(self) -> None:
        """End the wait before the next attempt to connect."""
        self._link.retry_now()

    async def toggle_recording(self) -> None:
        """Start to record, or stop and send; hands-free, play the file again."""
        if self._hands_free:
            if self._source is not None and self._source.is_file:
                self._stop_capture()
                with self._reporting():
                    self._start_capture()
            else:
                self._view.show_text("hands-free", "note", _("Hands-free: just speak. V ends it."))
        elif self._capture is not None:
            await self.finish_recording()
        else:
            await self.begin_recording()

    async def begin_recording(self) -> None:
        """Start to record, and interrupt the answer."""
        if self._hands_free or self._capture is not None:
            return
        with self._reporting():
            connection = self._link.live()
            if self._muted:
                raise OSError(_("The microphone is muted. M turns it on."))
            self._start_capture()  # first: who cannot speak does not interrupt
            self._answering.supersede()
            self._drop_open_calls()
            await self._answering.cancel(connection, self._answering.silence())

    async def finish_recording(self) -> None:
        """Stop to record, and send."""
        if not self._hands_free:
            self._stop_capture()

    async def toggle_hands_free(self) -> None:
        """Toggle hands-free mode: the server detects turns."""
        with self._reporting():
            connection = self._link.live()
            if not self._hands_free and self._source is None:
                raise OSError(_("No hands-free: there is no sound input. / to type."))
            self._discard_capture()
            if not self._hands_free:
                self._start_capture()
            self._hands_free = not self._hands_free
            self._show_input()
            await connection.input_audio_buffer.clear()
            heard = wanted_input(self._hands_free)
            await connection.session.update(session={"type": "realtime", "audio": {"input": heard}})

    def toggle_mute(self) -> None:
        """Toggle mute: send silence instead of the microphone's audio."""
        with self._reporting():
            if self._source is None and not self._muted:
                raise OSError(_("Nothing to mute: there is no sound input. D for devices."))
            self._muted = not self._muted
            self._show_input()

    async def send_text(self, text: str) -> None:
        """Interrupt the answer and ask for one to `text`, or give it as the result of a tool."""
        with self._reporting():
            connection = self._link.live()
            if self._open_calls:
                call_id, name = self._open_calls.pop(0)
                await connection.conversation.item.create(
                    item={"type": "function_call_output", "call_id": call_id, "output": text}
                )
                self._view.show_text(f"result {call_id}", "tool", f"{name} → {text}")
                self._show_tool_wait()
                if self._open_calls:
                    return
            else:
                await self._answering.cancel(connection, self._answering.silence())
                await connection.conversation.item.create(
                    item={
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_text", "text": text}],
                    }
                )
            await self._answering.ask(connection, Answer(time.perf_counter(), "sending"))

    async def interrupt(self) -> None:
        """Stop the answer's playback and generation, and drop a waiting question."""
        self._answering.supersede()
        cuts = self._answering.silence()
        if self._link.up:
            with self._reporting():
                await self._answering.cancel(self._link.live(), cuts)

    async def use_source(self, source: AudioSource | None) -> None:
        """Record from something else. A recording under way is dropped."""
        self._discard_capture()
        self._source = source
        self._show_input()
        with self._reporting():
            if self._hands_free and self._link.up:
                self._start_capture()

    async def use_player(self, player: AudioPlayerAsync) -> None:
        """Play on `player` from now on; a text-only client asks for audio from then."""
        await self.interrupt()
        before, self._answering.player = self._answering.player, player
        self._show_input()
        if before is not None:
            before.close()
        elif self._link.up:
            with self._reporting():
                wanted = wanted_session(self._wishes, True, self._hands_free)
                await self._link.live().session.update(session=wanted)

    # Recording.

    def _start_capture(self) -> None:
        if self._source is None:
            raise OSError(_("Cannot record: there is no sound input. / to type, D for devices."))
        capture = Capture(self._source)
        capture.start(on_end=self._show_input)
        self._capture = capture
        self._forwarding = asyncio.create_task(self._forward(capture, self._link.live()))
        self._show_input()

    def _stop_capture(self) -> None:
        if self._capture is not None:
            self._capture.stop()
            self._capture = None
            self._show_input()

    def _discard_capture(self) -> None:
        """Stop to record and forget what was recorded."""
        self._stop_capture()
        if self._forwarding is not None:
            self._forwarding.cancel()
            self._forwarding = None

    async def _forward(self, capture: Capture, connection: AsyncRealtimeConnection) -> None:
        """Append the recording's audio as it arrives; at its end, commit and request an answer."""
        recorded_ms = 0.0
        with self._reporting():
            async for pcm in capture:
                heard = bytes(len(pcm)) if self._muted else pcm
                recorded_ms += duration_ms(pcm)
                self._clock.sent(duration_ms(pcm), time.perf_counter())
                self._view.show_level(level_dbfs(heard))
                if self._on_sent is not None:
                    self._on_sent(heard)
                await connection.input_audio_buffer.append(audio=base64.b64encode(heard).decode())
            if self._hands_free:
                return
            if recorded_ms < SHORTEST_RECORDING_MS:
                await connection.input_audio_buffer.clear()
                raise OSError(_("Nothing sent: the recording is too short. K starts, K sends."))
            await connection.input_audio_buffer.commit()
            await self._answering.ask(connection, Answer(capture.stopped_at, "end of speech"))

    # What the server says.

    async def _receive(
        self, event: RealtimeServerEvent, connection: AsyncRealtimeConnection
    ) -> None:
        try:
            await self._handle(event, connection)
        except (AttributeError, TypeError, ValueError):
            # The SDK does not validate events: a missing field raises here.
            kind = getattr(event, "type", "nameless")
            told = _("The server sent a '{kind}' event of the wrong shape; ignored.")
            self._problem(told.format(kind=kind))

    async def _handle(
        self, event: RealtimeServerEvent, connection: AsyncRealtimeConnection
    ) -> None:
        if event.type == "session.created":
            await self._opened(event.session, connection)
        elif event.type == "session.updated":
            self._show_session(event.session)
        elif event.type == "input_audio_buffer.speech_started":
            if self._hands_free:  # else it was sent before hands-free ended
                self._hearing = True
                self._show_input()
                await self._answering.give_way(connection)
        elif event.type == "input_audio_buffer.speech_stopped":
            self._hearing = False
            self._speech_ended = self._clock.when(event.audio_end_ms - self._pause_ms)
            self._show_input()
        elif event.type == ECHO_HEARD:
            self._view.show_text(f"echo {self._sessions}", "note", echo_notice(self._echo()))
        else:
            self._user_turns.handle(event)
            self._handle_answer(event)

    def _handle_answer(self, event: RealtimeServerEvent) -> None:
        with self._reporting():
            self._answering.handle(event, self._speech_ended)
        if event.type == "response.created":
            self._speech_ended = None
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            self._open_calls.append((event.item.call_id or "", event.item.name))
            self._show_tool_wait()
        elif event.type == "error" and event.error.code != NOT_ACTIVE:
            self._problem(event.error.message)

    async def _opened(self, session: Any, connection: AsyncRealtimeConnection) -> None:
        self._sessions += 1
        if self._sessions > 1:
            again = _("Connected again. The server knows nothing of what was said before.")
            self._view.show_text(f"session {self._sessions}", "note", again)
        self._clock = SpeechClock()
        self._show_session(session)
        self._view.show_link(Link("connected"))
        if self._look_up is not None:
            asked = self._show_stack(session.model, self._look_up)
            self._looking_up = asyncio.create_task(asked)
        spoken = self._answering.player is not None
        wanted = wanted_session(self._wishes, spoken, self._hands_free)
        await connection.session.update(session=wanted)
        if self._hands_free:
            with self._reporting():
                self._start_capture()

    def _disconnected(self) -> None:
        """Reset the state: a new connection has a new session."""
        self._discard_capture()
        if self._looking_up is not None:
            self._looking_up.cancel()
            self._looking_up = None
        self._hearing, self._speech_ended = False, None
        self._user_turns.forget()
        self._drop_open_calls()
        self._answering.forget()

    # What is shown.

    def _show_session(self, session: Any) -> None:
        self._pause_ms = pause_ms(session)
        self._view.show_session(session_info(session))

    async def _show_stack(
        self, model: str, look_up: Callable[[str], Awaitable[Stack | None]]
    ) -> None:
        self._view.show_stack(await look_up(model))

    def _show_input(self) -> None:
        state: InputState = "none"
        if self._source is not None:
            state = "file" if self._source.is_file else "off"
        if self._capture is not None and self._hands_free:
            state = "hearing" if self._hearing else "listening"
        elif self._capture is not None:
            state = "file over" if self._capture.over else "recording"
        self._view.show_input(state, self._hands_free, self._muted)
        self._view.show_echo(self._echo())

    def _echo(self) -> Echo:
        if self._source is None or self._source.is_file or self._answering.player is None:
            return "none"
        return "cancelled" if self._source.cancels_echo else "heard"

    def _show_tool_wait(self) -> None:
        self._view.show_tool_wait(self._open_calls[0][1] if self._open_calls else None)

    def _drop_open_calls(self) -> None:
        self._open_calls.clear()
        self._show_tool_wait()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Show errors of the block instead of raising them."""
        try:
            yield
        except WebSocketException:
            self._problem(_("Not sent: the connection is lost."))
        except OSError as error:
            self._problem(str(error))

    def _problem(self, message: str) -> None:
        self._view.show_text(f"problem {time.perf_counter_ns()}", "problem", message)

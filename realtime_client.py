"""One conversation with a Realtime server, as the clients here hold it, without a user interface.

`RealtimeClient` speaks the protocol through the official `openai` SDK, records and plays; what
is to be seen of it goes to a `View`. `make_client` and `explain` serve any client.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

from openai import AsyncOpenAI, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from audio_utils import AudioPlayerAsync, SoundCallback, SoundStream, duration_ms, open_sound

LOCAL_URL = "ws://localhost:8000/v1/realtime"
DEFAULT_MODEL = "gpt-realtime"
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
SHORTEST_RECORDING_MS = 100
"""What the protocol accepts as a turn."""
CANCEL_PATIENCE_S = 5.0
"""How long a new question waits for the cancelled answer to end."""

Who = Literal["you", "assistant", "problem", "note"]
Connect = Callable[[], AbstractAsyncContextManager[AsyncRealtimeConnection]]
LOST = (OSError, WebSocketException, OpenAIError)
"""What the SDK raises when there is no connection or no longer one."""


class ClientError(Exception):
    """Why there is nothing to check. The message is one line and names the remedy."""


def make_client(url: str, api_key: str) -> AsyncOpenAI:
    """Build an SDK client for a Realtime address given as ws, wss, http or https URL."""
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.netloc:
        raise ClientError(f"--url {url} is no ws:// or http:// address; try {LOCAL_URL}.")
    path = parts.path.rstrip("/").removesuffix("/realtime") if parts.path.strip("/") else "/v1"
    secure = "s" if parts.scheme in ("wss", "https") else ""
    websocket, http = (
        urlunsplit((scheme + secure, parts.netloc, path, parts.query, ""))
        for scheme in ("ws", "http")
    )
    return AsyncOpenAI(websocket_base_url=websocket, base_url=http, api_key=api_key)


def explain(error: Exception, url: str) -> str:
    """Say in one line why there is no connection, and what to do."""
    remedy = f"Is the server running (python main.py), and is {url} its address?"
    if isinstance(error, ConnectionClosed):
        close = error.rcvd
        reason = f"{close.code} {close.reason}".strip() if close else "without a reason"
        return f"{url} closed the connection: {reason}."
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status in (401, 403):
            return f"{url} refused the API key (HTTP {status}). Give the right one by --api-key."
        return f"{url} answered HTTP {status} instead of a WebSocket. {remedy}"
    refused = isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error)
    reason = "connection refused" if refused else str(error) or type(error).__name__
    return f"Cannot connect to {url}: {reason}. {remedy}"


class View(Protocol):
    """Where a `RealtimeClient` tells what happens. Called on the event loop's thread."""

    def show_connection(self, state: str) -> None:
        """Whether there is a connection, and if not, what comes next."""

    def show_session(self, session_id: str, model: str, voice: str) -> None:
        """The server opened or changed the session."""

    def show_recording(self, on: bool) -> None:
        """The microphone is on or off."""

    def show_text(self, key: str, who: Who, text: str, append: bool = False) -> None:
        """A line of the conversation is new, replaced, or longer by `text`."""

    def show_latency(self, first_ms: float, total_ms: float) -> None:
        """An answer is complete: how long it took to begin and to end."""


class Microphone:
    """Records PCM at `WIRE_RATE` from the default input device."""

    def __init__(self, open_device: Callable[[SoundCallback], SoundStream] | None = None) -> None:
        """Build a microphone; the device is opened by `start`."""
        self._open = open_device or (lambda callback: open_sound("input", callback))
        self._stream: SoundStream | None = None

    def start(self, on_audio: Callable[[bytes], None]) -> None:
        """Call `on_audio` with PCM, on a thread of the sound card, until `stop`.

        Raises:
            OSError: There is no sound input; the message names the remedy.
        """
        self._stream = self._open(lambda pcm, *_: on_audio(bytes(pcm)))
        try:
            self._stream.start()
        except Exception as error:  # PortAudio's own type exists only where PortAudio does
            self.stop()
            raise OSError(f"Cannot record: {error}. Check the input device.") from error

    def stop(self) -> None:
        """Stop and release the device."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()
            self._stream = None


class RealtimeClient:
    """One conversation with a Realtime server, reconnected as often as need be."""

    def __init__(
        self,
        connect: Connect,
        view: View,
        player: AudioPlayerAsync | None = None,
        microphone: Microphone | None = None,
        voice: str | None = None,
        url: str = LOCAL_URL,
    ) -> None:
        """Prepare a conversation; `run` holds it.

        Args:
            connect: Opens a connection of the SDK.
            view: Is told what happens.
            player: Plays answers; None asks for text only.
            microphone: Records questions; None: questions are typed.
            voice: Voice to ask for; None leaves it to the server.
            url: Address for messages.
        """
        self._connect, self._view, self._url, self._voice = connect, view, url, voice
        self._player, self._microphone = player, microphone
        self._connection: AsyncRealtimeConnection | None = None
        self._retry = asyncio.Event()
        self._idle = asyncio.Event()  # no answer is asked for or under way
        self._idle.set()
        self._creation = ""  # event id of the last response.create
        self._questions = 0
        self._sessions = 0
        self._muted = False  # the answer was interrupted: ignore what still comes of it
        self._audible: list[str] = []  # items of the last answer that have audio, in order
        self._asked = self._first_ms = 0.0
        self._recording: asyncio.Queue[bytes | None] | None = None
        self._sending: asyncio.Task[None] | None = None

    @property
    def recording(self) -> bool:
        """Whether the microphone is on."""
        return self._recording is not None

    async def run(self) -> None:
        """Stay connected until cancelled; wait longer after each failure."""
        delay = FIRST_RETRY_S
        try:
            while True:
                self._view.show_connection("connecting")
                reason = f"{self._url} closed the connection."
                try:
                    async with self._connect() as self._connection:
                        async for event in self._connection:
                            if event.type == "session.created":
                                delay = FIRST_RETRY_S
                            await self._handle(event)
                except LOST as error:
                    reason = explain(error, self._url)
                self._disconnected()
                self._view.show_text(f"connection {self._sessions}", "problem", reason)
                self._view.show_connection(f"offline; next try in {delay:g} s, R tries now")
                self._retry.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._retry.wait(), delay)
                delay = min(2 * delay, LAST_RETRY_S)
        finally:
            self._disconnected()

    def retry_now(self) -> None:
        """End the wait before the next attempt to connect."""
        self._retry.set()

    async def toggle_recording(self) -> None:
        """Start to record, or stop and send. Starting interrupts the answer."""
        if self._recording is not None:
            self._stop_recording()
            return
        with self._reporting():
            self._live()
            if self._microphone is None:
                raise OSError("Cannot record: there is no sound input. Type instead (/).")
            self._questions += 1  # a question that still waits to be asked is part of this one
            cut = self._silence()
            try:
                self._start_recording(self._microphone)
            finally:
                await self._cancel(cut)

    async def send_text(self, text: str) -> None:
        """Interrupt the answer and ask for one to `text`."""
        with self._reporting():
            connection = self._live()
            await self._cancel(self._silence())
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": text}],
                }
            )
            await self._ask(connection)

    async def interrupt(self) -> None:
        """Stop the answer, both its sound and its making."""
        cut = self._silence()
        if self._connection is not None:
            with self._reporting():
                await self._cancel(cut)

    async def _send_recording(self, chunks: asyncio.Queue[bytes | None]) -> None:
        """Pass the microphone on as it speaks; when it is off, commit and ask."""
        with self._reporting():
            connection, recorded_ms = self._live(), 0.0
            while (pcm := await chunks.get()) is not None:
                recorded_ms += duration_ms(pcm)
                await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())
            if recorded_ms < SHORTEST_RECORDING_MS:
                await connection.input_audio_buffer.clear()
                raise OSError("Nothing sent: the recording is too short. K starts, K sends.")
            await connection.input_audio_buffer.commit()
            await self._ask(connection)

    def _start_recording(self, microphone: Microphone) -> None:
        loop, chunks = asyncio.get_running_loop(), asyncio.Queue[bytes | None]()

        def on_audio(pcm: bytes) -> None:
            loop.call_soon_threadsafe(chunks.put_nowait, pcm)

        microphone.start(on_audio)
        self._recording = chunks
        self._sending = asyncio.create_task(self._send_recording(chunks))
        self._view.show_recording(True)

    def _stop_recording(self) -> None:
        if self._microphone is not None and self._recording is not None:
            self._microphone.stop()
            # Through the loop, as the audio: nothing overtakes the last of it.
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(self._recording.put_nowait, None)
            self._recording = None
            self._view.show_recording(False)

    async def _ask(self, connection: AsyncRealtimeConnection) -> None:
        """Send response.create, once the cancelled answer has ended; the last question wins."""
        self._questions += 1
        question = self._questions
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), CANCEL_PATIENCE_S)
        if question != self._questions:
            return
        self._idle.clear()
        self._creation, self._muted, self._audible = f"ask_{question}", False, []
        self._asked, self._first_ms = time.perf_counter(), 0.0
        await connection.response.create(event_id=self._creation)

    def _silence(self) -> list[tuple[str, int]]:
        """Stop playback and say at how many ms each item of the answer was cut."""
        self._muted = not self._idle.is_set()
        if self._player is None or not self._audible:
            return []
        if not self._player.waiting_samples and self._idle.is_set():
            return []  # it was heard to the end
        self._player.stop()
        at, played_ms = self._player.item_id, int(self._player.played_ms)
        unheard = self._audible[self._audible.index(at) :] if at in self._audible else []
        self._audible = []
        for item_id in unheard:
            self._view.show_text(item_id, "assistant", " [interrupted]", append=True)
        return [(item_id, played_ms if item_id == at else 0) for item_id in unheard]

    async def _cancel(self, cut: list[tuple[str, int]]) -> None:
        """Tell the server what was interrupted."""
        connection = self._live()
        if not self._idle.is_set():
            await connection.response.cancel()
        for item_id, ms in cut:
            await connection.conversation.item.truncate(
                item_id=item_id, content_index=0, audio_end_ms=ms
            )

    async def _handle(self, event: RealtimeServerEvent) -> None:
        """Take one event of the server."""
        if event.type == "session.created":
            self._sessions += 1
            if self._sessions > 1:
                again = "Connected again. The server knows nothing of what was said before."
                self._view.show_text(f"session {self._sessions}", "note", again)
            self._show_session(event.session)
            await self._live().session.update(session=self._wanted_session())
        elif event.type == "session.updated":
            self._show_session(event.session)
        elif event.type == "conversation.item.added":
            if event.item.type == "message" and event.item.role == "user" and event.item.id:
                text = event.item.content[0].text if event.item.content else None
                self._view.show_text(event.item.id, "you", text or "…")
        elif event.type == "conversation.item.input_audio_transcription.completed":
            self._view.show_text(event.item_id, "you", event.transcript.strip())
        elif event.type == "conversation.item.input_audio_transcription.failed":
            self._view.show_text(event.item_id, "you", f"(not understood: {event.error.message})")
        elif (
            event.type == "response.output_audio_transcript.delta"
            or event.type == "response.output_text.delta"
        ):
            if not self._muted:
                self._first_ms = self._first_ms or self._since_asked()
                self._view.show_text(event.item_id, "assistant", event.delta, append=True)
        elif event.type == "response.output_audio.delta":
            if self._player is not None and not self._muted:
                self._play(self._player, event.item_id, base64.b64decode(event.delta))
        elif event.type == "response.done":
            self._idle.set()
            if event.response.status == "completed":
                self._view.show_latency(self._first_ms, self._since_asked())
            elif event.response.status != "cancelled":
                details = event.response.status_details
                reason = getattr(details and details.error, "message", None)
                reason = reason or getattr(details, "reason", None) or "no reason given"
                self._problem(f"The answer is {event.response.status}: {reason}")
        elif event.type == "error":
            if event.error.event_id == self._creation:
                self._idle.set()
            if event.error.code != "response_cancel_not_active":  # it ended by itself meanwhile
                self._problem(event.error.message)

    def _play(self, player: AudioPlayerAsync, item_id: str, pcm: bytes) -> None:
        if item_id not in self._audible:
            if not self._audible:
                self._first_ms = self._since_asked()  # what is heard counts, not what is read
            self._audible.append(item_id)
        try:
            player.add_data(pcm, item_id)
        except OSError as error:
            self._player = None
            self._problem(str(error))

    def _wanted_session(self) -> RealtimeSessionCreateRequestParam:
        session: RealtimeSessionCreateRequestParam = {
            "type": "realtime",
            "output_modalities": ["audio" if self._player is not None else "text"],
            "audio": {
                "input": {"turn_detection": None, "transcription": {"model": "whisper-1"}},
                "output": {"voice": self._voice} if self._voice else {},
            },
        }
        return session

    def _show_session(self, session: Any) -> None:
        """Show a session; the SDK types it as a request, which has no id."""
        voice = getattr(getattr(getattr(session, "audio", None), "output", None), "voice", "?")
        self._view.show_session(getattr(session, "id", "?"), getattr(session, "model", "?"), voice)
        self._view.show_connection("connected")

    def _since_asked(self) -> float:
        return (time.perf_counter() - self._asked) * 1000

    def _live(self) -> AsyncRealtimeConnection:
        if self._connection is None:
            raise ConnectionError("Not sent: there is no connection. R tries to connect now.")
        return self._connection

    def _disconnected(self) -> None:
        """Forget the session: a new connection starts from nothing."""
        self._connection = None
        self._stop_recording()
        if self._sending is not None:
            self._sending.cancel()
        if self._player is not None:
            self._player.stop()
        self._audible = []
        self._idle.set()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Show what keeps the block from being done, instead of raising it."""
        try:
            yield
        except WebSocketException:
            self._problem("Not sent: the connection is lost.")
        except OSError as error:
            self._problem(str(error))

    def _problem(self, message: str) -> None:
        self._view.show_text(f"problem {time.perf_counter_ns()}", "problem", message)

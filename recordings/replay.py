"""Plays the client's side of a recorded session to a server, and keeps what that says.

Each message is sent when it may be: once the server has said what it had said before it, and, but
for a server with a virtual clock, as long after it as the client had let pass. Audio has the pace
that it was recorded with.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from recordings.address import Address, headers
from recordings.ids import Ids
from recordings.reading import Row
from recordings.timeline import Message, Timeline, Wire
from recordings.waiting import Waiting
from settings.localisation import _

PAUSE_MS = 1000.0
"""Audio that goes on after such a pause waits as other messages do: somebody listened before."""
_OPEN_S = 20.0
QUIET_S = 0.4
"""How long nothing has to come after all that was to come, for there to be nothing further."""


class CannotReplay(Exception):
    """The session cannot be played to this server. The message is one line."""


@dataclass(frozen=True)
class Server:
    """Whom a session is played to."""

    address: Address
    api_key: str
    model: str | None = None
    """None: the recorded one."""


@dataclass(frozen=True)
class Pace:
    """How a session is played."""

    fast: bool = False
    """Whether order alone counts, and no time."""
    patience_s: float = 10.0
    """How long the server may say nothing while something is waited for."""


@dataclass
class Played:
    """What came of it."""

    met: list[Message] = field(default_factory=list)
    """What passed, of both sides, in order."""
    ids: Ids = field(default_factory=Ids)
    unmet: list[Message] = field(default_factory=list)
    """What was waited for and did not come in time."""
    complete_ms: float | None = None
    """When all had come, or was given up on, that the server had said in the recording."""
    closed: str | None = None
    """How the server closed the connection; None: the client did."""
    unsent: int = 0
    """How many of the client's messages were not sent, since the connection was closed."""

    def of_server(self) -> list[Message]:
        """Return what the server has said."""
        return [message for message in self.met if message.side == "server"]


async def play(timeline: Timeline, server: Server, pace: Pace) -> Played:
    """Play the client's side of a session.

    Raises:
        CannotReplay: There is no session with this server.
    """
    url = server.address.websocket(timeline, server.model)
    try:
        async with connect(
            url,
            additional_headers=headers(timeline, server.api_key),
            max_size=None,
            max_queue=None,
            open_timeout=_OPEN_S,
            proxy=None if server.address.is_here else True,
        ) as socket:
            return await _Player(timeline, socket, pace).play()
    except InvalidStatus as refused:
        raise CannotReplay(f"{url}: {_why(refused)}") from None
    except TimeoutError:
        told = _("{url}: nobody answers within {seconds} s")
        raise CannotReplay(told.format(url=url, seconds=round(_OPEN_S))) from None
    except (OSError, WebSocketException, ImportError) as error:
        told = _("{url}: cannot be connected to: {error}")
        raise CannotReplay(told.format(url=url, error=str(error) or type(error).__name__)) from None


def _why(refused: InvalidStatus) -> str:
    """Return why a server has refused a handshake, as OpenAI's errors tell it."""
    answer = refused.response
    try:
        message = json.loads(bytes(answer.body or b""))["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.reason_phrase
    told = _("refused with {status}: {message}").format(status=answer.status_code, message=message)
    if answer.status_code in (401, 403):
        return told + " " + _("Give the right key by --api-key or OPENAI_API_KEY.")
    return told


class _Player:
    """Plays one session."""

    def __init__(self, timeline: Timeline, socket: ClientConnection, pace: Pace) -> None:
        self._timeline = timeline
        self._socket = socket
        self._pace = pace
        self._played = Played()
        self._wire = Wire()
        self._waiting = Waiting(timeline.messages, "server", self._played.ids, amounts=pace.fast)
        self._began = time.monotonic()
        self._news = asyncio.Event()
        """Set whenever something has come, or nothing will any more."""
        self._last = self._began
        """When something was sent or came last."""
        self._over = False
        self._sent: tuple[float, float] | None = None
        """When the last message was sent: in the recording, and when it was due now."""
        self._audio_ms: float | None = None
        """When audio was appended last, in the recording."""

    async def play(self) -> Played:
        reading = asyncio.create_task(self._read())
        try:
            await self._greeted()
            left = len(self._timeline.of("client"))
            for at, message in enumerate(self._timeline.messages):
                if message.side == "client" and not self._over:
                    await self._when_due(at, message)
                    if await self._send(message):
                        left -= 1
            self._played.unsent = left
            await self._until_met(len(self._timeline.messages))
            if self._played.complete_ms is None:
                self._played.complete_ms = self._now()
            await self._quiet()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if self._over:
            self._played.closed = _closing(self._socket)
        return self._played

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._last = time.monotonic()
                message = self._wire.read("server", self._now(), text)
                self._played.met.append(message)
                self._waiting.came(message)
                if self._waiting.complete and self._played.complete_ms is None:
                    self._played.complete_ms = message.ms
                self._news.set()
        except ConnectionClosed:
            # How it was closed is told by the socket.
            pass
        self._over = True
        self._news.set()

    async def _greeted(self) -> None:
        """Wait for the session; a server may refuse it with an error in its place."""
        deadline = time.monotonic() + self._pace.patience_s
        while not self._played.met and not self._over and time.monotonic() < deadline:
            await self._anything(deadline - time.monotonic())
        first = self._played.met[0] if self._played.met else None
        if first is None or first.type != "error" or self._timeline.of("server")[:1] == []:
            if first is None and self._over:
                raise CannotReplay(
                    _("{place}: closed the connection at once: {closing}").format(
                        place=self._timeline.recording.path, closing=_closing(self._socket)
                    )
                )
            return
        if self._timeline.of("server")[0].type != "error":
            error: Row = (first.event or {}).get("error") or {}
            raise CannotReplay(
                _("the server refuses the session: {message}").format(
                    message=error.get("message") or error.get("code")
                )
            )

    async def _when_due(self, at: int, message: Message) -> None:
        """Wait until a message may be sent."""
        audio = message.carries_audio
        goes_on = audio and self._audio_ms is not None and message.ms - self._audio_ms < PAUSE_MS
        if audio:
            self._audio_ms = message.ms
        if self._pace.fast or not goes_on:
            await self._until_met(at)
        if self._pace.fast:
            return
        recorded_ms, now_ms = (0.0, 0.0) if goes_on else self._waiting.anchor(at)
        if self._sent is not None and self._sent[0] >= recorded_ms:
            recorded_ms, now_ms = self._sent
        due_ms = now_ms + message.ms - recorded_ms
        while not self._over and (left_s := (due_ms - self._now()) / 1000) > 0:
            await self._anything(left_s)
        self._sent = (message.ms, max(due_ms, self._now() - _LATE_MS))

    async def _until_met(self, before: int) -> None:
        """Wait for what the server had said before a place in the recording."""
        while lacking := self._waiting.lacking(before):
            left_s = self._last + self._pace.patience_s - time.monotonic()
            if self._over or left_s <= 0:
                if not self._over:
                    self._played.unmet += lacking
                self._waiting.give_up(lacking)
                return
            await self._anything(left_s)

    async def _quiet(self) -> None:
        """Wait until nothing more comes."""
        ends = ended_by_server(self._timeline)
        quiet_s = self._pace.patience_s if ends else QUIET_S
        self._last = time.monotonic()
        while not self._over and (left_s := self._last + quiet_s - time.monotonic()) > 0:
            await self._anything(left_s)

    async def _anything(self, seconds: float) -> None:
        """Wait for news, so long at the most."""
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return

    async def _send(self, message: Message) -> bool:
        event = self._played.ids.now(message.event)
        text = message.written(event)
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return False
        self._last = time.monotonic()
        self._played.met.append(self._wire.read("client", self._now(), text))
        return True

    def _now(self) -> float:
        return (time.monotonic() - self._began) * 1000


_LATE_MS = 100.0
"""What is sent later than it was due is caught up with, up to so much."""
LOST = "the connection was lost"
"""Why a session ended without a word."""
_BY_CLIENT = ("the client left", LOST, "the client stopped reading")
_CUT_OFF = "cut off with"
"""What the reason of an end begins with where a client closed with a code of its own."""


def ended_by_server(timeline: Timeline) -> bool:
    """Return whether a recorded session was ended by its server."""
    ended = timeline.recording.ended
    return not (ended is None or ended in _BY_CLIENT or ended.startswith(_CUT_OFF))


def _closing(socket: ClientConnection) -> str:
    reason = f" ({socket.close_reason})" if socket.close_reason else ""
    if socket.close_code in (None, 1006):
        return _("without a word")
    return _("with code {code}{reason}").format(code=socket.close_code, reason=reason)

"""A recorded server for a client under test: it says what it said, and compares what comes.

It plays to the first client that connects, and compares what that sends with what the recorded
client sent. No model and no key is needed, and none is asked for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from recordings.chosen_ids import ChosenIds
from recordings.client_outcome import Outcome, outcome
from recordings.ids import Ids
from recordings.reading import BadRecording
from recordings.replay import LOST, ended_by_server
from recordings.restored import Restored
from recordings.timeline import Message, Timeline, Wire
from recordings.waiting import Waiting
from session.ports import CloseReason
from settings.localisation import _, system_reason
from wire.dialect import wants_beta

PATIENCE_S = 10.0
_SUBPROTOCOL = "realtime"
_AZURE_PREVIEW = "/openai/realtime"
"""Azure's path of the beta dialect."""
_SILENT = logging.Logger("as-client-test", level=logging.CRITICAL + 1)
"""Of who is no WebSocket client, nobody needs a traceback: the answer says it."""
_CREATED = ("session.created", "transcription_session.created")
_UPDATES = ("session.update", "transcription_session.update")
_CLOSES = {
    CloseReason.CLIENT_DONE.value: 1000,
    CloseReason.EXPIRED.value: 1001,
    CloseReason.SERVER_STOPS.value: 1001,
    CloseReason.SLOW_READER.value: 1008,
    CloseReason.FAILED.value: 1011,
}
"""Why a session ended → the close code that told the client."""


@dataclass(frozen=True)
class How:
    """How a recording is played to a client."""

    fast: bool = False
    """Whether what the server said comes as soon as it may, and not when it came."""
    patience_s: float = PATIENCE_S
    """Seconds that a message of the client may be late, before the server goes on without it."""
    ignore: tuple[str, ...] = ()
    """What is not compared (`recordings.differences`)."""


class Served:
    """A recording that waits for its client."""

    def __init__(self, timeline: Timeline, how: How, port: int, host: str) -> None:
        """Wait."""
        self.timeline = timeline
        """The recording."""
        self._how = how
        self._host = f"[{host}]" if ":" in host else host
        self.port = port
        """The TCP port."""
        self._taken = False
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    @property
    def base_url(self) -> str:
        """What SDKs take as base URL."""
        return f"http://{self._host}:{self.port}/v1"

    @property
    def ws_url(self) -> str:
        """Where a WebSocket is opened."""
        return f"ws://{self._host}:{self.port}/v1{self._path}"

    @property
    def _path(self) -> str:
        """What the path of a WebSocket ends with."""
        return "/realtime/translations" if self.timeline.dialect == "translation" else "/realtime"

    async def outcome(self) -> Outcome:
        """Wait until a client has come and gone, or has had all that there is."""
        return await asyncio.shield(self._outcome)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no client of a Realtime API."""
        path = request.path.partition("?")[0].rstrip("/")
        what = f"This is one recorded session, for a Realtime client under test: {self.ws_url}\n"
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return connection.respond(HTTPStatus.UPGRADE_REQUIRED, what)
        if not path.endswith(self._path):
            self._missed(path)
            return connection.respond(HTTPStatus.NOT_FOUND, f"There is no {path}. {what}")
        if self._taken:
            busy = "It is played to one client, which has come already.\n"
            return connection.respond(HTTPStatus.CONFLICT, busy)
        return None

    def _missed(self, path: str) -> None:
        """End, since the client under test has come to another place."""
        if self._taken or self._outcome.done():
            return
        told = _("the client asked for {path}, and the recorded one for {recorded}")
        fact = told.format(path=path, recorded=self._path)
        self._outcome.set_result(Outcome([], [fact], [], came=0, sent=0))

    async def play(self, connection: ServerConnection) -> None:
        """Play the server's side to the client that has connected."""
        if self._taken:
            # Two have connected at once.
            await connection.close(1013, "it is played to one client")
            return
        self._taken = True
        try:
            told = await _Playing(self.timeline, self._how, connection).run()
            if not self._outcome.done():
                self._outcome.set_result(told)
        except Exception as error:
            # Whoever waits for the outcome is to know, and nobody else is there.
            if not self._outcome.done():
                self._outcome.set_exception(error)
            raise


@asynccontextmanager
async def served(
    timeline: Timeline, how: How, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Served]:
    """Serve a recording while the block runs.

    Args:
        timeline: The recording.
        how: How it is played.
        host: Where.
        port: The port; 0: a free one.

    Raises:
        BadRecording: There is nothing to listen at.
    """
    holder: list[Served] = []
    try:
        server = await serve(
            lambda connection: holder[0].play(connection),
            host,
            port,
            process_request=lambda connection, request: holder[0].admit(connection, request),
            select_subprotocol=_subprotocol,
            compression=None,
            max_size=None,
            max_queue=None,
            logger=_SILENT,
        )
    except OSError as error:
        raise BadRecording(
            _("cannot listen at {host}:{port}: {reason}").format(
                host=host, port=port, reason=system_reason(error)
            )
        ) from None
    async with server:
        holder.append(Served(timeline, how, server.sockets[0].getsockname()[1], host))
        yield holder[0]


def _subprotocol(_connection: ServerConnection, offered: Any) -> Any:
    return _SUBPROTOCOL if _SUBPROTOCOL in offered else None


class _Playing:
    """A recording while it is played."""

    def __init__(self, timeline: Timeline, how: How, connection: ServerConnection) -> None:
        self._timeline = timeline
        self._how = how
        self._connection = connection
        self._waiting = Waiting(timeline.messages, "client", Ids(), amounts=True)
        self._ids = ChosenIds(timeline.messages)
        self._restored = Restored(timeline, time.time())
        self._wire = Wire()
        for message in timeline.of("server"):
            # A client may ask for another format before it has read this.
            if message.type in _CREATED:
                self._wire.read("server", message.ms, message.written())
        self._began = asyncio.get_running_loop().time()
        self._news = asyncio.Condition()
        self._met: list[Message] = []
        self._left = False
        self._late: list[str] = []
        self._sent = 0
        self._said_ms = (0.0, 0.0)
        """When the server's last event was said: in the recording, and now."""

    async def run(self) -> Outcome:
        reading = asyncio.create_task(self._read())
        try:
            await self._say_all()
        except ConnectionClosed:
            # The client has left in the middle, which is told.
            pass
        finally:
            if self._timeline.recording.ended == LOST:
                self._connection.transport.abort()
            await self._connection.close(self._close_code())
            await reading
        return self._told()

    def _close_code(self) -> int:
        said = self._timeline.of("server")[-1:]
        error = (said[0].event or {}).get("error") if said else None
        if isinstance(error, dict) and error.get("code") == "session_expired":
            return 1001
        return _CLOSES.get(self._timeline.recording.ended or "", 1000)

    def _now_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._began) * 1000

    # --- the client ---------------------------------------------------------------------------

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                text = await self._connection.recv()
                async with self._news:
                    self._take(self._wire.read("client", self._now_ms(), text))
                    self._news.notify_all()
        async with self._news:
            self._left = True
            self._news.notify_all()

    def _take(self, met: Message) -> None:
        if not met.carries_audio and met.event is not None:
            self._ids.learn(met.event)
        if met.type in _UPDATES and met.event is not None:
            # What it appends from here on has the format that it asks for, not that of a recording
            # whose client has asked for another one.
            settled = {"type": "session.updated", "session": met.event.get("session")}
            self._wire.read("server", met.ms, json.dumps(settled))
        self._met.append(met)
        self._waiting.came(self._named(met))

    def _named(self, met: Message) -> Message:
        """Return what came with the ids of the recorded client."""
        return met if met.event is None else replace(met, event=self._ids.from_client(met.event))

    # --- the server ---------------------------------------------------------------------------

    async def _say_all(self) -> None:
        messages = self._timeline.messages
        for at, message in enumerate(messages):
            if message.side == "client":
                continue
            await self._until_due(at, message.ms)
            if self._left:
                return
            text = message.written(self._ids.to_client(self._restored.event(message)))
            await self._connection.send(text)
            self._said_ms = message.ms, self._now_ms()
            self._sent += 1
        await self._until_due(len(messages), self._said_ms[0])
        ended = self._timeline.recording.ended
        if not (ended_by_server(self._timeline) or ended in {*_CLOSES, LOST}):
            # The recorded client left. This one may have to play what it has got before it does.
            await self._news_within(self._how.patience_s, lambda: self._left)

    async def _until_due(self, at: int, ms: float) -> None:
        """Wait for what the client had sent before a place, and then for the recorded time."""
        while not self._left and (lacking := self._waiting.lacking(at)):
            late_s = max(lacking[-1].ms - self._said_ms[0], 0.0) / 1000
            moved = partial(self._moved, at, lacking)
            if not await self._news_within(self._how.patience_s + late_s, moved):
                if self._connection.state is not State.OPEN:
                    # It has taken its leave, and waits, with messages unread, for the connection.
                    return
                self._late += [one.type for one in lacking]
                self._waiting.give_up(lacking)
        if not self._how.fast:
            due_ms = max(
                now + ms - recorded for recorded, now in (self._said_ms, self._waiting.anchor(at))
            )
            await self._news_within((due_ms - self._now_ms()) / 1000, lambda: self._left)

    def _moved(self, at: int, lacking: list[Message]) -> bool:
        """Return whether other messages are lacking than were."""
        return self._left or self._waiting.lacking(at) != lacking

    async def _news_within(self, seconds: float, so: Callable[[], bool]) -> bool:
        """Wait until something is so; returns whether it was in time."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)), self._news:
                await self._news.wait_for(so)
        except TimeoutError:
            return False
        return True

    # --- afterwards ---------------------------------------------------------------------------

    def _told(self) -> Outcome:
        return outcome(
            self._timeline,
            [self._named(one) for one in self._met],
            sent=self._sent,
            late=self._late,
            dialect=self._dialect(),
            ignore=self._how.ignore,
        )

    def _dialect(self) -> str | None:
        """Return which dialect the client speaks by its headers; None: it has no choice."""
        request = self._connection.request
        if request is None or self._timeline.dialect == "translation":
            return None
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        offered = headers.get("sec-websocket-protocol", "").split(",")
        preview = request.path.partition("?")[0] == _AZURE_PREVIEW
        beta = preview or wants_beta(headers, [name.strip() for name in offered])
        return "beta" if beta else "ga"

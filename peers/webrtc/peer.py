"""A client on WebRTC as a session's peer: its events on the data channel, its audio on tracks.

Audio is appended by the track and played by it, so the peer knows what has been played, and the
session's clock is the sender's. A call without a data channel is a session all the same: it listens
and speaks, and its events go nowhere.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from config import LimitsConfig
from flow.outbox import Outbox, SlowReader
from flow.steps import in_turns
from peers.base import CanWait, PeerGone, PeerStalled, nothing_waits
from peers.webrtc.figures import CallFigures
from peers.webrtc.playout import Drained, Started
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackDrained, PlaybackReport, PlaybackStarted
from wire.dialect import Dialect
from wire.envelope import ServerEvent, error_event, serialize
from wire.errors import ProtocolError
from wire.event_record import WireEvent
from wire.incoming import AppendedAudio, EventReader, Incoming
from wire.media import Media
from wire.text_frames import LongFrame, frame

if TYPE_CHECKING:
    from peers.webrtc.link import RtcLink

_BYTES_PER_S = 48000
_MOST_AUDIO_S = 60
"""Seconds of audio that may wait for a session; what comes then is dropped."""
_MOST_EVENT_CHARS = 64 * 1024 * 1024
"""Characters of events that may wait for a session; more end the call."""


class WebRTCPeer:
    """A call as a session's peer (`peers.base.Peer`)."""

    def __init__(self, link: RtcLink, dialect: Dialect, limits: LimitsConfig) -> None:
        """Take a call, and begin to connect it.

        Args:
            link: The call's connection, which nobody else has taken.
            dialect: The client's dialect.
            limits: Largest event.
        """
        self._link = link
        self._dialect = dialect
        self._reader = EventReader(dialect, limits.event_kib * 1024, Media.TRACKS)
        self._outbox = Outbox()
        self._loop = asyncio.get_running_loop()
        self._came: deque[bytearray | str | Incoming] = deque()
        """Audio as bytes and events as text, in order; what others sent, as it is."""
        self._can_wait: CanWait = nothing_waits
        self._some = asyncio.Event()
        self._audio_bytes = 0
        self._event_chars = 0
        self._gone = asyncio.Event()
        self._refused: str | None = None
        """Why this side ended the call."""
        self._report: Callable[[PlaybackReport], None] | None = None
        self._early: list[PlaybackReport] = []
        """Reports that came before somebody wanted them."""
        self._starting: asyncio.Handle | None = None
        self._room = asyncio.Event()
        link.attach(self)

    async def connected(self) -> None:
        """Wait until the call is connected.

        Raises:
            NotConnected: It is not within 15 s; the message has the reason and the remedy.
        """
        await self._link.connected()

    @property
    def stats(self) -> CallFigures:
        """How the call goes."""
        return self._link.figures()

    # --- what comes by the link ---------------------------------------------------------------

    def heard(self, pcm: bytes) -> None:
        """Queue audio for the session."""
        if self._audio_bytes > _MOST_AUDIO_S * _BYTES_PER_S:
            return
        if self._came and isinstance(last := self._came[-1], bytearray):
            # A session that is late takes what waits at once.
            last += pcm
        else:
            self._came.append(bytearray(pcm))
        self._audio_bytes += len(pcm)
        if self._is_due:
            self._some.set()

    def received(self, message: str | bytes) -> None:
        """Queue an event for the session."""
        if isinstance(message, bytes):
            # Some libraries send text as binary; what is none is refused by the reader.
            message = message.decode(errors="replace")
        self._came.append(message)
        self._event_chars += len(message)
        if self._event_chars > _MOST_EVENT_CHARS:
            self._refused = "the client sent events faster than they can be handled"
            self.ended()
        self._some.set()

    def reported(self, report: Started | Drained) -> None:
        """Tell the session what was played."""
        told = (
            PlaybackStarted(report.response_id)
            if isinstance(report, Started)
            else PlaybackDrained(report.response_id)
        )
        if self._report is None:
            self._early.append(told)
        else:
            self._report(told)

    def played_on(self) -> None:
        """Let on who waits for room in the queue of audio."""
        if not self._room.is_set() and self._link.loudspeaker.has_room:
            self._room.set()

    def ended(self) -> None:
        """Let the session's loops end."""
        self._gone.set()
        self._some.set()
        self._room.set()

    # --- the call's side ----------------------------------------------------------------------

    def pass_in(self, came: Incoming) -> None:
        """Let `incoming` yield what another client of the call sent (`peers/call.py`)."""
        self._came.append(came)
        self._some.set()

    def leave(self) -> None:
        """End `incoming`, behind what waits there, as if the client had left."""
        self.ended()

    # --- the session's side -------------------------------------------------------------------

    @property
    def left(self) -> str | None:
        """Why the connection ended, for the log; None: it is open, or the client closed it."""
        return self._refused or self._link.why

    async def incoming(self, can_wait: CanWait = nothing_waits) -> AsyncIterator[Incoming]:
        """Yield what the client sends, until it leaves."""
        self._can_wait = can_wait
        while True:
            while not self._is_due and not self._gone.is_set():
                self._some.clear()
                await self._some.wait()
            if not self._came:
                return
            came = self._came.popleft()
            if isinstance(came, bytearray):
                self._audio_bytes -= len(came)
                yield AppendedAudio(bytes(came))
                continue
            if not isinstance(came, str):
                yield came
                continue
            self._event_chars -= len(came)
            if not self._outbox.has_room:
                await self._outbox.room()
            appended = self._reader.read_append(came)
            yield await in_turns(self._reader.read(came)) if appended is None else appended

    @property
    def _is_due(self) -> bool:
        """Whether something waits that cannot wait for more audio."""
        if len(self._came) != 1:
            return bool(self._came)
        only = self._came[0]
        return not (isinstance(only, bytearray) and self._can_wait(len(only)))

    async def pace(self, audio_s: float) -> None:
        """Do nothing: a track has its own pace."""

    def send(self, event: ServerEvent) -> None:
        """Queue an event, in the client's dialect."""
        for written in self._dialect.render(event):
            self._outbox.put(self._fitting(written))

    def reply(self, event: ServerEvent) -> None:
        """Queue an event: there is one client."""
        self.send(event)

    def _fitting(self, event: WireEvent) -> str | LongFrame:
        """Return an event as a message that the client can take.

        Browsers take 256 KiB, which five seconds of an item's audio exceed: it is left out then,
        and the transcript stays (`docs/wire.md` §D.2).
        """
        whole = frame(event)
        limit = self._link.max_message_bytes
        if limit is None or 4 * len(whole) <= limit:
            return whole
        # Audio and images are ASCII, so what a character takes beyond a byte is in the rest.
        rest = serialize(without_media(event))
        rest_bytes = len(rest.encode())
        size = len(whole) + rest_bytes - len(rest)
        if size <= limit:
            return whole
        if rest_bytes <= limit:
            return rest
        return serialize(
            error_event(
                ProtocolError(
                    "event_too_large",
                    f"An event `{event['type']}` of {size} bytes was not sent: the client's data "
                    f"channel takes {limit} (`a=max-message-size` of its offer).",
                    type_="server_error",
                )
            ).wire()
        )

    def play(self, audio: OutputAudio) -> None:
        """Queue audio; the first frame behind silence leaves in this turn of the event loop."""
        if self._link.over:
            return
        self._link.loudspeaker.play(audio.response_id, audio.item_id, audio.audio)
        if self._starting is None:
            # Not in here: its report would come into the middle of the session's effects.
            self._starting = self._loop.call_soon(self._start)

    def _start(self) -> None:
        self._starting = None
        if not self._link.over:
            self._link.loudspeaker.start_at_once()

    def silence(self) -> None:
        """Stop playing, and drop what is queued."""
        self._link.loudspeaker.silence()
        self.played_on()

    def duck(self, *, on: bool) -> None:
        """Lower what is played, or restore it."""
        self._link.loudspeaker.duck(on=on)

    def played(self) -> Mapping[str, float]:
        """Return item id → ms played, of items that wait or play."""
        return self._link.loudspeaker.played()

    @property
    def has_room(self) -> bool:
        """Whether less than a minute of audio is queued, and the client reads its events."""
        return self._outbox.has_room and (self._link.loudspeaker.has_room or self._link.over)

    async def room(self) -> None:
        """Wait until there is room."""
        while not self.has_room:
            await self._outbox.room()
            if not self.has_room:
                self._room.clear()
                await self._room.wait()

    async def deliver(self, report: Callable[[PlaybackReport], None]) -> None:
        """Send queued events; return after `finish`, when the client has them all."""
        self._report = report
        for early in self._early:
            report(early)
        self._early.clear()
        try:
            await self._outbox.drain_into(self._write)
        except SlowReader:
            raise PeerStalled from None
        await self._link.all_arrived()

    def finish(self) -> None:
        """Accept no more events."""
        self._outbox.finish()

    async def send_at_once(self, event: ServerEvent) -> None:
        """Send an event ahead of the queue."""
        for written in self._dialect.render(event):
            text = self._fitting(written)
            await self._write(text if isinstance(text, str) else await in_turns(text.write()))

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close the connection; a data channel has no codes that could tell the reason."""
        await self._link.close()

    async def _write(self, text: str) -> None:
        if self._link.offer.channel is None:
            return
        if not await self._link.send_text(text):
            raise PeerGone


def without_media(event: WireEvent) -> WireEvent:
    """Return an event without the audio and the images of its item."""
    item = event.get("item")
    if not isinstance(item, dict) or not item.get("content"):
        return event
    content: list[dict[str, Any]] = [
        {name: value for name, value in part.items() if name not in ("audio", "image_url")}
        for part in item["content"]
    ]
    return {**event, "item": {**item, "content": content}}

"""What stands behind one client's session at a Realtime service: turns out, responses in.

The connection is opened when the session opens. When it is lost, what is under way fails, and the
next turn or response opens another one. A turn that was being spoken fails nothing: the whole of it
goes over the new connection at its end.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass

from loguru import logger

from audio.clip import Clip
from audio.pcm import WIRE_RATE
from hearing.cleaned_audio import cleaned
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.links.failures import LinkFailure, lost, nonsense
from providers.links.link import Address, Event
from providers.links.realtime_link import RealtimeLink, error_of
from providers.links.transcription import LEAST_BYTES, append, encoded, transcript_of, transcription
from session.ports import NO_WISHES, ResponseRequest, TranscriptionSettings
from upstream.failures import not_so
from upstream.generation import UpstreamGeneration
from upstream.openai.responses import Responses
from upstream.openai.turns import CommittedTurn, CommittedTurns, OpenTurn, Transcribing
from upstream.openai.wire import (
    include_update,
    response_create,
    session_update,
    transcription_update,
)
from upstream.service import UpstreamService, UpstreamSession
from upstream.turn_input import UpstreamTurns

STEP_BYTES = 48_000
"""Audio of one event: a second of it."""
RENEW_S = 120.0
"""Seconds before the end of the service's session from which a new one is opened, when all is
quiet."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How sessions are set up."""

    address: Address
    provider: UpstreamService
    transcription_model: str


class RealtimeUpstream(UpstreamSession):
    """One client's session at the service."""

    def __init__(self, setup: Setup) -> None:
        """Connect, in the background."""
        super().__init__(setup.provider)
        self._setup = setup
        self._numbers = itertools.count(1)
        self._ears = UpstreamTurns(self)
        self._open: OpenTurn | None = None
        self._turns = CommittedTurns()
        self._responses = Responses()
        self._telling: set[asyncio.Task[None]] = set()
        """Tasks that report transcripts which came too late."""
        self._link = self._connect()
        self._transcribing = self._told(transcription(setup.transcription_model, NO_WISHES))
        self._scored = False
        """Whether the service was asked for log probabilities."""

    def ears(self) -> UpstreamTurns:
        """Return what takes the frames of the session's turns."""
        return self._ears

    async def close(self) -> None:
        """End the connection."""
        self._turns.settle()
        await self._link.close()

    # --- turns ----------------------------------------------------------------------------------

    async def begin(self, turn: TurnStartedFrame) -> None:
        """A turn begins: its audio goes into the service's buffer."""
        if self._is_quiet and self._expires:
            await self._link.close()
            self._turns.lose(self._link)
        link = self._working()
        self._transcribe_as(turn.settings)
        self._open = OpenTurn(turn.recognition_id, link)

    async def hear(self, turn: TurnAudioFrame) -> None:
        """Send audio of the turn, unless it has to be sent as a whole at its end."""
        going = self._open
        if going is not None and going.recognition_id == turn.recognition_id and going.link.alive:
            going.sent += len(turn.audio)
            await self._append(going.link, turn.audio)

    async def commit(self, turn: TurnCommittedFrame) -> None:
        """Let the service make an item of a turn, whose transcript will come."""
        link, sent = self._working(), 0
        going = self._open
        if going is not None and going.recognition_id == turn.recognition_id:
            self._open = None
            sent = going.sent if going.link is link else 0
        elif going is not None:
            # Another turn is just being spoken: the whole of it is sent again at its end.
            link.send_soon({"type": "input_audio_buffer.clear"})
            self._open = None
        self._transcribe_as(turn.settings)
        rest = turn.audio[sent:]
        await self._append(link, rest + bytes(max(0, LEAST_BYTES - len(turn.audio))))
        event_id = self._next_id("commit")
        committed = CommittedTurn(
            turn.recognition_id,
            turn.item_id,
            link,
            self._transcribing,
            asyncio.get_running_loop().create_future(),
        )
        limit_s = self._patience.first_s
        committed.due = asyncio.get_running_loop().call_later(limit_s, self._too_late, committed)
        self._turns.add(committed, event_id)
        link.send_soon({"type": "input_audio_buffer.commit", "event_id": event_id})
        if self._transcribing.refusal is not None:
            await self._not_heard(committed, self._transcribing.refusal)

    async def discard(self, turn: TurnDiscardedFrame) -> None:
        """Drop a turn, and what the service has of it."""
        going = self._open
        if going is not None and going.recognition_id == turn.recognition_id:
            self._open = None
            if going.sent:
                going.link.send_soon({"type": "input_audio_buffer.clear"})
            return
        for known in self._turns.recognised(turn.recognition_id):
            known.settle()
            self._turns.forget(known)

    async def _append(self, link: RealtimeLink, pcm: bytes) -> None:
        for start in range(0, len(pcm), STEP_BYTES):
            await link.send(append(pcm[start : start + STEP_BYTES]))

    def _transcribe_as(self, wishes: TranscriptionSettings) -> None:
        wanted = transcription(self._setup.transcription_model, wishes)
        if wanted != self._transcribing.wanted:
            self._transcribing = self._told(wanted)
        if wishes.logprobs != self._scored:
            self._scored = wishes.logprobs
            self._link.send_soon(include_update(self._scored, self._next_id("include")))

    def _told(self, wanted: Event) -> Transcribing:
        """Tell the service how to transcribe the turns from here on."""
        event_id = self._next_id("transcription")
        self._link.send_soon(transcription_update(wanted, event_id))
        return Transcribing(wanted, event_id)

    def _too_late(self, turn: CommittedTurn) -> None:
        limit_s = self._patience.first_s
        failure = lost(f"no transcript within {limit_s:g} s")
        telling = asyncio.create_task(self._not_heard(turn, failure), name="no transcript")
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _not_heard(self, turn: CommittedTurn, failure: LinkFailure) -> None:
        if turn.due is not None:
            turn.settle()
            await self._ears.failed(turn.recognition_id, failure)

    # --- responses ------------------------------------------------------------------------------

    async def ask(self, asked: UpstreamGeneration) -> None:
        """Ask for a response, once it is known what the service calls the turns that it answers."""
        link = self._working()
        references: dict[str, str] = {}
        inline: dict[str, str] = {}
        for item_id, clip in _clips(asked.request):
            turn = self._turns.of_item(item_id)
            name = await asyncio.shield(turn.known) if turn and turn.link is link else None
            if name is not None:
                references[item_id] = name
            else:
                inline[item_id] = await asyncio.to_thread(_written, clip)
        if not link.alive:
            raise link.failure
        event_id = self._next_id("response")
        self._responses.ask(asked, event_id, link)
        await link.send(response_create(asked.request, references, inline, event_id))

    def give_up(self, asked: UpstreamGeneration, silent: bool) -> None:
        """Have nothing more made of a response."""
        found = self._responses.drop(asked)
        if silent:
            # Whatever it is that hangs, the next turn is not to hang with it.
            link = self._link if found is None else found[0]
            link.drop(lost("the service was silent for too long"))
        elif found is not None and found[1] is not None:
            found[0].send_soon({"type": "response.cancel", "response_id": found[1]})

    # --- the connection -------------------------------------------------------------------------

    def _connect(self) -> RealtimeLink:
        greeting = session_update(self._next_id("session"))
        return RealtimeLink(self._setup.address, greeting, self._came, self._ended)

    def _working(self) -> RealtimeLink:
        """Return the connection, opened again if it was lost."""
        if not self._link.alive:
            self._link = self._connect()
            self._transcribing = self._told(self._transcribing.wanted)
            self._scored = False
        return self._link

    @property
    def _is_quiet(self) -> bool:
        return not self._turns.any_due and not self._responses.any

    @property
    def _expires(self) -> bool:
        expires_at = self._link.expires_at
        return expires_at is not None and expires_at - time.time() < RENEW_S

    async def _ended(self, link: RealtimeLink, failure: LinkFailure) -> None:
        """Fail what was under way on a connection that is over."""
        logger.debug(f"an upstream connection ended: {failure.reason}")
        turns = self._turns.lose(link)
        for asked in self._responses.lose(link):
            asked.fail(failure)
        for turn in turns:
            await self._not_heard(turn, failure)

    async def _came(self, link: RealtimeLink, event: Event) -> None:
        """Take an event of the service."""
        try:
            match event:
                case {"type": "error"}:
                    await self._refused(link, event)
                case {"type": "input_audio_buffer.committed", "item_id": str(name)}:
                    self._turns.named(name)
                case {"type": str(kind), "item_id": str(name)} if kind.startswith(_TRANSCRIPTION):
                    await self._transcribed(kind.removeprefix(_TRANSCRIPTION), name, event)
                case {"type": str(kind)} if kind.startswith("response."):
                    cancelled = await self._responses.take(event)
                    if cancelled is not None:
                        link.send_soon({"type": "response.cancel", "response_id": cancelled})
        except (KeyError, TypeError, ValueError) as error:
            kind = str(event["type"])[:60]
            link.drop(nonsense(f"its event '{kind}' cannot be read ({type(error).__name__})"))

    async def _transcribed(self, kind: str, name: str, event: Event) -> None:
        turn = self._turns.of_name(name)
        if turn is None or turn.due is None:
            return
        if kind == "delta":
            turn.text += event.get("delta") or ""
            await self._ears.so_far(turn.recognition_id, turn.text)
        elif kind == "completed":
            turn.settle()
            await self._ears.understood(turn.recognition_id, transcript_of(event))
        elif kind == "failed":
            await self._not_heard(turn, error_of(event))

    async def _refused(self, link: RealtimeLink, event: Event) -> None:
        """Take an error: what it is about fails, if that is known."""
        failure = error_of(event)
        about = event["error"].get("event_id") if isinstance(event.get("error"), dict) else None
        asked = self._responses.refused(about)
        if asked is not None:
            asked.fail(failure)
            return
        if isinstance(about, str) and about.startswith("session"):
            link.drop(failure)
            return
        if isinstance(about, str) and about.startswith("transcription"):
            await self._not_transcribed(about, failure)
            return
        turn = self._turns.refused(about)
        if turn is not None:
            await self._not_heard(turn, failure)
            return
        logger.debug(f"the upstream sent an error: {failure.reason}")

    async def _not_transcribed(self, event_id: str, refused: LinkFailure) -> None:
        """Fail the transcripts of turns whose settings the service refused, and those to come."""
        failure = not_so(refused)
        if self._transcribing.event_id == event_id:
            self._transcribing.refusal = failure
        for turn in self._turns.transcribed_by(event_id):
            await self._not_heard(turn, failure)

    def _next_id(self, what: str) -> str:
        return f"{what}_{next(self._numbers)}"


_TRANSCRIPTION = "conversation.item.input_audio_transcription."


def _clips(request: ResponseRequest) -> list[tuple[str, Clip]]:
    """Return the audio that the model is to hear, by our ids of its items."""
    return [
        (part["item_id"], part["clip"])
        for message in request.messages
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "input_audio"
    ]


def _written(clip: Clip) -> str:
    return encoded(cleaned(clip, WIRE_RATE))

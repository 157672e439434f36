"""A conversation without WebSocket, JSON or base64: what a peer of another kind has to bring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.services.llm_service import LLMService

from config import LLMConfig
from peers.base import PeerGone
from peers.in_process import MANY, InProcessPeer
from pipeline_manager import PipelineManager
from providers.scripted import ScriptedLLM
from realtime_session import RealtimeSession
from serving.session_start import start_session
from session.effects import OutputAudio
from session.ports import CloseReason, ResponseRequest
from telemetry.metrics import Metrics
from telemetry.turn_log import TurnLog
from tests.support.running_server import scripted_settings
from tests.support.wire_client import speech
from transport import RealtimeTransport
from wire.client_events import (
    CloseSession,
    CommitAudio,
    CreateItem,
    CreateResponse,
    RetrieveItem,
    UpdateSession,
)
from wire.event_record import ServerEvent
from wire.item_fields import AudioPartFields, TextPartFields, UserMessageFields
from wire.response_events import ResponseDone
from wire.session_events import (
    BufferCommitted,
    BufferSpeechStarted,
    InputTranscriptionCompleted,
    ItemRetrieved,
    SessionCreated,
)

STORY = "Once upon a time there was a lighthouse. A girl lived there with her grandfather."


class RecordingLLM(ScriptedLLM):
    """A scripted model that keeps what it was asked."""

    def __init__(self, config: LLMConfig) -> None:
        super().__init__(config)
        self.requests: list[ResponseRequest] = []

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        self.requests.append(request)
        return super().create(request)


class Call:
    """A client in this process, and what it got so far."""

    def __init__(self, peer: InProcessPeer, llm: RecordingLLM) -> None:
        self.peer = peer
        self.llm = llm
        self.got: list[ServerEvent | OutputAudio] = []

    async def until(self, wanted: Callable[[ServerEvent | OutputAudio], bool]) -> Any:
        async with asyncio.timeout(20):
            while True:
                got = await self.peer.get()
                self.got.append(got)
                if wanted(got):
                    return got

    async def until_a(self, kind: type[Any]) -> Any:
        return await self.until(lambda got: isinstance(got, kind))

    def types(self) -> list[str]:
        """Types of the events so far, with runs of the same type as one; audio is `audio`."""
        names = ["audio" if isinstance(got, OutputAudio) else got.type for got in self.got]
        return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]


@asynccontextmanager
async def call(text: str = "Hi there.", word_ms: float = 1) -> AsyncIterator[Call]:
    settings = scripted_settings(
        llm={"text": text, "word_ms": word_ms},
        limits={"append_burst_s": 3600},
        # An answer must not come from a pause: its events would be others.
        vad={"speculative": False},
    )
    llm = RecordingLLM(settings.llm)
    manager = PipelineManager(settings, llm=llm)
    await manager.start()
    config = start_session(settings, manager.capabilities, "realtime", "gpt-realtime")
    peer = InProcessPeer()
    log = TurnLog(config.id, Metrics())
    transport = RealtimeTransport(RealtimeSession(config), manager, log, peer)
    running = asyncio.create_task(transport.run())
    try:
        made = Call(peer, llm)
        await made.until_a(SessionCreated)
        yield made
    finally:
        peer.leave()
        await running
        await manager.close()


async def test_a_spoken_turn_is_heard_and_answered() -> None:
    """The order of §B.3, with audio as bytes."""
    async with call() as caller:
        caller.peer.append(speech())
        done: ResponseDone = await caller.until_a(ResponseDone)
        assert done.response["status"] == "completed"
        assert caller.types() == [
            "session.created",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "audio",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        played = b"".join(got.audio for got in caller.got if isinstance(got, OutputAudio))
        assert any(played) and len(played) % 2 == 0
        (item,) = done.response["output"]
        assert {got.item_id for got in caller.got if isinstance(got, OutputAudio)} == {item["id"]}


async def test_whoever_speaks_into_an_answer_silences_it_and_the_model_knows_what_was_played() -> (
    None
):
    """The order of §B.5 on a peer that plays the audio itself, and says how far it has got."""
    # The model is still at it when the user speaks.
    async with call(STORY, word_ms=200) as caller:
        caller.peer.append(speech())
        audio: OutputAudio = await caller.until_a(OutputAudio)
        # Of some seconds that are made at once, the client has heard four tenths of one.
        caller.peer.report_played(audio.item_id, 400)
        before = caller.peer.silenced
        caller.peer.append(speech())
        started = await caller.until_a(BufferSpeechStarted)
        assert caller.peer.silenced > before
        cancelled: ResponseDone = await caller.until_a(ResponseDone)
        assert cancelled.response["status_details"]["reason"] == "turn_detected"
        since = caller.got[caller.got.index(started) :]
        assert [got.type for got in since if not isinstance(got, OutputAudio)] == [
            "input_audio_buffer.speech_started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        assert not [got for got in since if isinstance(got, OutputAudio)], "it played on"
        await caller.until_a(ResponseDone)
        (said,) = [
            message["content"]
            for message in caller.llm.requests[-1].messages
            if message["role"] == "assistant"
        ]
        assert STORY.startswith(said), said
        assert 0 < len(said) < len(STORY) / 2, "as much as was played, and no more"


async def test_items_carry_text_and_audio_as_they_are() -> None:
    async with call("Yes.") as caller:
        part = TextPartFields(type="input_text", text="hello")
        message = UserMessageFields(type="message", role="user", content=[part])
        caller.peer.put(CreateItem(type="conversation.item.create", item=message))
        caller.peer.put(CreateResponse(type="response.create"))
        await caller.until_a(ResponseDone)
        assert caller.llm.requests[-1].messages == [{"role": "user", "content": "hello"}]


async def test_small_chunks_that_the_client_commits_are_all_in_the_turn() -> None:
    """They are collected on the way, and the last of them come with the commit."""
    async with call() as caller:
        manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        caller.peer.put(UpdateSession.model_validate({"type": "session.update", "session": manual}))
        spoken = speech()[: 48 * 330]
        for start in range(0, len(spoken), 960):
            caller.peer.append(spoken[start : start + 960])
        caller.peer.put(CommitAudio(type="input_audio_buffer.commit"))
        committed: BufferCommitted = await caller.until_a(BufferCommitted)
        caller.peer.put(RetrieveItem(type="conversation.item.retrieve", item_id=committed.item_id))
        retrieved: ItemRetrieved = await caller.until_a(ItemRetrieved)
        (part,) = retrieved.item["content"]
        assert part["audio"] == spoken


async def test_audio_in_an_item_is_bytes() -> None:
    async with call("Yes.") as caller:
        part = AudioPartFields.of(speech()[:48_000], transcript="hello there")
        message = UserMessageFields(type="message", role="user", content=[part])
        caller.peer.put(CreateItem(type="conversation.item.create", item=message))
        caller.peer.put(CreateResponse(type="response.create"))
        await caller.until_a(ResponseDone)
        assert caller.llm.requests[-1].messages == [{"role": "user", "content": "hello there"}]


def test_audio_that_nobody_decoded_is_not_taken_for_silence() -> None:
    part = AudioPartFields(type="input_audio", audio="AAAA")
    with pytest.raises(ValueError, match="never decoded"):
        print(part.content)


async def test_the_client_ends_the_session_and_learns_why() -> None:
    async with call() as caller:
        caller.peer.put(CloseSession(type="session.close"))
        with pytest.raises(PeerGone):
            await caller.until_a(InputTranscriptionCompleted)
        assert caller.peer.closed == (CloseReason.CLIENT_DONE, "")


async def test_the_server_waits_for_a_client_that_takes_nothing() -> None:
    peer = InProcessPeer()
    for _ in range(MANY):
        peer.play(OutputAudio("resp", "item", 0, 0, b"\0\0"))
    assert not peer.has_room
    waiting = asyncio.create_task(peer.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await peer.get()
    await waiting
    assert peer.has_room

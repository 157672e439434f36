"""The official SDK's calls, with aiortc as the media: `calls.create`, sidebands, `hangup`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from openai.types.realtime import RealtimeConversationItemUserMessageParam
from websockets.exceptions import InvalidStatus

from audio.pcm import read_wav, silence
from config import load_settings
from tests.support.caller import Caller
from tests.support.fake_openai import FakeOpenAI
from tests.support.keys import KEY
from tests.support.places import DATA
from tests.support.running_server import SCRIPTED, RunningServer, running, serving

SENTENCE = silence(300) + read_wav(DATA / "flite-slt_s01.wav")
SESSION: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "audio": {
        "input": {"transcription": {"model": "whisper-1"}},
        "output": {"voice": "marin"},
    },
}
LONG_REPLY = [f" word{number}" for number in range(60)]
"""An answer that takes some ten seconds to say, and no time to make."""
WORD_MS = 20 * len(LONG_REPLY[-1])
"""How long the scripted voice takes for a word."""
BUFFER_MS = 300
"""What aiortc's player holds back, and frames that are half sound."""


@asynccontextmanager
async def served(**changed: Any) -> AsyncIterator[tuple[RunningServer, AsyncOpenAI]]:
    """Run a server with a key, and the SDK with that key."""
    settings = load_settings(**{**SCRIPTED, "server": {"api_keys": [KEY]}, **changed})
    async with (
        running(settings) as server,
        AsyncOpenAI(api_key=KEY, base_url=f"{server.http}/v1", max_retries=0) as client,
    ):
        yield server, client


def written(text: str) -> RealtimeConversationItemUserMessageParam:
    """Return an item of the user."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


@asynccontextmanager
async def calling(client: AsyncOpenAI, **options: Any) -> AsyncIterator[tuple[Caller, str]]:
    """Make a call with the SDK; yields the caller and the call's id."""
    caller = Caller()
    try:
        answer = await client.realtime.calls.create(sdp=await caller.offer(), **options)
        assert answer.response.status_code == 201
        assert answer.response.headers["Content-Type"].startswith("application/sdp")
        location = answer.response.headers["Location"]
        assert location.startswith("/v1/realtime/calls/rtc_")
        await caller.accept(answer.text)
        yield caller, location.rpartition("/")[2]
    finally:
        await caller.leave()


async def test_an_offer_alone_makes_a_call_of_the_usual_session():
    async with served() as (_, client), calling(client) as (caller, _):
        assert caller.types() == ["session.created"]
        caller.mouth.say(SENTENCE)
        await caller.until("output_audio_buffer.stopped")
        assert caller.sound_ms > 100
        assert "response.output_audio.delta" not in caller.types()
        assert [e["response"]["status"] for e in caller.of("response.done")] == ["completed"]


async def test_a_session_that_comes_with_the_offer_is_the_calls():
    async with served() as (_, client), calling(client, session=SESSION) as (caller, _):
        session = caller.events[0]["session"]
        assert session["instructions"] == "Be brief."
        assert session["audio"]["output"]["voice"] == "marin"
        caller.mouth.say(SENTENCE)
        await caller.until("output_audio_buffer.stopped")
        kind = "conversation.item.input_audio_transcription.completed"
        assert [event["transcript"] for event in caller.of(kind)] == ["hello there"]


async def test_a_sideband_sees_and_steers_the_call():
    async with served() as (_, client), calling(client, session=SESSION) as (caller, call_id):
        async with client.realtime.connect(call_id=call_id) as sideband:
            await sideband.session.update(session={"type": "realtime", "instructions": "Whisper."})
            updated = await sideband.recv()
            assert updated.type == "session.updated"
            assert updated.session.to_dict()["instructions"] == "Whisper."
            await caller.until("session.updated")
            await sideband.conversation.item.create(item=written("hello"))
            await sideband.response.create()
            seen: list[str] = []
            while not seen or seen[-1] != "output_audio_buffer.stopped":
                seen.append((await sideband.recv()).type)
        await caller.until("output_audio_buffer.stopped")
        assert [type_ for type_ in caller.types() if type_ in seen][1:] != []
        assert caller.types()[-len(seen) :] == seen
        assert "output_audio_buffer.started" in seen
        assert "response.output_audio.delta" not in seen
        assert caller.sound_ms > 100
        # The sideband has left, and the call goes on.
        await caller.settled()


async def test_errors_and_what_was_asked_for_go_to_who_asked_alone():
    async with (
        served() as (_, client),
        calling(client, session=SESSION) as (caller, call_id),
        client.realtime.connect(call_id=call_id) as one,
        client.realtime.connect(call_id=call_id) as other,
    ):
        await one.conversation.item.retrieve(item_id="item_of_nobody")
        assert (await one.recv()).type == "error"
        caller.send("conversation.item.delete", item_id="item_of_nobody")
        await caller.until("error")
        await caller.settled()
        assert caller.types() == ["session.created", "error", "input_audio_buffer.cleared"]
        assert [(await one.recv()).type, (await other.recv()).type] == [
            "input_audio_buffer.cleared",
            "input_audio_buffer.cleared",
        ]


async def test_hanging_up_ends_the_call_and_its_sideband_once():
    async with (
        served() as (server, client),
        calling(client) as (caller, call_id),
        client.realtime.connect(call_id=call_id) as sideband,
    ):
        await client.realtime.calls.hangup(call_id)
        assert [event async for event in sideband] == []
        await caller.ended()
        with pytest.raises(NotFoundError) as refused:
            await client.realtime.calls.hangup(call_id)
        assert refused.value.code == "call_id_not_found"
        await server.emptied()


async def test_what_a_sideband_asks_for_is_sound_and_silence_for_the_caller():
    async with (
        served(llm={"provider": "embedded"}) as (_, client),
        calling(client, session=SESSION) as (caller, call_id),
        client.realtime.connect(call_id=call_id) as sideband,
    ):
        await sideband.conversation.item.create(item=written("tell me a long story"))
        await sideband.response.create()
        await caller.so(lambda: caller.sound_ms > 100, "sound")
        await sideband.response.cancel()
        await sideband.output_audio_buffer.clear()
        await caller.until("output_audio_buffer.cleared")
        await caller.until("conversation.item.truncated")


async def test_the_model_is_told_what_was_heard_of_an_answer():
    fake = FakeOpenAI()
    fake.reply = LONG_REPLY
    async with serving(fake.app) as port:
        model = {"provider": "openai", "model": "llama-x", "api_key": "secret-key"}
        model["api_base"] = f"http://127.0.0.1:{port}/v1"
        async with (
            served(llm=model) as (_, client),
            calling(client, session=SESSION) as (caller, _),
        ):
            caller.send("response.create")
            await caller.until("response.done")
            await caller.so(lambda: caller.sound_ms >= 2000, "two seconds of sound")
            caller.mouth.say(SENTENCE)
            await caller.until("output_audio_buffer.cleared")
            heard_ms = caller.sound_ms
            await caller.until("conversation.item.truncated")
            await caller.until("response.done", 2)
    order = [
        "output_audio_buffer.started",
        "response.done",
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert [type_ for type_ in caller.types() if type_ in order][: len(order)] == order
    (truncated,) = caller.of("conversation.item.truncated")
    # A busy machine plays late, and never ahead.
    assert 0 < truncated["audio_end_ms"] < heard_ms + BUFFER_MS
    (said,) = [m["content"] for m in fake.chats[1]["messages"] if m["role"] == "assistant"]
    words = [word for word in said.split() if word.startswith("word")]
    assert words == "".join(LONG_REPLY).split()[: len(words)]
    assert abs(len(words) - truncated["audio_end_ms"] / WORD_MS) < 4


async def test_an_unknown_call_has_no_sideband():
    async with served() as (_, client):
        with pytest.raises(InvalidStatus) as refused:
            async with client.realtime.connect(call_id="rtc_of_nobody"):
                pass
    assert refused.value.response.status_code == 404


async def test_an_offer_that_is_none_is_refused_in_words():
    async with served() as (_, client):
        with pytest.raises(BadRequestError) as refused:
            await client.realtime.calls.create(sdp="this is no offer")
    assert refused.value.code == "invalid_offer"
    assert "offer" in refused.value.message.lower() or "SDP" in refused.value.message

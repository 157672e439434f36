"""The official SDK and the embedded stack: nothing is faked, nothing needs a key or a download."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from config import load_settings
from tests.support.running_server import RunningServer, running
from tests.support.sdk_client import connected, say, stream, until
from tests.support.wire_client import speech

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    settings = load_settings(
        **{kind: {"provider": "embedded"} for kind in ("stt", "llm", "tts")},
    )
    async with running(settings) as running_server:
        yield running_server


def spoken(events: list[Any]) -> bytes:
    return b"".join(
        base64.b64decode(event.delta)
        for event in events
        if event.type == "response.output_audio.delta"
    )


async def test_a_spoken_question_is_understood_and_answered_aloud(server):
    async with connected(server) as connection:
        session: Any = {
            "type": "realtime",
            "audio": {"input": {"transcription": {"model": "whisper-1"}}},
        }
        await connection.session.update(session=session)
        await until(connection, "session.updated")
        await stream(connection, speech("flite-slt_s01"))
        events = await until(connection, "response.done")
        kinds = [event.type for event in events]
        order = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "response.created",
            "response.output_item.added",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.done",
        ]
        assert [kinds.index(kind) for kind in order] == sorted(kinds.index(k) for k in order)
        transcript = next(e.transcript for e in events if e.type.endswith("cription.completed"))
        assert "how are you" in transcript
        assert events[-1].response.status == "completed"
        audio = np.frombuffer(spoken(events), dtype="<i2")
        assert len(audio) > 24000 / 2
        assert np.abs(audio).max() > 1000


async def test_the_reply_is_intelligible_to_the_recogniser(server):
    """Only the flite voice is clear enough to hold the recogniser to its words."""
    async with connected(server) as connection:
        events = await say(connection, "Say exactly: what is the weather like in london")
        reply = spoken(events)
        stt = server.manager.stt
        # What the recogniser makes of the voice goes back in as a user's turn.
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"turn_detection": None, "transcription": {}}},
            }
        )
        await stream(connection, reply)
        await connection.input_audio_buffer.commit()
        events = await until(connection, "conversation.item.input_audio_transcription.completed")
        heard = set(events[-1].transcript.split())
        wanted = {"what", "is", "the", "weather", "like", "in", "london"}
        needed = 5 if "flite" in server.manager.tts.label else 1
        assert len(heard & wanted) >= needed, (stt.label, events[-1].transcript)


async def test_talking_over_the_long_story_stops_it(server):
    async with connected(server) as connection:
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "tell me a long story"}],
            }
        )
        await connection.response.create()
        events = await until(connection, "response.output_audio.delta")
        first = events[-1].response_id
        await stream(connection, speech("flite-slt_s01"))
        events = await until(connection, "response.done")
        response = events[-1].response
        assert response.id == first
        assert response.status == "cancelled"
        assert response.status_details.reason == "turn_detected"
        after = await until(connection, "response.done")
        assert not [e for e in after if getattr(e, "response_id", None) == first]


async def test_a_tool_is_called_when_the_words_name_it(server):
    tool: Any = {
        "type": "function",
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
    async with connected(server) as connection:
        await connection.session.update(session={"type": "realtime", "tools": [tool]})
        events = await say(connection, "what is the weather in Oslo?")
        call = events[-1].response.output[0]
        assert (call.type, call.name) == ("function_call", "get_weather")
        assert "Oslo" in call.arguments
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "21C, sunny"}
        )
        await connection.response.create()
        events = await until(connection, "response.done")
        assert "21C" in events[-1].response.output[0].content[0].transcript


async def test_chinese_text_is_answered_in_spoken_chinese(server):
    async with connected(server) as connection:
        events = await say(connection, "你好")
        answer = events[-1].response.output[0].content[0].transcript
        assert any("一" <= char <= "鿿" for char in answer)
        assert np.abs(np.frombuffer(spoken(events), dtype="<i2")).max() > 1000


async def test_a_second_session_loads_nothing(server, monkeypatch):
    processes = server.manager.stt.pids
    monkeypatch.setattr(server.manager.stt, "start", None)
    async with connected(server) as one, connected(server) as two:
        await say(one, "hello")
        await say(two, "hello")
        assert server.manager.stt.pids == processes


async def test_what_the_recogniser_cannot_do_is_refused_by_name(server):
    async with connected(server) as connection:
        session: Any = {
            "type": "realtime",
            "audio": {"input": {"transcription": {"language": "fr"}}},
        }
        await connection.session.update(session=session)
        events = await until(connection, "error")
        assert server.manager.stt.label in events[-1].error.message
        assert events[-1].error.param == "session.audio.input.transcription.language"

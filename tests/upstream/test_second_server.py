"""A second server of ours as the upstream, with the official SDK as the client."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from config import load_settings
from pipeline_manager import pipelines_for
from tests.support.running_server import RunningServer, running
from tests.support.sdk_client import TOOL, connected, say, stream, until
from tests.support.upstream_stack import upstream_settings
from tests.support.wire_client import speech

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    embedded = {kind: {"provider": "embedded"} for kind in ("stt", "llm", "tts")}
    async with running(load_settings(**embedded)) as second:
        settings = upstream_settings(f"ws://127.0.0.1:{second.port}/v1/realtime")
        async with running(settings, pipelines_for(settings)) as first:
            yield first


async def test_a_spoken_question_is_understood_and_answered_aloud(server):
    async with connected(server) as connection:
        transcription = {"transcription": {"model": "gpt-transcribe"}}
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": transcription}}  # type: ignore[arg-type, misc]
        )
        await stream(connection, speech("flite-slt_s01"))
        events = await until(connection, "response.done")
        done = events[-1].response
        assert done.status == "completed"
        if not any(event.type.endswith("transcription.completed") for event in events):
            events += await until(
                connection, "conversation.item.input_audio_transcription.completed"
            )
        transcript = next(e.transcript for e in events if e.type.endswith("cription.completed"))
        assert "how are you" in transcript.lower()
        audio = [event for event in events if event.type == "response.output_audio.delta"]
        assert sum(len(base64.b64decode(event.delta)) for event in audio) > 24000
        assert done.usage.output_token_details.audio_tokens > 0


async def test_a_tool_is_called_and_its_result_spoken(server):
    async with connected(server) as connection:
        await connection.session.update(session={"type": "realtime", "tools": [TOOL]})
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


async def test_talking_over_a_story_stops_it_and_is_answered(server):
    async with connected(server) as connection:
        content: Any = [{"type": "input_text", "text": "tell me a long story"}]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create()
        events = await until(connection, "response.output_audio.delta")
        first, item_id = events[-1].response_id, events[-1].item_id
        await stream(connection, speech("flite-slt_s01"))
        await connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=100
        )
        after = await until(connection, "response.done")
        if after[-1].response.id == first:
            assert after[-1].response.status in ("cancelled", "completed")
            after = await until(connection, "response.done")
        assert after[-1].response.status == "completed"


async def test_a_picture_is_passed_on_or_refused_by_name(server):
    """The model of the second server takes none: it says so, and that is what is told."""
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
        "rkJggg=="
    )
    async with connected(server) as connection:
        content: Any = [{"type": "input_image", "image_url": f"data:image/png;base64,{pixel}"}]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1].response
        assert done.status == "failed"
        assert "Upstream gpt-realtime at 127.0.0.1 failed" in done.status_details.error.message
        assert "image" in done.status_details.error.message

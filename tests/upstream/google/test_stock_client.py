"""google-genai's own live client against the loopback, and OpenAI's before our server.

The first shows that the loopback takes what Google's client sends; the second that a client of
OpenAI's needs to know nothing of Gemini.
"""

from __future__ import annotations

import base64
from typing import Any

from google import genai
from google.genai import types

from pipeline_manager import pipelines_for
from tests.support.fake_live import KEY, SOUND, fake_live
from tests.support.live_stack import live_settings
from tests.support.running_server import running
from tests.support.sdk_client import TOOL, connected, say, stream, until
from tests.support.wire_client import speech


async def test_google_s_own_client_understands_the_loopback(monkeypatch):
    async with fake_live() as service:
        sdk = genai.Client(api_key=KEY, vertexai=False)
        # It dials `wss:` alone.
        api = sdk.aio.live._api_client
        monkeypatch.setattr(api, "_websocket_base_url", lambda _options=None: service.base)
        monkeypatch.setattr(api, "_websocket_ssl_ctx", {"proxy": None})
        detection = types.AutomaticActivityDetection(disabled=True)
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            system_instruction="Be brief.",
            input_audio_transcription=types.AudioTranscriptionConfig(),
            output_audio_transcription=types.AudioTranscriptionConfig(),
            realtime_input_config=types.RealtimeInputConfig(automatic_activity_detection=detection),
            history_config=types.HistoryConfig(initial_history_in_client_content=True),
        )
        async with sdk.aio.live.connect(model="gemini-3.8-live", config=config) as live:
            before = types.Content(role="user", parts=[types.Part(text="Hello.")])
            await live.send_client_content(turns=before, turn_complete=True)
            await live.send_realtime_input(activity_start=types.ActivityStart())
            blob = types.Blob(data=SOUND, mime_type="audio/pcm;rate=16000")
            await live.send_realtime_input(audio=blob)
            await live.send_realtime_input(activity_end=types.ActivityEnd())
            messages = [message async for message in live.receive()]
        contents = [message.server_content for message in messages if message.server_content]
        said = [one.output_transcription for one in contents if one.output_transcription]
        assert "".join(one.text or "" for one in said) == "It is sunny, and warm."
        (call,) = service.calls
        assert call.history == [("user", "Hello.")]
        assert bytes(call.audio) == SOUND


async def test_openai_s_client_talks_and_calls_tools():
    tools: list[Any] = [("get_weather", {"city": "Oslo"})]
    async with fake_live(tools=tools) as service:
        settings = live_settings(service.base)
        async with (
            running(settings, pipelines_for(settings)) as server,
            connected(server) as connection,
        ):
            await connection.session.update(session={"type": "realtime", "tools": [TOOL]})
            call = (await say(connection, "weather in Oslo?"))[-1].response.output[0]
            assert (call.name, call.arguments) == ("get_weather", '{"city": "Oslo"}')
            output = {"type": "function_call_output", "call_id": call.call_id, "output": "21C"}
            await connection.conversation.item.create(item=output)  # type: ignore[arg-type]
            await connection.response.create()
            await until(connection, "response.done")
            await stream(connection, speech())
            events = await until(connection, "response.done")
        deltas = [one.delta for one in events if one.type == "response.output_audio.delta"]
        assert b"".join(map(base64.b64decode, deltas)) == SOUND * 3
        assert service.calls[0].results[0]["response"] == {"output": "21C"}

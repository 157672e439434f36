"""The official `openai` package for Node, unmodified: its realtime clients, for OpenAI and Azure.

Whatever base URL it is given, the package connects by `wss:`, so the server gets a TLS front.
"""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_node
from tests.foreign_clients.tls import tls_front
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

NATIVE = "--experimental-websocket"
"""Node 20 has the WebSocket of browsers behind this option; later versions accept it as well."""


@pytest.fixture(scope="module", params=["openai ws", "openai native", "azure ws", "azure native"])
async def report(request, tmp_path_factory) -> Report:
    service, transport = request.param.split()
    options = [NATIVE] if transport == "native" else []
    folder = tmp_path_factory.mktemp("tls")
    async with (
        running(scripted_settings(llm={"provider": "embedded"})) as server,
        tls_front(server.port, folder) as front,
    ):
        url = f"https://127.0.0.1:{front.port}"
        return await run_node(
            "drive_openai", url, service, transport, options=options, trust=front.certificate
        )


def transcripts(lines):
    return [
        part["transcript"]
        for line in of(lines, "response")
        for item in line["response"]["output"]
        for part in item.get("content", [])
    ]


async def test_a_written_message_is_answered_aloud(report):
    lines = report.scenario("text")
    assert last(lines, "response")["response"]["status"] == "completed"
    assert transcripts(lines)[0]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_spoken_turn_is_found_transcribed_and_answered(report):
    lines = report.scenario("audio")
    assert last(lines, "heard")["transcript"] == "hello there"
    types = last(lines, "types")["types"]
    order = [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "response.created",
        "response.done",
    ]
    assert [type_ for type_ in types if type_ in order] == order
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_function_is_called_and_its_output_spoken(report):
    lines = report.scenario("tool")
    call = last(lines, "call")
    assert call["name"] == "get_weather"
    assert "Oslo" in call["arguments"]
    assert "21C" in transcripts(lines)[-1]

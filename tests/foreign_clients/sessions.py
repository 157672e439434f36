"""Ten conversations of stock clients, each with what the server under test is to answer.

`record.py` has them recorded into `tests/data/recordings`; what is recorded is replayed against the
server, and served to the same clients.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import LLMRunFrame, TranscriptionFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService

from audio.g711 import RATE as TELEPHONE_RATE
from audio.g711 import encode
from audio.pcm import WIRE_RATE
from tests.foreign_clients.installed import run_node, run_python
from tests.foreign_clients.pipecat_bot import PipecatBot, piped
from tests.foreign_clients.tls import tls_front
from tests.support.sdk_client import TOOL
from tests.support.wire_client import PATIENCE_S, speech

WEATHER = {"calls": {"name": "get_weather", "arguments": {"city": "Oslo"}}, "when": "weather"}
SUNNY = {"answers": "21C and sunny in Oslo."}
"""What the model says of the result."""
STORY = {
    "stalls": 6,
    "answers": "Once upon a time. There was a king who never came to an end.",
    "when": "story",
}
"""An answer that is still being given when somebody stops it."""
PIECE_S = 0.1
"""What a microphone delivers at a time."""


@dataclass(frozen=True)
class Session:
    """What a client does, and what the server is to do."""

    drive: Callable[[str], Awaitable[None]]
    """Holds the conversation with the server at an address such as `http://127.0.0.1:8000`."""
    rules: Sequence[dict[str, Any]]
    """Of the script."""
    virtual: bool = False
    """Whether the server has a virtual clock: what a client does amid speech that it sends faster
    than that is spoken is otherwise a race, and not the same each time."""


# --- openai, for Python ---------------------------------------------------------------------------


@asynccontextmanager
async def _openai(http: str) -> AsyncIterator[AsyncRealtimeConnection]:
    sdk = AsyncOpenAI(api_key="none", base_url=f"{http}/v1")
    async with asyncio.timeout(PATIENCE_S), sdk.realtime.connect(model="gpt-realtime") as connected:
        yield connected
    await sdk.close()


async def _until(connection: AsyncRealtimeConnection, type_: str) -> Any:
    async for event in connection:
        if event.type == type_:
            return event
    raise AssertionError(f"the connection was closed before {type_}")


async def _ask(connection: AsyncRealtimeConnection, text: str) -> None:
    content: Any = [{"type": "input_text", "text": text}]
    item: Any = {"type": "message", "role": "user", "content": content}
    await connection.conversation.item.create(item=item)
    await connection.response.create()


async def _openai_tools(http: str) -> None:
    """Two functions at once, whose outputs are answered; then an answer in writing, and errors."""
    async with _openai(http) as connection:
        time = {**TOOL, "name": "get_time", "description": "Time in a city"}
        tools: Any = {"type": "realtime", "instructions": "Be brief.", "tools": [TOOL, time]}
        await connection.session.update(session=tools)
        await _until(connection, "session.updated")
        await _ask(connection, "What are the weather and the time in Oslo?")
        done = await _until(connection, "response.done")
        for call, output in zip(done.response.output, ("21C and sunny", "noon"), strict=True):
            made: Any = {"type": "function_call_output", "call_id": call.call_id, "output": output}
            await connection.conversation.item.create(item=made)
        await connection.response.create()
        spoken = (await _until(connection, "response.done")).response.output[0]
        await connection.conversation.item.delete(item_id=spoken.id)
        await _until(connection, "conversation.item.deleted")
        written: Any = {"type": "realtime", "output_modalities": ["text"]}
        await connection.session.update(session=written)
        await _until(connection, "session.updated")
        await _ask(connection, "Say it in writing.")
        await _until(connection, "response.done")
        await connection.conversation.item.retrieve(item_id=spoken.id, event_id="of-the-client")
        await _until(connection, "error")
        await _ask(connection, "And once more?")
        await _until(connection, "response.done")


async def _openai_telephone(http: str) -> None:
    """G.711, as fast as it is spoken: a turn, and another one that interrupts its answer."""
    async with _openai(http) as connection:
        form = {"type": "audio/pcmu"}
        heard = {
            "format": form,
            "turn_detection": {"type": "server_vad"},
            "transcription": {"model": "whisper-1"},
        }
        audio = {"input": heard, "output": {"format": form}}
        told: Any = {"type": "realtime", "audio": audio}
        await connection.session.update(session=told)
        await _until(connection, "session.updated")
        samples = np.frombuffer(speech(), np.int16)
        slow = soxr.resample(samples, WIRE_RATE, TELEPHONE_RATE).astype("<i2").tobytes()
        spoken = encode(slow, "ulaw")
        async with asyncio.TaskGroup() as speaking:
            speaking.create_task(_speak(connection, spoken))
            playing = await _until(connection, "response.output_audio.delta")
        async with asyncio.TaskGroup() as speaking:
            speaking.create_task(_speak(connection, spoken))
            await _until(connection, "input_audio_buffer.speech_started")
            await connection.conversation.item.truncate(
                item_id=playing.item_id, content_index=0, audio_end_ms=500
            )
            await _until(connection, "response.done")
            await _until(connection, "response.done")


async def _speak(connection: AsyncRealtimeConnection, spoken: bytes) -> None:
    step = int(TELEPHONE_RATE * PIECE_S)
    for start in range(0, len(spoken), step):
        piece = base64.b64encode(spoken[start : start + step]).decode()
        await connection.input_audio_buffer.append(audio=piece)
        await asyncio.sleep(PIECE_S)


# --- Pipecat --------------------------------------------------------------------------------------


async def _pipecat(http: str) -> None:
    """A bot that greets, is spoken to, and calls a function."""
    function = FunctionSchema("get_weather", "Weather of a city", {"city": {"type": "string"}}, [])
    listening = AudioInput(transcription=InputAudioTranscription())
    service = OpenAIRealtimeLLMService(
        api_key="none",
        base_url=f"{http.replace('http', 'ws', 1)}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction="Be brief.",
            session_properties=SessionProperties(audio=AudioConfiguration(input=listening)),
        ),
    )

    async def get_weather(params: FunctionCallParams) -> None:
        await params.result_callback({"weather": f"21C and sunny in {params.arguments['city']}"})

    service.register_function("get_weather", get_weather)
    context = LLMContext([{"role": "user", "content": "Greet me."}], ToolsSchema([function]))
    pair = LLMContextAggregatorPair(context)
    async with piped(service, [pair.user()], [pair.assistant()]) as bot:
        await bot.push(LLMRunFrame())
        await bot.answered(1)
        await bot.speak()
        await bot.until(lambda: "sunny" in bot.text())
        await bot.answered(3)


async def _pipecat_transcription(http: str) -> None:
    """Turns that the server finds, in a session that only transcribes."""
    service = OpenAIRealtimeSTTService(
        api_key="none",
        base_url=f"{http.replace('http', 'ws', 1)}/v1/realtime",
        turn_detection={"type": "server_vad"},
        settings=OpenAIRealtimeSTTService.Settings(model="gpt-transcribe", prompt="Hello."),
    )
    async with piped(service) as bot:
        for count in (1, 2):
            await bot.speak()
            await bot.until(partial(_heard, bot, count))


def _heard(bot: PipecatBot, count: int) -> bool:
    return len(bot.of(TranscriptionFrame)) == count


# --- those that are installed apart ---------------------------------------------------------------


async def _openai_agents(http: str) -> None:
    """Speech over an answer, which the client truncates."""
    report = await run_python("openai-agents", _url(http), only="barge_in")
    report.scenario("barge_in")


async def _pydantic_ai(http: str) -> None:
    """An answer is cut off by its user, and the next is given."""
    report = await run_python("pydantic-ai", http, "openai", only="interruption")
    report.scenario("interruption")


async def _agents_js(http: str) -> None:
    """A tool is run and its result spoken."""
    (await run_node("drive_agents", _url(http), only="tool")).scenario("tool")


async def _openai_js(http: str) -> None:
    """A spoken turn; the package speaks TLS alone."""
    port = int(http.rpartition(":")[2])
    with tempfile.TemporaryDirectory() as folder:
        async with tls_front(port, Path(folder)) as front:
            place = f"https://127.0.0.1:{front.port}"
            arguments = (place, "openai", "ws")
            report = await run_node(
                "drive_openai", *arguments, trust=front.certificate, only="audio"
            )
    report.scenario("audio")


async def _azure_js(http: str) -> None:
    """Azure's paths and the beta dialect: audio that the client commits."""
    (await run_node("drive_rt_client", http, "azure", only="manual")).scenario("manual")


async def _reference_js(http: str) -> None:
    """The beta dialect: an answer is cancelled, and the next is given."""
    url = f"{http.replace('http', 'ws', 1)}/v1/realtime"
    (await run_node("drive_reference_client", url, only="cancelled")).scenario("cancelled")


def _url(http: str) -> str:
    return f"{http.replace('http', 'ws', 1)}/v1/realtime?model=gpt-realtime"


HEARS = {"hears": "hello, how are you doing today"}
WELL = {"answers": "Very well.", "when": "how are you"}
HELLO = {"answers": "Hello.", "when": "hello"}

SESSIONS = {
    "openai-python-tools": Session(
        _openai_tools,
        [
            {
                "calls": [
                    {"name": "get_weather", "arguments": {"city": "Oslo"}},
                    {"name": "get_time", "arguments": {"city": "Oslo"}},
                ],
                "when": "weather",
            },
            {"answers": "It is noon and sunny."},
            {"answers": "21C, and sunny at noon.", "when": "in writing"},
            {"fails": "rate_limit_exceeded", "message": "too many", "when": "once more"},
        ],
    ),
    "openai-python-telephone": Session(
        _openai_telephone, [{"hears": "tell me a long story"}, STORY, HEARS, WELL], virtual=True
    ),
    "openai-agents-barge-in": Session(_openai_agents, [STORY, HEARS, WELL], virtual=True),
    "openai-agents-js-tool": Session(_agents_js, [WEATHER, SUNNY]),
    "openai-js-spoken": Session(_openai_js, [HEARS, WELL], virtual=True),
    "azure-js-push-to-talk": Session(_azure_js, [HEARS, WELL]),
    "reference-js-cancel": Session(_reference_js, [STORY, HELLO]),
    "pydantic-ai-interrupt": Session(_pydantic_ai, [STORY, HELLO]),
    "pipecat-bot": Session(
        _pipecat,
        [
            {"answers": "Hello.", "when": "greet"},
            {"hears": "what is the weather"},
            WEATHER,
            SUNNY,
        ],
        virtual=True,
    ),
    "pipecat-transcription": Session(
        _pipecat_transcription, [HEARS, {"hears": "and how are you now"}]
    ),
}
"""Name of the recording → the conversation."""

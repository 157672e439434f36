"""Providers that fail, and clients that vanish: right events, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from realtime_session import RealtimeSession
from tests.running_server import RunningServer, running, scripted_settings
from tests.wire_client import client, speech

LONG = " ".join(f"word{n}" for n in range(400))


def script_of(server: RunningServer, stage: str) -> Any:
    """The script of a stage; changing it changes what the stage does next."""
    return getattr(server.manager, stage).script


@pytest.mark.parametrize(
    ("stage", "fault"),
    [("llm", "start"), ("llm", "middle"), ("tts", "start"), ("tts", "middle")],
)
async def test_a_failed_stage_fails_the_response_and_the_next_turn_works(stage, fault):
    async with running() as server, client(server.url) as wire:
        script = script_of(server, stage)
        script.fail = fault
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "failed"
        error = done["status_details"]["error"]
        assert stage.upper() in error["message"]
        assert "the script says so" in error["message"]
        assert "error" not in wire.types()
        script.fail = None
        await wire.say("again")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_failed_transcription_is_reported_and_the_session_goes_on():
    async with running() as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        script_of(server, "stt").fail = "start"
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        assert "the script says so" in failed["error"]["message"]
        assert (await wire.until("response.done"))["response"]["status"] == "failed"
        script_of(server, "stt").fail = None
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.parametrize("stage", ["stt", "llm", "tts"])
async def test_a_hanging_stage_can_be_talked_over(stage):
    settings = scripted_settings(llm={"text": LONG})
    async with running(settings) as server, client(server.url) as wire:
        script = script_of(server, stage)
        script.fail = "hang"
        await wire.append(speech())
        await wire.until("response.created")
        script.fail = None
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}


async def nothing_left(server: RunningServer, tasks: set[asyncio.Task[None]], threads: int) -> None:
    """Wait until the session has let go of everything; the test's time-out is the verdict."""
    async with asyncio.timeout(10):
        while await server.active_sessions():
            await asyncio.sleep(0.01)
        while left := {task for task in asyncio.all_tasks() - tasks if not task.done()}:
            await asyncio.wait(left, timeout=0.05)
    assert threading.active_count() <= threads


MOMENTS = [
    "session.created",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "response.created",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.done",
]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("politely", [True, False])
async def test_a_client_that_goes_leaves_no_session_task_or_thread(moment, politely):
    settings = scripted_settings(llm={"text": LONG, "word_ms": 1})
    async with running(settings) as server:
        await server.active_sessions()
        tasks, threads = asyncio.all_tasks(), threading.active_count()
        async with client(server.url) as wire:
            await wire.append(speech())
            while moment not in wire.types():
                await wire.receive()
            if not politely:
                wire.socket.transport.abort()
        await nothing_left(server, tasks, threads)


async def test_a_client_that_never_speaks_leaves_nothing_either():
    async with running() as server:
        await server.active_sessions()
        tasks, threads = asyncio.all_tasks(), threading.active_count()
        for _ in range(5):
            async with client(server.url):
                pass
        await nothing_left(server, tasks, threads)


async def test_a_mistake_of_the_server_is_said_and_ends_that_session_only(monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("a mistake")

    async with running() as server, client(server.url) as other:
        async with client(server.url) as wire:
            monkeypatch.setattr(RealtimeSession, "append", broken)
            await wire.append(bytes(960))
            error = (await wire.until("error"))["error"]
            assert error["type"] == "server_error"
            await wire.socket.wait_closed()
            assert wire.socket.close_code == 1011
        monkeypatch.undo()
        await other.say("hi")
        assert (await other.until("response.done"))["response"]["status"] == "completed"

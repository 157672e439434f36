"""Scripted providers that fail, and a server that does: right events, and the session goes on."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_session import RealtimeSession
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.wire_client import client, speech

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


async def test_a_mistake_of_the_server_is_said_and_ends_that_session_only(monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("a mistake")

    async with running() as server, client(server.url) as other:
        async with client(server.url) as wire:
            monkeypatch.setattr(RealtimeSession, "append", broken)
            await wire.append(bytes(9600))
            error = (await wire.until("error"))["error"]
            assert error["type"] == "server_error"
            await wire.socket.wait_closed()
            assert wire.socket.close_code == 1011
        monkeypatch.undo()
        await other.say("hi")
        assert (await other.until("response.done"))["response"]["status"] == "completed"

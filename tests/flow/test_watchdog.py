"""A provider that never answers fails its turn, whatever its library does about time-outs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flow.watchdog import Watchdog
from tests.support.running_server import SCRIPTED, running, scripted_settings
from tests.support.wire_client import client, speech

QUICK = {"timeout_s": 0.2, "connect_timeout_s": 0.1, "retries": 0}


def silent(kind: str, **limits: Any) -> dict[str, Any]:
    """A group whose scripted provider never answers, or stops in the middle."""
    base = SCRIPTED[kind]
    return {
        "provider": "scripted",
        "options": {**base["options"], "fail": "hang"},
        **QUICK,
        **limits,
    }


@pytest.mark.parametrize("kind", ["llm", "tts"])
async def test_a_silent_stage_fails_the_response_and_is_named(kind):
    settings = scripted_settings(**{kind: silent(kind)})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        error = done["status_details"]["error"]
        assert (done["status"], error["code"]) == ("failed", "provider_unreachable")
        assert error["message"].startswith(f"{kind.upper()} scripted failed: ")
        assert "silent" in error["message"]


async def test_a_silent_recogniser_fails_the_transcription_and_the_answer():
    settings = scripted_settings(stt=silent("stt"))
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "m"}}})
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        assert "STT scripted failed: " in failed["error"]["message"]
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "failed"


async def test_a_slow_answer_is_no_silent_one():
    patient = {**QUICK, "timeout_s": 1}
    slow = {"provider": "scripted", "options": {"first_token_ms": 5, "word_ms": 120}, **patient}
    voice = {"provider": "scripted", "options": {"delay_ms": 5, "ms_per_character": 5}, **patient}
    settings = scripted_settings(llm=slow, tts=voice)
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"


async def test_nobody_waits_for_a_response_that_is_over():
    silences: list[float] = []
    watchdog = Watchdog(silences.append)
    watchdog.expect(0)
    watchdog.retire()
    with watchdog.held():
        watchdog.expect(0)
    assert not watchdog.waiting
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert silences == []

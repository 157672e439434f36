"""Transcription sessions: what is said is written down, and nothing is answered (§B.11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from audio.pcm import silence
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.wire_client import client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

PCM = {"type": "audio/pcm", "rate": 24000}
TRANSCRIBE = {"transcription": {"model": "gpt-4o-mini-transcribe"}}
PREFIX = "conversation.item.input_audio_transcription"
VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    settings = scripted_settings(vad={"silence_duration_ms": 200})
    async with running(settings) as running_server:
        yield running_server


def transcription(server: RunningServer) -> str:
    return server.url.split("?")[0] + "?intent=transcription"


def patch(**hearing: Any) -> dict[str, Any]:
    return {"type": "transcription", "audio": {"input": hearing}}


async def test_the_greeting_is_that_of_the_service_key_by_key(server):
    async with client(transcription(server)) as wire:
        session = wire.events[0]["session"]
    assert session["id"].startswith("sess_")
    expected = {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": session["id"],
        "expires_at": session["expires_at"],
        "audio": {
            "input": {
                "format": PCM,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": VAD,
            }
        },
        "include": None,
    }
    assert session == expected
    assert list(session) == list(expected)
    hearing: dict[str, Any] = expected["audio"]["input"]
    assert list(session["audio"]["input"]) == list(hearing)
    assert list(session["audio"]["input"]["turn_detection"]) == list(hearing["turn_detection"])


async def test_a_detected_turn_is_written_down_and_not_answered(server):
    async with client(transcription(server)) as wire:
        updated = await wire.update(**patch(**TRANSCRIBE))
        assert updated["session"]["audio"]["input"]["transcription"] == {
            "model": "gpt-4o-mini-transcribe",
            "language": None,
            "prompt": None,
        }
        await wire.append(speech())
        completed = await wire.until(f"{PREFIX}.completed")
        assert await wire.settled() == []
        assert wire.types(2)[:-1] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            f"{PREFIX}.delta",
            f"{PREFIX}.completed",
        ]
        assert completed["transcript"] == "hello there"
        assert completed["usage"]["type"] == "duration"
        assert completed["item_id"] == wire.of("input_audio_buffer.speech_started")[0]["item_id"]


async def test_a_commit_in_manual_mode_is_written_down(server):
    async with client(transcription(server)) as wire:
        updated = await wire.update(**patch(turn_detection=None, **TRANSCRIBE))
        assert updated["session"]["audio"]["input"]["turn_detection"] is None
        await wire.append(silence(500))
        await wire.send("input_audio_buffer.commit")
        completed = await wire.until(f"{PREFIX}.completed")
        assert completed["transcript"] == "hello there"
        assert not [name for name in wire.types() if name.startswith("response.")]


async def test_without_a_transcription_model_there_are_items_but_no_transcripts(server):
    async with client(transcription(server)) as wire:
        await wire.append(speech())
        first = await wire.until("conversation.item.done")
        # The recogniser answers in order: a transcript of the first turn would be here by now.
        await wire.update(**patch(**TRANSCRIBE))
        await wire.append(speech())
        completed = await wire.until(f"{PREFIX}.completed")
        assert completed["item_id"] != first["item"]["id"]
        assert len(wire.of(f"{PREFIX}.completed")) == 1
        await wire.send("conversation.item.retrieve", item_id=first["item"]["id"])
        item = (await wire.until("conversation.item.retrieved"))["item"]
        assert item["content"][0]["transcript"] is None
        assert item["content"][0]["audio"]


async def test_turn_detection_shows_nothing_about_responses(server):
    async with client(transcription(server)) as wire:
        updated = await wire.update(
            **patch(
                turn_detection={"type": "server_vad", "create_response": False, "threshold": 0.6}
            )
        )
        assert updated["session"]["audio"]["input"]["turn_detection"] == {
            "type": "server_vad",
            "threshold": 0.6,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 200,
        }
        updated = await wire.update(**patch(turn_detection={"type": "semantic_vad"}))
        assert updated["session"]["audio"]["input"]["turn_detection"] == {
            "type": "semantic_vad",
            "eagerness": "auto",
        }


ANSWERING = {"create_response": True, "interrupt_response": True}


@pytest.mark.parametrize(
    ("detection", "shown"),
    [
        ({"type": "server_vad", **ANSWERING, "idle_timeout_ms": 5000}, VAD),
        ({"type": "semantic_vad", **ANSWERING}, {"type": "semantic_vad", "eagerness": "auto"}),
    ],
    ids=lambda value: value["type"],
)
async def test_what_is_about_responses_has_no_effect_and_is_not_shown(server, detection, shown):
    async with client(transcription(server)) as wire:
        updated = await wire.update(**patch(turn_detection=detection, **TRANSCRIBE))
        assert updated["session"]["audio"]["input"]["turn_detection"] == shown
        await wire.append(speech())
        await wire.until(f"{PREFIX}.completed")
        await wire.append(silence(6000))
        assert not [name for name in wire.types() if name.startswith("response.")]
        assert not wire.of("input_audio_buffer.timeout_triggered")
        assert await wire.settled() == []


async def test_what_is_about_responses_is_checked_all_the_same(server):
    async with client(transcription(server)) as wire:
        detection = {"type": "server_vad", "idle_timeout_ms": 4999}
        await wire.send("session.update", session=patch(turn_detection=detection))
        error = (await wire.until("error"))["error"]
        assert error["param"] == "session.audio.input.turn_detection.idle_timeout_ms"


NO_TURNS = ["gpt-live-transcribe", "gpt-realtime-whisper", "gpt-realtime-whisper-2026-05-07"]


@pytest.mark.parametrize("model", NO_TURNS)
async def test_a_model_without_turns_leaves_them_to_the_client(server, model):
    async with client(transcription(server)) as wire:
        updated = await wire.update(**patch(transcription={"model": model}))
        assert updated["session"]["audio"]["input"]["turn_detection"] is None
        await wire.append(speech() + silence(1000))
        await wire.send("input_audio_buffer.commit")
        await wire.until(f"{PREFIX}.completed")
        assert len(wire.of("input_audio_buffer.committed")) == 1
        assert not wire.of("input_audio_buffer.speech_started")


async def test_turn_detection_that_is_given_holds_for_a_model_without_turns(server):
    model = {"model": "gpt-live-transcribe"}
    async with client(transcription(server)) as wire:
        given = patch(turn_detection={"type": "server_vad"}, transcription=model)
        updated = await wire.update(**given)
        assert updated["session"]["audio"]["input"]["turn_detection"] == VAD
        updated = await wire.update(**patch(transcription={**model, "keywords": ["Bo"]}))
        assert updated["session"]["audio"]["input"]["turn_detection"] == VAD
        updated = await wire.update(**patch(transcription={"model": "gpt-realtime-whisper"}))
        assert updated["session"]["audio"]["input"]["turn_detection"] is None
        updated = await wire.update(**patch(turn_detection={"type": "server_vad"}))
        assert updated["session"]["audio"]["input"]["turn_detection"] == VAD


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-transcribe", "gpt-live-transcribe-x"])
async def test_other_models_keep_their_turns(server, model):
    async with client(transcription(server)) as wire:
        updated = await wire.update(**patch(transcription={"model": model}))
        assert updated["session"]["audio"]["input"]["turn_detection"] == VAD


async def test_a_conversation_keeps_its_turns_whatever_transcribes_it(server):
    async with client(server.url) as wire:
        before = wire.events[0]["session"]["audio"]["input"]["turn_detection"]
        updated = await wire.update(audio={"input": {"transcription": {"model": NO_TURNS[0]}}})
        assert updated["session"]["audio"]["input"]["turn_detection"] == before


async def test_a_secret_for_a_model_without_turns_starts_without_them(server):
    session = patch(transcription={"model": "gpt-realtime-whisper"})
    async with plain_http() as http:
        made = await http.post(
            f"{server.http}/v1/realtime/client_secrets", json={"session": session}
        )
    assert made.json()["session"]["audio"]["input"]["turn_detection"] is None
    key = {"Authorization": f"Bearer {made.json()['value']}"}
    async with client(server.url.split("?")[0], additional_headers=key) as wire:
        assert wire.events[0]["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    "session",
    [
        {"type": "realtime"},
        {"type": "realtime", "instructions": "Be kind.", "output_modalities": ["text"]},
        {"instructions": "Be kind.", "modalities": ["text"]},
    ],
    ids=["realtime", "in full", "beta"],
)
async def test_it_cannot_be_updated_as_a_realtime_session(server, session):
    async with client(transcription(server)) as wire:
        await wire.send("session.update", event_id="mine", session=session)
        error = (await wire.until("error"))["error"]
        assert error["message"] == (
            "Passing a realtime session update event to a transcription session is not allowed."
        )
        assert (error["code"], error["event_id"]) == ("invalid_value", "mine")


async def test_a_realtime_session_cannot_be_updated_as_a_transcription_session(server):
    async with client(server.url) as wire:
        await wire.send("session.update", session=patch(**TRANSCRIBE))
        error = (await wire.until("error"))["error"]
        assert error["message"] == (
            "Passing a transcription session update event to a realtime session is not allowed."
        )
        assert (error["code"], error["param"]) == ("invalid_value", "session.type")


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "dictation"}, "invalid_value", "session.type"),
        ({"type": "transcription", "instructions": "x"}, "unknown_parameter",
         "session.instructions"),
        ({"type": "transcription", "model": "whisper-1"}, "unknown_parameter", "session.model"),
        ({"type": "transcription", "audio": {"output": {"voice": "sage"}}}, "unknown_parameter",
         "session.audio.output"),
    ],
)  # fmt: skip
async def test_what_it_does_not_have_is_refused_by_name(server, session, code, param):
    async with client(transcription(server)) as wire:
        await wire.send("session.update", session=session)
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"]) == (code, param)


async def test_it_refuses_to_answer(server):
    async with client(transcription(server)) as wire:
        await wire.send("response.create", event_id="mine")
        error = (await wire.until("error"))["error"]
        assert error["code"] is None
        assert error["message"] == "Cannot create a response on a transcription session"
        assert error["event_id"] == "mine"
        await wire.send("response.create", response={"conversation": "none"})
        error = (await wire.until("error"))["error"]
        assert error["message"] == "Cannot create a response on a transcription session"
        await wire.send("response.cancel")
        assert (await wire.until("error"))["error"]["code"] == "response_cancel_not_active"


async def test_the_sdk_reads_it(server):
    async with (
        AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1") as sdk,
        sdk.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        greeting = await connection.recv()
        assert greeting.type == "session.created"
        assert greeting.session.type == "transcription"
        session: Any = patch(**TRANSCRIBE)
        await connection.session.update(session=session)
        updated = await connection.recv()
        assert updated.type == "session.updated"
        assert updated.session.type == "transcription"


async def test_a_turn_goes_on_when_its_detection_is_switched_off(server):
    async with client(transcription(server)) as wire:
        await wire.send("session.update", session=patch(**TRANSCRIBE))
        clip = speech()
        await wire.append(clip[: len(clip) // 2])
        started = await wire.until("input_audio_buffer.speech_started")
        await wire.send("session.update", session=patch(turn_detection=None))
        await wire.append(clip[len(clip) // 2 :])
        await wire.send("input_audio_buffer.commit")
        completed = await wire.until(f"{PREFIX}.completed")
        assert completed["item_id"] == started["item_id"]
        assert wire.of("input_audio_buffer.speech_stopped") == []
        seconds = len(clip) / 48_000 - started["audio_start_ms"] / 1000
        assert completed["usage"]["seconds"] == pytest.approx(seconds, abs=0.001)

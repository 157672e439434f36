"""Translation sessions: speech in, its translation out, without turns (§B.14, C.6, D.6)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from loguru import logger
from openai import AsyncOpenAI, AuthenticationError, BadRequestError
from websockets.asyncio.client import connect

from audio.pcm import duration_ms
from providers.base import VoiceInfo
from tests.support.keys import KEY, guarded
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.translating import (
    STEP,
    address,
    append,
    audio,
    close,
    echoing,
    text,
    update,
)
from tests.support.wire_client import PATIENCE_S, client, refusal, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPTIONS = {"transcription": {"model": "gpt-realtime-whisper"}}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running(echoing()) as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def sdk(server: RunningServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1", max_retries=0) as made:
        yield made


async def test_the_greeting_shows_the_session(server: RunningServer) -> None:
    async with client(address(server)) as wire:
        session = wire.events[0]["session"]
    assert session == {
        "id": session["id"],
        "type": "translation",
        "model": "gpt-realtime-translate",
        "expires_at": session["expires_at"],
        "audio": {
            "input": {"transcription": None, "noise_reduction": None},
            "output": {"language": "en"},
        },
    }
    assert abs(session["expires_at"] - time.time() - 3600) < 60


async def test_the_default_language_is_that_of_the_settings() -> None:
    settings = echoing(translation={"language": "pt-BR"})
    async with running(settings) as server, client(address(server)) as wire:
        assert wire.events[0]["session"]["audio"]["output"] == {"language": "pt-BR"}


async def test_the_sdk_translates(sdk: AsyncOpenAI) -> None:
    kinds: list[str] = []
    said, length = "", 0
    async with sdk.realtime.translations.connect(model="gpt-realtime-translate") as connection:
        await connection.session.update(
            session={"audio": {"input": CAPTIONS, "output": {"language": "es"}}}  # type: ignore[typeddict-item]
        )
        pcm = speech()
        for start in range(0, len(pcm), STEP):
            piece = base64.b64encode(pcm[start : start + STEP]).decode()
            await connection.session.input_audio_buffer.append(audio=piece)
        await connection.session.close()
        async for event in connection:
            kinds += [event.type] if event.type not in kinds else []
            if event.type == "session.output_transcript.delta":
                said += event.delta
            elif event.type == "session.output_audio.delta":
                assert (event.sample_rate, event.channels, event.format) == (24000, 1, "pcm16")
                assert event.elapsed_ms is not None
                assert event.elapsed_ms % 200 == 0
                length += len(base64.b64decode(event.delta))
            elif event.type == "session.closed":
                break
    assert kinds == [
        "session.created",
        "session.updated",
        "session.input_transcript.delta",
        "session.output_transcript.delta",
        "session.output_audio.delta",
        "session.closed",
    ]
    assert said == "hello there"
    assert length == 48 * 10 * len(said)


async def test_it_closes_with_1000_behind_its_last_event(server: RunningServer) -> None:
    async with client(address(server)) as wire:
        await append(wire, speech())
        await close(wire)
        await wire.socket.wait_closed()
        assert (wire.socket.close_code, wire.types()[-1]) == (1000, "session.closed")


async def test_several_utterances_are_translated_in_order(server: RunningServer) -> None:
    async with client(address(server)) as wire:
        for _ in range(3):
            await append(wire, speech())
        await close(wire)
        assert text(wire) == "hello there hello there hello there"
        moments = [event["elapsed_ms"] for event in wire.of("session.output_audio.delta")]
        assert moments == sorted(moments)
        assert duration_ms(audio(wire)) == 3 * 10 * len("hello there")
        assert not wire.of("session.input_transcript.delta")


async def test_one_event_may_hold_a_whole_file_and_half_samples_are_joined(
    server: RunningServer,
) -> None:
    async with client(address(server)) as wire:
        pcm = speech()
        await append(wire, pcm + pcm, step=len(pcm) + 1)
        await close(wire)
        assert text(wire) == "hello there hello there"


async def test_the_source_transcript_comes_if_it_is_wanted_and_stops_with_null(
    server: RunningServer,
) -> None:
    async with client(address(server)) as wire:
        shown = await update(wire, input=CAPTIONS)
        assert shown["session"]["audio"]["input"]["transcription"] == CAPTIONS["transcription"]
        await append(wire, speech())
        await wire.until("session.output_transcript.delta")
        assert text(wire, "input") == "hello there"
        shown = await update(wire, input={"transcription": None})
        assert shown["session"]["audio"]["input"]["transcription"] is None
        await append(wire, speech())
        await close(wire)
        assert text(wire, "input") == "hello there"


async def test_updates_change_what_they_name_alone(server: RunningServer) -> None:
    async with client(address(server)) as wire:
        noise = {"type": "near_field", "strength": 0.5}
        await update(wire, input={"noise_reduction": noise})
        shown = (await update(wire, output={"language": "pt-BR"}))["session"]["audio"]
        assert shown == {
            "input": {"transcription": None, "noise_reduction": noise},
            "output": {"language": "pt-BR"},
        }
        shown = (await update(wire, input={"noise_reduction": {"type": "far_field"}}))["session"]
        assert shown["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.5}


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "translation"}, "invalid_value", "session.type"),
        ({"model": "another"}, "invalid_value", "session.model"),
        ({"instructions": "Be kind."}, "unknown_parameter", "session.instructions"),
        (
            {"audio": {"output": {"voice": "alloy"}}},
            "unknown_parameter",
            "session.audio.output.voice",
        ),
        (
            {"audio": {"input": {"transcription": {"model": "m", "language": "de"}}}},
            "unknown_parameter",
            "session.audio.input.transcription.language",
        ),
        (
            {"audio": {"input": {"transcription": {}}}},
            "missing_required_parameter",
            "session.audio.input.transcription.model",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection",
        ),
        (
            {"audio": {"output": {"language": "klingon"}}},
            "invalid_value",
            "session.audio.output.language",
        ),
    ],
)
async def test_what_cannot_be_updated_is_refused_by_name(
    server: RunningServer, session: dict[str, Any], code: str, param: str
) -> None:
    async with client(address(server)) as wire:
        await wire.send("session.update", session=session, event_id="mine")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
        assert (await update(wire))["session"] == wire.events[0]["session"]


@pytest.mark.parametrize("type_", ["response.create", "input_audio_buffer.append", "nope"])
async def test_events_of_conversations_are_unknown_here(server: RunningServer, type_: str) -> None:
    async with client(address(server)) as wire:
        await wire.send(type_)
        error = (await wire.until("error"))["error"]
        assert error["message"] == (
            f"Invalid value: '{type_}'. Supported values are: 'session.update', "
            "'session.input_audio_buffer.append', and 'session.close'."
        )


async def test_audio_that_is_none_is_refused(server: RunningServer) -> None:
    async with client(address(server)) as wire:
        await wire.send("session.input_audio_buffer.append", audio="%%%", event_id="bad")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == (
            "invalid_value",
            "audio",
            "bad",
        )


@pytest.mark.parametrize("stage", ["stt", "llm", "tts"])
async def test_a_stage_that_fails_is_named_and_the_next_clause_is_translated(stage: str) -> None:
    async with running(echoing()) as server, client(address(server)) as wire:
        script = getattr(server.manager, stage).script
        script.fail = "start"
        await append(wire, speech())
        error = (await wire.until("error"))["error"]
        assert (error["type"], error["code"]) == ("server_error", "provider_error")
        assert stage.upper() in error["message"]
        assert "the script says so" in error["message"]
        script.fail = None
        await append(wire, speech())
        await close(wire)
        assert text(wire).endswith("hello there")
        assert audio(wire)


async def test_a_clause_of_which_the_model_makes_nothing_is_told() -> None:
    async with running(echoing(llm={"text": " "})) as server, client(address(server)) as wire:
        await append(wire, speech())
        error = (await wire.until("error"))["error"]
        assert (error["type"], error["code"]) == ("server_error", "provider_error")
        assert error["message"].startswith("LLM scripted failed: it wrote no translation")
        assert "llm.model" in error["message"]
        await close(wire)
        assert (text(wire), audio(wire)) == ("", b"")


async def test_a_language_that_is_null_is_none_that_is_asked_for(server: RunningServer) -> None:
    async with client(address(server)) as wire:
        await update(wire, output={"language": "es"})
        session = (await update(wire, output={"language": None}))["session"]
        assert session["audio"]["output"] == {"language": "es"}


async def test_who_opens_its_path_without_a_websocket_is_told_what_it_is(
    server: RunningServer,
) -> None:
    async with plain_http() as http:
        for path in ("/v1/realtime/translations", "/openai/v1/realtime/translations"):
            answer = await http.get(f"{server.http}{path}")
            assert answer.status_code == 404
            message = answer.json()["error"]["message"]
            assert f"{path} is a WebSocket, for translation sessions" in message


async def test_a_voice_that_lacks_the_language_is_named() -> None:
    async with running(echoing()) as server:
        known = [VoiceInfo("anna", "anna", "de-DE"), VoiceInfo("carlos", "carlos", "es-ES")]
        server.manager.tts.list_voices = lambda: known  # type: ignore[method-assign]
        url = address(server)
        server.manager.settings.tts.voice_id = "anna"
        async with client(url) as wire:
            assert wire.events[0]["session"]["audio"]["output"] == {"language": "de"}
            await wire.send("session.update", session={"audio": {"output": {"language": "ja"}}})
            error = (await wire.until("error"))["error"]
            assert error["message"] == (
                "scripted has no voice for 'ja', only for de, es; configure another voice."
            )
            await update(wire, output={"language": "es-MX"})


async def test_a_model_that_cannot_translate_opens_no_session() -> None:
    async with running(scripted_settings(llm={"provider": "embedded"})) as server:
        refused = await refusal(address(server))
        assert refused.error["code"] == "unsupported_endpoint"
        assert "cannot translate" in refused.error["message"]
        assert refused.code == 4000


# --- the handshake -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/realtime/translations", "gpt-realtime-translate"),
        ("/v1/realtime/translations?model=mine", "mine"),
        ("/openai/v1/realtime/translations?deployment=my-translator", "my-translator"),
        ("/openai/realtime/translations?deployment=mine&api-version=1", "mine"),
    ],
)
async def test_the_url_names_the_model_if_it_likes(
    server: RunningServer, path: str, model: str
) -> None:
    async with client(server.http.replace("http", "ws") + path) as wire:
        assert wire.events[0]["session"]["model"] == model
        assert wire.events[0]["session"]["type"] == "translation"


async def test_where_names_are_strict_only_translators_open_a_session() -> None:
    async with running(echoing(server={"models_strict": True})) as server:
        async with client(address(server, "model=gpt-realtime-translate-2026-05-01")):
            pass
        refused = await refusal(address(server, "model=gpt-realtime"))
        assert refused.error["code"] == "invalid_model"
        async with plain_http() as http:
            found = await http.get(f"{server.http}/v1/models/gpt-realtime-translate")
        assert found.status_code == 200


async def test_the_translation_model_opens_no_conversation(server: RunningServer) -> None:
    url = server.url.split("?")[0] + "?model=gpt-realtime-translate"
    refused = await refusal(url)
    assert refused.error["code"] == "invalid_model"
    assert "/realtime/translations" in refused.error["message"]


@pytest.mark.parametrize(
    "asked", ["intent=transcription", "observe=turn_detection", "notices=echo"]
)
async def test_what_a_translation_session_has_not_is_not_ignored(
    server: RunningServer, asked: str
) -> None:
    refused = await refusal(address(server, f"model=gpt-realtime-translate&{asked}"))
    name = asked.partition("=")[0]
    assert (refused.error["code"], refused.error["param"]) == ("invalid_value", name)
    assert name in refused.error["message"]
    assert refused.code == 4000


async def test_a_key_is_needed_where_there_are_keys() -> None:
    async with guarded() as server:
        refused = await refusal(address(server))
        assert refused.code == 3000


# --- client secrets ------------------------------------------------------------------------------


async def test_a_client_secret_carries_the_session() -> None:
    async with guarded() as server:
        sdk = AsyncOpenAI(api_key=KEY, base_url=f"{server.http}/v1", max_retries=0)
        made = await sdk.realtime.translations.client_secrets.create(
            session={
                "model": "gpt-realtime-translate",
                "audio": {"output": {"language": "es"}, "input": {"transcription": {"model": "w"}}},
            },
            expires_after={"anchor": "created_at", "seconds": 60},
        )
        assert made.value.startswith("ek_")
        assert 0 < made.expires_at - time.time() <= 60
        assert made.session.type == "translation"
        assert made.session.expires_at == 0
        browser = AsyncOpenAI(api_key=made.value, base_url=f"{server.http}/v1", max_retries=0)
        async with browser.realtime.translations.connect(model="ignored") as connection:
            greeting = await connection.recv()
        assert greeting.type == "session.created"
        assert greeting.session.model == "gpt-realtime-translate"
        assert greeting.session.audio.output is not None
        assert greeting.session.audio.output.language == "es"
        with pytest.raises(AuthenticationError):
            await browser.realtime.translations.client_secrets.create(session={"model": "m"})


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.model"),
        ({"model": "m", "type": "translation"}, "unknown_parameter", "session.type"),
        (
            {"model": "m", "audio": {"output": {"language": "xx"}}},
            "invalid_value",
            "session.audio.output.language",
        ),
        ({"model": "m", "voice": "alloy"}, "unknown_parameter", "session.voice"),
    ],
)
async def test_a_session_that_cannot_be_gets_no_secret(
    sdk: AsyncOpenAI, session: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        await sdk.realtime.translations.client_secrets.create(session=session)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.param) == (code, param)


async def test_a_secret_opens_only_sessions_of_its_sort(
    server: RunningServer, sdk: AsyncOpenAI
) -> None:
    translating = await sdk.realtime.translations.client_secrets.create(session={"model": "m"})
    answering = await sdk.realtime.client_secrets.create()
    plain = server.url.split("?")[0]
    for value, url, right in (
        (translating.value, plain, "…/realtime/translations"),
        (answering.value, address(server), "…/realtime"),
    ):
        bearer = {"Authorization": f"Bearer {value}"}
        refused = await refusal(url, additional_headers=bearer)
        assert refused.error["code"] == "invalid_value"
        assert refused.error["message"].endswith(f"connect to {right}.")


# --- how it ends ---------------------------------------------------------------------------------


async def test_a_session_ends_at_the_end_of_its_time() -> None:
    async with (
        running(echoing(server={"session_limit_minutes": 0.005})) as server,
        connect(address(server)) as socket,
    ):
        events = [json.loads(raw) async for raw in socket]
        assert [event["type"] for event in events] == ["session.created", "error"]
        assert events[-1]["error"]["code"] == "session_expired"
        assert socket.close_code == 1001


async def test_a_server_that_stops_translates_what_was_said_first() -> None:
    async with running(echoing(stt={"delay_ms": 300})) as server, client(address(server)) as wire:
        await update(wire, input=CAPTIONS)
        await append(wire, speech(after_ms=100))
        await update(wire)
        await server.sessions.drain()
        await wire.until("session.closed")
        await wire.socket.wait_closed()
        assert text(wire) == "hello there"
        assert (wire.socket.close_code, wire.socket.close_reason) == (
            1001,
            "The server is shutting down.",
        )


async def test_limits_hold_for_translation_sessions_too() -> None:
    async with running(echoing(limits={"sessions": 1})) as server, client(address(server)):
        refused = await refusal(address(server))
        assert refused.code == 1013


async def test_clauses_are_logged_without_their_words(server: RunningServer) -> None:
    lines: list[dict[str, Any]] = []
    sink = logger.add(
        lambda told: lines.append({**told.record["extra"], "text": str(told)}), level="INFO"
    )
    try:
        async with client(address(server)) as wire:
            # Under 3 s of audio are no file, however fast they come.
            await append(wire, speech(before_ms=20, after_ms=300))
            await close(wire)
        await server.emptied()
    finally:
        logger.remove(sink)
    (clause,) = [line for line in lines if line.get("event") == "clause"]
    assert clause["outcome"] == "completed"
    assert 256 <= clause["first_text_ms"] <= clause["first_audio_ms"] <= clause["done_ms"]
    (over,) = [line for line in lines if line.get("event") == "session.closed"]
    assert (over["utterances"], over["clauses"], over["session_id"]) == (1, 1, clause["session_id"])
    assert not any("hello" in line["text"] for line in lines)


async def test_clauses_of_a_file_have_no_times(server: RunningServer) -> None:
    lines: list[dict[str, Any]] = []
    sink = logger.add(lambda told: lines.append(dict(told.record["extra"])), level="INFO")
    try:
        async with client(address(server)) as wire:
            await append(wire, speech() + bytes(48_000 * 5))
            await close(wire)
        await server.emptied()
    finally:
        logger.remove(sink)
    (clause,) = [line for line in lines if line.get("event") == "clause"]
    assert clause["outcome"] == "completed"
    assert not {"first_text_ms", "first_audio_ms", "done_ms"} & clause.keys()


async def test_sessions_and_clauses_are_counted(server: RunningServer) -> None:
    async with plain_http(timeout=PATIENCE_S) as http:

        async def count(line: str) -> float:
            lines = (await http.get(f"{server.http}/metrics")).text.splitlines()
            name, label = line.rstrip("}").split("{")
            return sum(
                float(one.split()[-1])
                for one in lines
                if one.startswith(f"{name}{{") and label in one
            )

        names = (
            'realtime_clauses_total{outcome="completed"}',
            'realtime_clause_seconds_count{stage="first_audio"}',
            'realtime_audio_seconds_total{direction="out"}',
        )
        before = [await count(name) for name in names]
        async with client(address(server)) as wire:
            # Under 3 s of audio are no file, however fast they come.
            await append(wire, speech(before_ms=20, after_ms=300))
            await close(wire)
        await server.emptied()
        after = [await count(name) for name in names]
        seconds = 0.01 * len("hello there")
        for was, now, more in zip(before, after, (1, 1, seconds), strict=True):
            assert now - was == pytest.approx(more)

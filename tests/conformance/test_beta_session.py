"""Whole sessions in beta: what a client sets has its effect, what it is sent is beta (§B.16)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.beta.realtime import SessionCreateResponse
from openai.types.beta.realtime.transcription_session import TranscriptionSession

from config import LLMConfig
from protocol import ProtocolError
from providers.llm.openai import OpenAICompatibleLLM
from session.ports import (
    FailureReason,
    ResponseRequest,
    TokenLogprob,
    TokenUsage,
    Transcript,
    TranscriptionSettings,
)
from session.reports import ResponseFailed, TurnUnderstood
from tests.conformance.beta_wire import (
    ASSISTANT,
    CAPTURED,
    NAMED,
    TIMEOUT,
    TOOL,
    VAD,
    BetaDriver,
)
from tests.support.session_driver import of, session_config, types
from tests.support.strict_reader import no_unknown_fields
from wire.beta_reading import read_minted, read_session
from wire.beta_writing import beta_sessions


class TestEchoes:
    def test_the_session_in_the_order_of_the_last_generation(self) -> None:
        created = BetaDriver().events[0]
        assert created["type"] == "session.created"
        session = dict(created["session"])
        assert session.pop("instructions")
        assert session.pop("expires_at") > 1_700_000_000
        assert list(created["session"]) == [
            "object",
            "id",
            "model",
            "modalities",
            "instructions",
            "voice",
            "output_audio_format",
            "tools",
            "tool_choice",
            "temperature",
            "max_response_output_tokens",
            "turn_detection",
            "speed",
            "tracing",
            "truncation",
            "prompt",
            "expires_at",
            "input_audio_noise_reduction",
            "input_audio_format",
            "input_audio_transcription",
            "client_secret",
            "include",
        ]
        assert session == {
            "object": "realtime.session",
            "id": "sess_1",
            "model": "gpt-realtime",
            "modalities": ["audio", "text"],
            "voice": "alloy",
            "output_audio_format": "pcm16",
            "tools": [],
            "tool_choice": "auto",
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
            "turn_detection": VAD,
            "speed": 1.0,
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "input_audio_noise_reduction": None,
            "input_audio_format": "pcm16",
            "input_audio_transcription": None,
            "client_secret": None,
            "include": None,
        }

    def test_every_setting_is_echoed(self) -> None:
        asked = {
            "modalities": ["text", "audio"],
            "instructions": "Be brief.",
            "voice": "ash",
            "input_audio_format": "g711_ulaw",
            "output_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "Bo"},
            "input_audio_noise_reduction": {"type": "far_field"},
            "turn_detection": {**VAD, "threshold": 0.7, "create_response": False},
            "tools": [TOOL],
            "tool_choice": "required",
            "temperature": 1.1,
            "max_response_output_tokens": 42,
            "speed": 1.25,
            "tracing": "auto",
        }
        (updated,) = BetaDriver().update(**asked)
        assert updated["type"] == "session.updated"
        session = updated["session"]
        assert {key: session[key] for key in asked} == asked
        assert list(session["tools"][0]) == ["name", "description", "parameters", "type"]

    def test_a_certain_function_is_chosen_by_its_name(self) -> None:
        # A string in beta's session (§C.3), whatever the client may write.
        (updated,) = BetaDriver().update(
            tools=[TOOL], tool_choice={"type": "function", "name": "get_weather"}
        )
        assert updated["session"]["tool_choice"] == "get_weather"

    def test_modalities_keep_the_clients_order(self) -> None:
        driver = BetaDriver()
        driver.update(modalities=["text", "audio"])
        driver.update(modalities=["audio"])  # refused
        assert driver.update()[0]["session"]["modalities"] == ["text", "audio"]
        created = of(driver.respond(modalities=["audio", "text"]), "response.created")[0]
        assert created["response"]["modalities"] == ["audio", "text"]
        done = of(driver.send("response.cancel"), "response.done")[0]
        assert done["response"]["modalities"] == ["audio", "text"]
        created = of(driver.respond(), "response.created")[0]
        assert created["response"]["modalities"] == ["text", "audio"]

    def test_the_order_of_a_refused_response_is_forgotten(self) -> None:
        driver = BetaDriver()
        driver.update(turn_detection={"type": "server_vad", "interrupt_response": False})
        driver.respond()
        driver.speak()
        user = of(driver.events, "conversation.item.created")[0]["item"]["id"]
        driver.heard(user, "hello")
        (error,) = driver.respond(modalities=["text", "audio"])
        assert error["error"]["code"] == "conversation_already_has_active_response"
        # The answer to the turn comes by itself, without another word of the client's.
        created = of(driver.finish(), "response.created")[0]
        assert created["response"]["modalities"] == ["audio", "text"]

    def test_a_failure_is_told_as_in_ga(self) -> None:
        driver = BetaDriver()
        driver.respond()
        error = FailureReason("no", code="down")
        events = driver.report(ResponseFailed(driver.running, error))
        assert types(events) == ["response.done"]
        details = events[0]["response"]["status_details"]
        assert details == {
            "type": "failed",
            "error": {"type": "server_error", "code": "down", "message": "no"},
        }


LIMITS = [
    {"name": "requests", "limit": 20_000, "remaining": 20_000, "reset_seconds": 0.0},
    {"name": "tokens", "limit": 15_000_000, "remaining": 15_000_000, "reset_seconds": 0.0},
]


class TestTurns:
    @pytest.mark.parametrize(
        ("transcription", "parts"),
        [
            ({"model": "whisper-1"}, ["completed"]),
            ({"model": "gpt-4o-transcribe"}, ["delta", "completed"]),
            ({"language": "en"}, ["delta", "completed"]),
        ],
    )
    def test_the_first_models_transcripts_come_whole(
        self, transcription: dict[str, str], parts: list[str]
    ) -> None:
        """Clients that know no other model fail at a delta (§F.7)."""
        driver = BetaDriver()
        driver.update(input_audio_transcription=transcription)
        user = of(driver.speak(), "conversation.item.created")[0]["item"]["id"]
        assert types(driver.heard(user, "hello")) == [f"{NAMED}.{part}" for part in parts]

    def test_a_detected_turn(self) -> None:
        """The whole sequence of §B.16."""
        driver = BetaDriver()
        driver.update(input_audio_transcription={"model": "gpt-4o-transcribe"})
        spoken = driver.speak()
        user = of(spoken, "conversation.item.created")[0]["item"]["id"]
        heard = driver.heard(user, "hello")
        answer = driver.text("Hi.") + driver.audio(100) + driver.finish(usage=TokenUsage(9, 3))
        assert types(spoken + heard + answer) == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.created",
            "response.created",
            "rate_limits.updated",
            f"{NAMED}.delta",
            f"{NAMED}.completed",
            "response.output_item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio.done",
            "response.audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        named = driver.named(spoken + heard + answer)
        assert named[3] == {
            "type": "conversation.item.created",
            "previous_item_id": None,
            "item": {
                "id": "item_1",
                "object": "realtime.item",
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_audio", "transcript": None}],
            },
        }
        created = {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "modalities": ["audio", "text"],
            "voice": "alloy",
            "output_audio_format": "pcm16",
            "temperature": 0.8,
            "max_output_tokens": "inf",
            "usage": None,
            "metadata": None,
        }
        assert named[4] == {"type": "response.created", "response": created}
        assert list(named[4]["response"]) == list(created)
        assert named[5] == {"type": "rate_limits.updated", "rate_limits": LIMITS}
        assert named[9]["item"] == {
            "id": "item_2",
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        assert named[-1]["response"] == {
            **created,
            "status": "completed",
            "output": [
                {
                    **named[9]["item"],
                    "status": "completed",
                    "content": [{"type": "audio", "transcript": "Hi."}],
                }
            ],
            "usage": {
                "total_tokens": 23,
                "input_tokens": 18,
                "output_tokens": 5,
                "input_token_details": {
                    "text_tokens": 9,
                    "audio_tokens": 9,
                    "cached_tokens": 0,
                    "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0},
                },
                "output_token_details": {"text_tokens": 3, "audio_tokens": 2},
            },
        }

    def test_a_text_answer(self) -> None:
        driver = BetaDriver()
        assert types(driver.say("hi")) == ["conversation.item.created"]
        events = driver.respond(modalities=["text"])
        events += driver.text("Hey.") + driver.finish()
        assert types(events) == [
            "response.created",
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.text.delta",
            "response.text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        response = events[-1]["response"]
        assert response["modalities"] == ["text"]
        assert response["output"][0]["content"] == [{"type": "text", "text": "Hey."}]

    def test_a_function_call_and_its_result(self) -> None:
        driver = BetaDriver()
        driver.update(tools=[TOOL])
        driver.respond()
        events = driver.call("{}") + driver.finish("tool_calls")
        assert types(events) == [
            "response.output_item.added",
            "conversation.item.created",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.done",
        ]
        assert events[3]["name"] == TOOL["name"]
        assert events[4]["item"]["name"] == "get_weather"
        output = {"type": "function_call_output", "call_id": "call_a", "output": "sunny"}
        assert types(driver.send("conversation.item.create", item=output)) == [
            "conversation.item.created"
        ]

    def test_a_barge_in(self) -> None:
        driver = BetaDriver()
        driver.respond()
        driver.text("A long story.")
        driver.audio(400)
        driver.append(96)
        events = driver.interrupts(0)
        assert types(events) == [
            "input_audio_buffer.speech_started",
            "response.audio.done",
            "response.audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        assert events[-1]["response"]["status_details"] == {
            "type": "cancelled",
            "reason": "turn_detected",
        }
        item_id = events[-2]["item"]["id"]
        events = driver.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100
        )
        assert types(events) == ["conversation.item.truncated"]
        (retrieved,) = driver.send("conversation.item.retrieve", item_id=item_id)
        assert retrieved["item"]["content"][0]["type"] == "audio"
        assert retrieved["item"]["content"][0]["audio"]
        assert types(driver.send("conversation.item.delete", item_id=item_id)) == [
            "conversation.item.deleted"
        ]

    def test_an_out_of_band_response_adds_no_items(self) -> None:
        driver = BetaDriver()
        events = driver.respond(conversation="none", input=[ASSISTANT], metadata={"a": "b"})
        events += driver.text("x") + driver.finish()
        assert "conversation.item.created" not in types(events)
        assert events[0]["response"]["conversation_id"] is None
        assert events[0]["response"]["metadata"] == {"a": "b"}
        assert driver.requests[0].messages == [{"role": "assistant", "content": "hey"}]

    def test_silence_after_an_answer(self) -> None:
        driver = BetaDriver()
        driver.update(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
        driver.respond()
        driver.answer(ms=100)
        assert types(driver.append(6000))[:3] == [
            TIMEOUT,
            "input_audio_buffer.committed",
            "conversation.item.created",
        ]


class TestEffects:
    """What a beta client sets has its effect."""

    def test_temperature_reaches_the_request(self) -> None:
        driver = BetaDriver()
        driver.respond()
        assert driver.requests[-1].temperature is None
        driver.finish()
        driver.update(temperature=0.7)
        driver.update(instructions="x")
        created = of(driver.respond(), "response.created")[0]
        assert driver.requests[-1].temperature == 0.7
        assert created["response"]["temperature"] == 0.7
        driver.finish()
        created = of(driver.respond(temperature=1.2), "response.created")[0]
        assert driver.requests[-1].temperature == 1.2
        assert created["response"]["temperature"] == 1.2
        done = of(driver.finish(), "response.done")[0]
        assert done["response"]["temperature"] == 1.2
        assert driver.update()[0]["session"]["temperature"] == 0.7

    @pytest.mark.parametrize(
        ("configured", "asked", "sent"), [(0.3, None, 0.3), (0.3, 0.9, 0.9), (None, 0.9, 0.9)]
    )
    def test_the_request_wins_over_the_configuration(
        self, configured: float | None, asked: float | None, sent: float
    ) -> None:
        config = LLMConfig(
            provider="openai", api_key="k", api_base="http://127.0.0.1:9/v1", temperature=configured
        )
        request = ResponseRequest("resp_1", "", [], temperature=asked)
        service: Any = OpenAICompatibleLLM(config).create(request)
        params = service.build_chat_completion_params(
            {"messages": [], "tools": [], "tool_choice": ""}
        )
        assert params["temperature"] == sent

    def test_the_rest_of_a_response(self) -> None:
        driver = BetaDriver()
        driver.update(speed=1.5, instructions="session", voice="ash")
        created = of(
            driver.respond(
                voice="sage",
                output_audio_format="g711_ulaw",
                max_response_output_tokens=7,
                instructions="response",
                tools=[TOOL],
                tool_choice="required",
            ),
            "response.created",
        )[0]["response"]
        assert (created["voice"], created["output_audio_format"]) == ("sage", "g711_ulaw")
        assert created["max_output_tokens"] == 7
        request = driver.requests[-1]
        assert (request.voice, request.speed, request.instructions) == ("sage", 1.5, "response")
        assert (request.max_output_tokens, request.tool_choice) == (7, "required")
        assert [tool["name"] for tool in request.tools] == ["get_weather"]

    def test_manual_turns(self) -> None:
        driver = BetaDriver()
        driver.update(turn_detection=None)
        driver.append(200)
        events = driver.send("input_audio_buffer.commit")
        assert types(events) == ["input_audio_buffer.committed", "conversation.item.created"]


class TestTranscriptionSessions:
    def test_the_session_and_a_turn(self) -> None:
        driver = BetaDriver("transcription")
        detection = {key: VAD[key] for key in list(VAD)[:4]}
        assert types(driver.events) == ["transcription_session.created"]
        (updated,) = driver.transcription_update(
            input_audio_format="g711_ulaw",
            input_audio_transcription={"model": "whisper-1"},
            turn_detection={"type": "server_vad", "threshold": 0.6},
        )
        assert updated["type"] == "transcription_session.updated"
        session = dict(updated["session"])
        assert session.pop("expires_at") > 1_700_000_000
        assert session == {
            "id": "sess_1",
            "object": "realtime.transcription_session",
            "input_audio_noise_reduction": None,
            "turn_detection": {**detection, "threshold": 0.6},
            "input_audio_format": "g711_ulaw",
            "input_audio_transcription": {
                "model": "whisper-1",
                "language": None,
                "prompt": None,
            },
            "client_secret": None,
            "include": None,
        }

    def test_hints_are_taken_and_what_beta_does_not_know_is_not_told(self) -> None:
        driver = BetaDriver("transcription")
        hints = {"languages": ["de", "en"], "keywords": ["Bo"], "delay": "low"}
        (updated,) = driver.transcription_update(
            input_audio_transcription={"model": "whisper-1", **hints},
            include=["item.input_audio_transcription.logprobs"],
            turn_detection=None,
        )
        # Beta's types have three keys (§C.3).
        shown = updated["session"]["input_audio_transcription"]
        assert shown == {"model": "whisper-1", "language": None, "prompt": None}
        settings = driver.inside.config.transcription_settings
        assert settings == TranscriptionSettings(
            ("de", "en"), keywords=("Bo",), delay="low", logprobs=True
        )
        driver.append(200)
        driver.send("input_audio_buffer.commit")
        sure = TokenLogprob("Bo", b"Bo", -0.5)
        transcript = Transcript("Bo", languages=("de",), logprobs=(sure,))
        *_, done = driver.report(TurnUnderstood(driver.items()[0], transcript))
        assert done["logprobs"] == [{"token": "Bo", "bytes": [66, 111], "logprob": -0.5}]
        assert "languages" not in done

    def test_modalities_are_checked_and_mean_nothing(self) -> None:
        driver = BetaDriver("transcription")
        (updated,) = driver.transcription_update(modalities=["text"])
        assert "modalities" not in updated["session"]
        (error,) = driver.transcription_update(modalities=["audio"])
        assert error["error"]["param"] == "session.modalities"

    def test_a_realtime_update_is_refused(self) -> None:
        driver = BetaDriver("transcription")
        (error,) = driver.update(instructions="x", temperature=0.8)
        assert error["error"]["param"] == "type"
        assert error["error"]["message"] == (
            "Passing a realtime session update event to a transcription session is not allowed."
        )

    def test_errors_have_beta_paths(self) -> None:
        driver = BetaDriver("transcription")
        (error,) = driver.transcription_update(input_audio_transcription={"modell": "whisper-1"})
        assert error["error"]["param"] == "session.input_audio_transcription.modell"
        (error,) = driver.transcription_update(voice="ash")
        assert error["error"]["param"] == "session.voice"


SECRET = {"value": "ek_1", "expires_at": 1_700_000_060}


class TestEphemeralKeys:
    """The bodies of `POST /v1/realtime/sessions` and `/transcription_sessions` (§D.5)."""

    def test_a_realtime_session(self) -> None:
        event = read_session(
            {
                "model": "gpt-realtime",
                "voice": "ash",
                "temperature": 0.9,
                "client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}},
            }
        )
        minted = event.session.model_dump(exclude_unset=True)
        config = session_config()
        # As it comes out of a client secret.
        config.apply(read_minted(json.loads(json.dumps(minted))).session, voice_locked=False)
        body = beta_sessions(config.wire(), SECRET)
        assert (body["voice"], body["temperature"]) == ("ash", 0.9)
        assert body["client_secret"] == SECRET
        parsed = SessionCreateResponse.model_validate_json(json.dumps(body), strict=True)
        assert parsed.client_secret.value == "ek_1"
        assert parsed.modalities == ["audio", "text"]

    def test_a_transcription_session(self) -> None:
        body = {
            "input_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "whisper-1"},
        }
        event = read_session(body, "transcription")
        config = BetaDriver("transcription").inside.config
        config.apply(event.session, voice_locked=False)
        answer = beta_sessions(config.wire(), SECRET)
        parsed = TranscriptionSession.model_validate_json(json.dumps(answer), strict=True)
        no_unknown_fields(parsed, "transcription_sessions", CAPTURED)
        assert parsed.client_secret.expires_at == SECRET["expires_at"]
        assert parsed.input_audio_format == "g711_alaw"

    def test_paths_start_at_the_body(self) -> None:
        with pytest.raises(ProtocolError) as raised:
            read_session({"temperature": 5})
        assert raised.value.param == "temperature"
        assert raised.value.message.startswith("Invalid 'temperature': ")

    def test_what_was_minted_is_validated_as_ga(self) -> None:
        with pytest.raises(ProtocolError) as raised:
            read_minted({"type": "realtime", "modalities": ["text"]})
        assert raised.value.param == "session.modalities"

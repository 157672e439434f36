"""What a client asks for when it connects, and why it may be refused (protocol §D.7)."""

from __future__ import annotations

from typing import Any

import pytest

from config import LLMConfig
from handshake import Refused, check_handshake, model_names
from protocol import REALTIME_MODELS, error_event
from tests.session_driver import settings
from tests.wire import check_event


def connect(
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
    model: str | None = None,
) -> str:
    configured = settings(llm=LLMConfig(model=model))
    return check_handshake(configured, query or {}, headers or {}, subprotocols or [])


def refused(**request: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        connect(**request)
    # It goes to the client as an error event, then as the reason of the close frame.
    check_event(error_event(caught.value.error))
    assert len(caught.value.close_reason.encode()) <= 123
    return caught.value


@pytest.mark.parametrize("name", ["gpt-realtime", "gpt-realtime-mini", "gpt-4o-realtime-preview"])
def test_the_models_of_existing_clients_are_served_under_their_names(name: str) -> None:
    assert name in REALTIME_MODELS
    assert connect({"model": name}) == name


def test_the_configured_model_may_be_asked_for() -> None:
    assert connect({"model": "llama3:8b"}, model="llama3:8b") == "llama3:8b"
    assert "llama3:8b" in model_names(settings(llm=LLMConfig(model="llama3:8b")))


def test_a_model_is_listed_once() -> None:
    names = model_names(settings(llm=LLMConfig(model="gpt-realtime")))
    assert len(names) == len(set(names)) == len(REALTIME_MODELS)


def test_without_a_model_the_configured_one_is_served() -> None:
    assert connect(model="llama3:8b") == "llama3:8b"
    assert connect({"model": ""}, model="llama3:8b") == "llama3:8b"
    assert connect() in REALTIME_MODELS


def test_an_unknown_model_is_refused_in_the_service_s_words() -> None:
    refusal = refused(query={"model": "gpt-nope"})
    assert refusal.error.code == "invalid_model"
    assert refusal.error.message.startswith('Model "gpt-nope" is not supported in realtime mode')
    assert refusal.close_reason == "invalid_request_error.invalid_model"


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"openai-beta": "realtime=v1"}},
        {"headers": {"openai-beta": "assistants=v2, realtime=v1"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.x", "openai-beta.realtime-v1"]},
    ],
    ids=["header", "one of several", "subprotocol"],
)
def test_the_beta_dialect_is_refused_in_the_service_s_words(request_: dict[str, Any]) -> None:
    refusal = refused(query={"model": "gpt-realtime"}, **request_)
    assert refusal.error.code == "beta_api_shape_disabled"
    assert refusal.error.message == (
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
    )
    assert refusal.close_reason == "invalid_request_error.beta_api_shape_disabled"


@pytest.mark.parametrize(
    "query", [{"intent": "transcription"}, {"intent": "transcription", "model": "gpt-realtime"}]
)
def test_transcription_sessions_are_refused(query: dict[str, str]) -> None:
    assert "transcription" in refused(query=query).error.message


def test_joining_a_call_is_refused() -> None:
    assert refused(query={"call_id": "rtc_1"}).error.code == "call_id_not_found"


def test_what_else_clients_send_is_ignored() -> None:
    assert (
        connect(
            {"model": "gpt-realtime", "temperature": "0.8", "voice": "alloy"},
            {"authorization": "Bearer x", "openai-beta": "assistants=v2", "user-agent": "x"},
            ["realtime", "openai-insecure-api-key.x", "openai-agents-sdk.1", "openai-project.y"],
        )
        == "gpt-realtime"
    )


def test_a_refusal_without_a_code_closes_without_one() -> None:
    refusal = Refused(None, "No.")
    assert refusal.close_reason == "invalid_request_error"
    assert refusal.error.code is None

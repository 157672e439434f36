"""What a client asks for when it connects, and why it may be refused (protocol §D.7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config import LLMConfig, ServerConfig
from protocol import REALTIME_MODELS
from serving.access.client_secrets import ClientSecrets
from serving.access.keys import Access, AccessDenied
from serving.handshake import Handshake, Service, check_handshake
from serving.model_names import model_names
from serving.refused import Refused
from session.ports import CloseReason
from tests.support.session_driver import settings
from tests.support.strict_reader import check_event
from wire.envelope import error_event

SECRETS = ClientSecrets(None)


def minted(session: dict[str, Any], expires_at: int = 2**40) -> str:
    return SECRETS.mint(session, expires_at)


def asked(
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
    *,
    model: str | None = None,
    service: Service = Service.OPENAI,
    strict: bool = False,
) -> Handshake:
    server = ServerConfig(models_strict=strict)
    configured = settings(llm=LLMConfig(model=model), server=server)
    headers, subprotocols = headers or {}, subprotocols or []
    minted = Access(configured.server, SECRETS).admit(headers, subprotocols).minted
    return check_handshake(configured, query or {}, headers, subprotocols, minted, service)


def connect(query: dict[str, str] | None = None, model: str | None = None) -> str:
    return asked(query, model=model).model


def refused(**request: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        asked(**request)
    # It goes to the client as an error event, then as the reason of the close frame.
    check_event(error_event(caught.value.error).wire())
    assert len(caught.value.close_message.encode()) <= 123
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


def test_any_name_is_served_unless_the_server_is_strict() -> None:
    assert connect({"model": "gpt-nope"}) == "gpt-nope"
    refusal = refused(query={"model": "gpt-nope"}, strict=True)
    assert refusal.error.code == "invalid_model"
    assert refusal.error.message.startswith('Model "gpt-nope" is not supported in realtime mode')
    assert refusal.close_message == "invalid_request_error.invalid_model"
    key = minted({"type": "realtime", "model": "gpt-nope"})
    bearer = {"authorization": f"Bearer {key}"}
    assert asked({"model": "gpt-realtime"}, bearer).model == "gpt-nope"
    assert refused(headers=bearer, strict=True).error.code == "invalid_model"


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"openai-beta": "realtime=v1"}},
        {"headers": {"openai-beta": "assistants=v2, realtime=v1"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.x", "openai-beta.realtime-v1"]},
    ],
    ids=["header", "one of several", "subprotocol"],
)
def test_the_beta_dialect_is_asked_for_by_header_or_subprotocol(request_: dict[str, Any]) -> None:
    assert asked({"model": "gpt-realtime"}, **request_).beta


@pytest.mark.parametrize("model", ["gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"])
def test_a_model_of_the_ga_api_is_refused_to_a_beta_client(model: str) -> None:
    beta = {"openai-beta": "realtime=v1"}
    assert asked({"model": model}, beta).beta
    refusal = refused(query={"model": model}, headers=beta, strict=True)
    assert refusal.error.message == f'Model "{model}" is only available on the GA API.'
    assert refusal.close_message == "invalid_request_error.invalid_model"


def test_a_dated_snapshot_of_the_first_generation_is_served_to_a_beta_client() -> None:
    name, beta = "gpt-realtime-2025-08-28", {"openai-beta": "realtime=v1"}
    assert asked({"model": name}, beta, strict=True).model == name


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["", "whisper-1", "gpt-realtime", "my-own-recogniser"])
def test_a_transcription_session_has_the_model_that_the_url_names(name: str, strict: bool) -> None:
    handshake = asked({"intent": "transcription", "model": name}, strict=strict)
    assert (handshake.kind, handshake.model) == ("transcription", name)


@pytest.mark.parametrize("name", ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_a_model_that_transcribes_cannot_answer(name: str) -> None:
    handshake = asked({"model": name})
    assert (handshake.kind, handshake.model) == ("transcription", name)
    refusal = refused(query={"model": name}, strict=True)
    assert refusal.error.message.startswith(
        f'Model "{name}" is a transcription model and cannot be used as the realtime session model'
    )
    assert refusal.close_message == "invalid_request_error.invalid_model"


def test_another_intent_is_refused() -> None:
    refusal = refused(query={"intent": "conversation"})
    assert (refusal.error.code, refusal.reason) == ("invalid_value", CloseReason.BAD_REQUEST)
    assert refusal.http_status is None


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("service", [Service.AZURE, Service.AZURE_PREVIEW])
def test_azure_s_deployments_have_names_of_their_own(service: Service, strict: bool) -> None:
    for name in ("deployment", "model"):
        assert asked({name: "my-voice"}, service=service, strict=strict).model == "my-voice"
    transcribing = asked({"intent": "transcription", "deployment": "my-ears"}, service=service)
    assert (transcribing.kind, transcribing.model) == ("transcription", "my-ears")
    assert asked({"deployment": "my-voice"}).model in REALTIME_MODELS
    named = asked({"deployment": "whisper-1"}, service=service, strict=strict)
    assert (named.kind, named.model) == ("transcription", "whisper-1")


@pytest.mark.parametrize("headers", [{}, {"openai-beta": "realtime=v1"}])
def test_azure_s_paths_choose_the_dialect(headers: dict[str, str]) -> None:
    assert not asked({}, headers, service=Service.AZURE).beta
    assert asked({}, headers, service=Service.AZURE_PREVIEW).beta


def test_a_client_secret_decides_kind_and_model() -> None:
    key = minted({"type": "realtime", "model": "gpt-realtime-mini"})
    handshake = asked({"model": "gpt-realtime"}, {"authorization": f"Bearer {key}"})
    assert handshake.model == "gpt-realtime-mini"
    key = minted({"type": "transcription"})
    handshake = asked({}, {"authorization": f"bearer {key}"})
    assert (handshake.kind, handshake.minted) == ("transcription", {"type": "transcription"})


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"authorization": "Bearer {key}"}},
        {"headers": {"api-key": "{key}"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.{key}"]},
    ],
    ids=["bearer", "azure", "browser"],
)
@pytest.mark.parametrize("key", ["ek_forged", "expired"])
def test_a_bad_client_secret_is_refused_wherever_it_stands(
    request_: dict[str, Any], key: str
) -> None:
    value = minted({"type": "realtime"}, expires_at=1) if key == "expired" else key
    request_ = json.loads(json.dumps(request_).replace("{key}", value))
    with pytest.raises(AccessDenied) as denied:
        asked(**request_)
    assert denied.value.error.code == "invalid_api_key"
    assert value not in denied.value.error.message


def test_a_client_secret_of_one_kind_opens_no_session_of_the_other() -> None:
    realtime = {"authorization": f"Bearer {minted({'type': 'realtime'})}"}
    assert refused(query={"intent": "transcription"}, headers=realtime).error.param == "intent"
    transcription = {"authorization": f"Bearer {minted({'type': 'transcription'})}"}
    refusal = refused(query={"model": "gpt-realtime"}, headers=transcription)
    assert refusal.error.message == (
        "You must not provide a model parameter for transcription sessions without "
        "intent=transcription."
    )
    query = {"model": "whisper-1", "intent": "transcription"}
    assert asked(query, transcription).model == "whisper-1"


def test_what_else_clients_send_is_ignored() -> None:
    handshake = asked(
        {"model": "gpt-realtime", "temperature": "0.8", "voice": "alloy"},
        {"authorization": "Bearer x", "openai-beta": "assistants=v2", "user-agent": "x"},
        ["realtime", "openai-insecure-api-key.x", "openai-agents-sdk.1", "openai-project.y"],
    )
    assert handshake == Handshake("realtime", "gpt-realtime")


def test_a_refusal_without_a_code_closes_without_one() -> None:
    refusal = Refused(None, "No.")
    assert refusal.close_message == "invalid_request_error"
    assert refusal.error.code is None

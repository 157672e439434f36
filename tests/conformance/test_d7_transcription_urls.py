"""Recognisers' clients name the intent and the model in one URL (protocol §D.7, B.11)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.running_server import RunningServer, plain_http, running
from tests.support.wire_client import client, refusal, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ["whisper-1", "gpt-4o-mini-transcribe", "gpt-realtime", "my-own-recogniser", "org/name:1"]
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


def at(server: RunningServer, query: str) -> str:
    return f"{server.url.partition('?')[0]}{query}"


async def minted(server: RunningServer, **session: Any) -> dict[str, Any]:
    """Make a client secret, and return how to connect with it."""
    async with plain_http() as http:
        made = await http.post(
            f"{server.http}/v1/realtime/client_secrets", json={"session": session}
        )
    return {"additional_headers": {"Authorization": f"Bearer {made.json()['value']}"}}


@pytest.mark.parametrize("name", NAMES)
async def test_the_session_transcribes_by_the_named_model(server: RunningServer, name: str) -> None:
    async with client(at(server, f"?intent=transcription&model={name}")) as wire:
        session = wire.events[0]["session"]
        assert session["type"] == "transcription"
        assert session["audio"]["input"]["transcription"]["model"] == name
        # LiveKit and LiteLLM send the same again.
        same = {"audio": {"input": {"transcription": {"model": name}}}}
        await wire.send("session.update", session={"type": "transcription", **same})
        assert (await wire.until("session.updated"))["session"]["type"] == "transcription"


async def test_a_client_that_updates_nothing_gets_transcripts(server: RunningServer) -> None:
    async with client(at(server, "?intent=transcription&model=whisper-1")) as wire:
        await wire.append(speech())
        assert (await wire.until(TRANSCRIBED))["transcript"] == "hello there"


async def test_without_a_model_nothing_is_transcribed_before_an_update(
    server: RunningServer,
) -> None:
    for query in ("?intent=transcription", "?intent=transcription&model="):
        async with client(at(server, query)) as wire:
            assert wire.events[0]["session"]["audio"]["input"]["transcription"] is None


async def test_a_beta_client_gets_the_same_in_its_dialect(server: RunningServer) -> None:
    url = at(server, "?intent=transcription&model=my-own-recogniser")
    async with connect(url, additional_headers={"OpenAI-Beta": "realtime=v1"}) as socket:
        created = json.loads(await socket.recv())
        assert created["type"] == "transcription_session.created"
        assert created["session"]["input_audio_transcription"]["model"] == "my-own-recogniser"


@pytest.mark.parametrize(
    ("minted_transcription", "echoed"),
    [
        ({"model": "gpt-4o-transcribe"}, {"model": "gpt-4o-transcribe", "language": None}),
        ({"language": "de"}, {"model": "whisper-1", "language": "de"}),
        (None, None),
    ],
)
async def test_what_was_minted_holds_against_the_url(
    server: RunningServer,
    minted_transcription: dict[str, str] | None,
    echoed: dict[str, str | None] | None,
) -> None:
    audio = {"input": {"transcription": minted_transcription}}
    options = await minted(server, type="transcription", audio=audio)
    async with client(at(server, "?intent=transcription&model=whisper-1"), **options) as wire:
        found = wire.events[0]["session"]["audio"]["input"]["transcription"]
    assert (found and {key: found[key] for key in ("model", "language")}) == echoed


async def test_a_secret_that_says_nothing_of_transcription_leaves_it_to_the_url(
    server: RunningServer,
) -> None:
    options = await minted(server, type="transcription")
    async with client(at(server, "?intent=transcription&model=whisper-1"), **options) as wire:
        assert wire.events[0]["session"]["audio"]["input"]["transcription"]["model"] == "whisper-1"


async def test_a_secret_for_transcription_wants_the_intent_beside_a_model(
    server: RunningServer,
) -> None:
    options = await minted(server, type="transcription")
    error, code, _ = await refusal(at(server, "?model=gpt-realtime"), **options)
    assert (error["param"], code) == ("model", 4000)
    assert "intent=transcription" in error["message"]

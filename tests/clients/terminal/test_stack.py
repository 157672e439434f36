"""What answers is asked of the server, and shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from clients.sdk import make_client
from clients.terminal.stack import what_answers
from clients.terminal.view import Stack
from tests.clients.terminal.bench import session
from tests.support.running_server import running, scripted_settings, serving


@asynccontextmanager
async def service(answer: Response) -> AsyncIterator[Any]:
    """A service whose model is this; yields a client of the SDK."""
    app = FastAPI()
    app.add_api_route("/v1/models/{name:path}", lambda: answer)
    async with (
        serving(app) as port,
        make_client(f"ws://127.0.0.1:{port}/v1/realtime", "x") as sdk,
    ):
        yield sdk


async def test_this_server_tells() -> None:
    async with (
        running(scripted_settings()) as server,
        make_client(f"ws://127.0.0.1:{server.port}", "x") as sdk,
    ):
        assert await what_answers(sdk, "org/any") == Stack("scripted", "scripted", "scripted")


async def test_others_do_not() -> None:
    model = {"id": "gpt-realtime", "object": "model", "created": 0, "owned_by": "openai"}
    for answer in (
        JSONResponse(model),
        JSONResponse({**model, "stack": "cards"}),
        JSONResponse({**model, "stack": {"stt": "a", "llm": 5, "tts": ""}}),
        JSONResponse({"error": {"message": "no"}}, 404),
        Response("{", media_type="application/json"),
        PlainTextResponse("hello"),
    ):
        async with service(answer) as sdk:
            assert await what_answers(sdk, "gpt-realtime") is None
            assert await what_answers(sdk, "") is None


async def test_nobody_is_there() -> None:
    async with make_client("ws://127.0.0.1:9", "x") as sdk:
        assert await what_answers(sdk, "gpt-realtime") is None


def test_a_stack_has_a_short_name() -> None:
    assert str(Stack("whisper base (int8)", "llama at host", "hibari")) == (
        "whisper base → llama at host → hibari"
    )
    mixed = Stack("embedded (ears, US English)", "embedded (rules)", "embedded (a + b)")
    assert str(mixed) == "ears → rules → a + b"
    assert str(Stack("scripted", "scripted", "scripted")) == "scripted"


async def test_it_is_shown_in_place_of_the_models_name_and_in_the_details() -> None:
    async with session() as it:
        assert it.bar("status") == "● connected · gpt-realtime · voice marin"
        it.app.show_stack(Stack("ears (large)", "brain", "mouth"))
        assert it.bar("status") == (
            "● connected · hears ears · answers brain · speaks mouth · voice marin"
        )
        await it.press("i")
        shown = " ".join(str(part.render()) for part in it.app.screen.query("DetailsDialog Static"))
        for detail in ("sess_1", "gpt-realtime", "marin", "ears (large)", "brain", "mouth"):
            assert detail in shown
        await it.press("i")
        assert not it.app.screen.is_modal


async def test_nothing_of_openais_variables_is_sent_to_another_server(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-for-openai-alone")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-for-openai-alone")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Key: sk-for-openai-alone")
    sent: list[str] = []

    async def answer(request: Request) -> JSONResponse:
        sent.extend(request.headers.values())
        return JSONResponse({"id": "any", "object": "model", "created": 0, "owned_by": "me"})

    app = FastAPI()
    app.add_api_route("/v1/models/{name:path}", answer)
    async with serving(app) as port, make_client(f"ws://127.0.0.1:{port}", "x") as sdk:
        await what_answers(sdk, "any")
        await sdk.models.retrieve("any")
    assert "Bearer x" in sent
    assert not [value for value in sent if "for-openai-alone" in value]

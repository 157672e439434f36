"""The log as machines and people read it, and what level lets through."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from loguru import logger

from config import ServerConfig
from main import create_app
from telemetry.logs import configure_logging
from tests.support.fake_openai import FakeOpenAI
from tests.support.running_server import running, scripted_settings, serving
from tests.support.wire_client import client, speech


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    logging.basicConfig(handlers=[], force=True)
    logger.remove()
    logger.disable("pipecat")


async def test_every_line_is_an_object_with_ids_durations_and_outcome(capsys):
    configure_logging(ServerConfig(log_json=True))
    async with running() as server:
        async with client(server.url) as wire:
            await wire.append(speech())
            done = await wire.until("response.done")
        await server.emptied()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    opened, answered, closed = lines
    session_id = wire.events[0]["session"]["id"]
    assert all(line["session_id"] == session_id for line in lines)
    assert all(line["level"] == "info" and line["time"] and line["message"] for line in lines)
    assert (opened["event"], closed["event"]) == ("session.opened", "session.closed")
    assert answered["event"] == "response"
    assert answered["response_id"] == done["response"]["id"]
    assert answered["item_id"] == wire.of("input_audio_buffer.committed")[0]["item_id"]
    assert answered["outcome"] == "completed"
    stages = [
        answered[f"{stage}_ms"] for stage in ("transcript", "first_text", "first_audio", "done")
    ]
    assert stages == sorted(stages)
    assert closed["responses"] == 1
    assert closed["reason"] == "the client left"


async def test_a_mistake_of_ours_does_not_go_unnoticed(capsys):
    configure_logging(ServerConfig(log_json=True))
    settings = scripted_settings()
    app = create_app(settings)

    async def broken() -> None:
        raise ValueError("a mistake")

    app.add_api_route("/broken", broken)
    async with serving(app, settings=settings) as port, httpx.AsyncClient() as http:
        await app.state.lifecycle.started()
        assert (await http.get(f"http://127.0.0.1:{port}/broken")).status_code == 500
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["level"], line["logger"]) == ("error", "uvicorn.error")
    assert "ValueError: a mistake" in line["exception"]


def test_what_libraries_say_is_in_the_same_form_and_only_when_it_matters(capsys):
    configure_logging(ServerConfig(log_json=True))
    library = logging.getLogger("some.library")
    library.info("all is well")
    library.warning("look at %s", "this")
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["level"], line["logger"]) == ("warning", "some.library")
    assert line["message"] == "look at this"


async def test_a_failure_names_its_code_and_an_exception_its_traceback(capsys):
    configure_logging(ServerConfig(log_json=True, log_level="warning"))
    settings = scripted_settings(llm={"fail": "start"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("hi")
        await wire.until("response.done")
    password = "hunter2"
    try:
        raise ValueError("broken" + password[7:])
    except ValueError:
        logger.exception("it failed")
    failed, broken = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (failed["level"], failed["outcome"]) == ("warning", "failed")
    assert failed["error_code"]
    assert "ValueError: broken" in broken["exception"]
    assert password not in broken["exception"]


def test_a_level_keeps_back_what_is_below_it(capsys):
    configure_logging(ServerConfig(log_level="warning"))
    logger.info("usual")
    logger.warning("unusual")
    said = capsys.readouterr().err
    assert "unusual" in said
    assert "usual\n" not in said.replace("unusual\n", "")
    configure_logging(ServerConfig(debug=True))
    logger.debug("detail")
    assert "detail" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_key_that_a_service_quotes_is_in_no_line_not_even_of_pipecats(
    as_json: bool, capsys
):
    key = 'bt_OPERATORKEY/stack+"beta"==0123'
    fake = FakeOpenAI()
    fake.status = 401
    in_a_url = "bt_OPERATORKEY%2Fstack%2B%22beta%22%3D%3D0123"
    fake.refusal = f"Incorrect API key provided: {key}. See x?key={in_a_url}"
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        llm = {"provider": "openai", "api_base": base, "api_key": key, "retries": 0}
        settings = scripted_settings(llm=llm, server={"debug": True, "log_json": as_json})
        configure_logging(settings.server, settings.key_texts())
        async with running(settings) as server, client(server.url) as wire:
            await wire.say("hi")
            assert (await wire.until("response.done"))["response"]["status"] == "failed"
    said = capsys.readouterr().err
    assert "Incorrect API key provided: ***" in said
    assert "OPERATORKEY" not in said


async def test_a_key_that_is_a_word_is_hidden_where_it_is_quoted_and_stays_in_names(capsys):
    fake = FakeOpenAI()
    fake.status = 500
    fake.refusal = "ollama-m is not loaded. API key provided: ollama. See 'ollama serve'"
    async with serving(fake.app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        llm = {"provider": "openai", "api_base": base, "api_key": "ollama", "retries": 0}
        settings = scripted_settings(llm={**llm, "model": "ollama-m"}, server={"debug": True})
        configure_logging(settings.server, settings.key_texts())
        async with running(settings) as server, client(server.url) as wire:
            await wire.say("hi")
            done = (await wire.until("response.done"))["response"]
    told = done["status_details"]["error"]["message"]
    assert told.startswith("LLM ollama-m at 127.0.0.1 failed")
    said = capsys.readouterr().err
    assert "ollama-m is not loaded. API key provided: ***. See 'ollama serve'" in said
    assert "provided: ollama" not in said + told

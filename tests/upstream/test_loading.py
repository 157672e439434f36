"""What the settings make of an upstream, and what operators and clients are told of it."""

from __future__ import annotations

from typing import Any

import pytest
from loguru import logger

from config import ConfigError, load_settings
from main import create_app
from pipeline_manager import pipelines_for
from providers import ProviderSetupError
from serving.check_verdicts import table
from serving.stack_check import check
from tests.support.fake_realtime import KEY, fake_realtime
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.translating import address
from tests.support.upstream_stack import stack, upstream_settings
from tests.support.wire_client import client, refusal


async def test_check_says_that_it_answers_and_how_soon():
    async with fake_realtime() as service:
        (verdict,) = await check(upstream_settings(service.url))
    assert (verdict.stage, verdict.provider, verdict.error) == ("Upstream", "openai", None)
    assert verdict.first_result_ms is not None
    assert "answered “It is sunny, and warm.” in 0.6 s of audio" in table([verdict])


@pytest.mark.parametrize(
    ("fault", "reachable", "told"),
    [
        ({"status": 401}, "yes", "Check upstream.api_key."),
        ({"refusal": "invalid_api_key"}, "yes", "Check upstream.api_key."),
        ({"failure": ("rate_limit_exceeded", "Slower.")}, "yes", "Try again later"),
    ],
)
async def test_check_says_what_is_to_be_done(fault, reachable, told):
    async with fake_realtime(**fault) as service:
        (verdict,) = await check(upstream_settings(service.url))
    assert verdict.reachable == reachable
    assert verdict.error is not None
    assert told in verdict.error.message
    assert KEY not in table([verdict])


async def test_operators_are_told_of_the_upstream_alone():
    async with stack() as (service, server, _wire), plain_http() as http:
        ready = (await http.get(f"{server.http}/ready")).json()
        assert ready["providers"] == {"upstream": f"127.0.0.1:{service.port}"}
        model = (await http.get(f"{server.http}/v1/models/gpt-realtime")).json()
        assert model["stack"] == {"name": "default", "upstream": "gpt-realtime at 127.0.0.1"}
        state = (await http.get(f"{server.http}/console/state")).json()
        assert state["stack"] == {"upstream": "gpt-realtime at 127.0.0.1"}
        assert server.manager.describe()["Upstream"] == "gpt-realtime at 127.0.0.1"


async def test_an_upstream_that_is_not_there_is_not_ready():
    settings = upstream_settings("ws://127.0.0.1:9/v1/realtime")
    async with running(settings, pipelines_for(settings)) as server, plain_http() as http:
        answer = await http.get(f"{server.http}/ready")
        assert answer.status_code == 503
        assert "upstream" in answer.json()["providers"]


async def test_its_failures_are_counted_and_its_sessions_limited_as_all_are():
    async with stack({"status": 401}) as (_service, server, wire), plain_http() as http:
        await wire.say("hello")
        await wire.until("response.done")
        metrics = (await http.get(f"{server.http}/metrics")).text
        assert 'stage="Upstream"' in metrics


async def test_another_stack_of_the_server_may_have_an_upstream():
    async with fake_realtime() as service:
        upstream = {"provider": "openai", "url": service.url, "api_key": KEY}
        settings = scripted_settings(stacks={"live": {"upstream": upstream}})
        async with running(settings) as server:
            url = server.url.replace("gpt-realtime", "live")
            async with client(url) as wire, client(server.url) as beside:
                await wire.say("hello")
                await beside.say("hello")
                spoken = (await wire.until("response.done"))["response"]["output"]
                own = (await beside.until("response.done"))["response"]["output"]
        assert spoken[0]["content"][0]["transcript"] == "It is sunny, and warm."
        assert own[0]["content"][0]["transcript"].startswith("Certainly.")
        assert len(service.calls) == 1


async def test_a_stack_does_not_take_over_the_server_s_upstream():
    async with fake_realtime() as service:
        scripted = {kind: {"provider": "scripted"} for kind in ("stt", "llm", "tts")}
        settings = upstream_settings(service.url, stacks={"own": scripted})
        async with (
            running(settings, pipelines_for(settings)) as server,
            client(server.url.replace("gpt-realtime", "own")) as wire,
        ):
            await wire.say("hello")
            done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert not service.calls


def test_openai_itself_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ProviderSetupError, match=r"needs OPENAI_API_KEY, or upstream\.url"):
        create_app(load_settings(upstream={"provider": "openai"}))


async def test_the_key_of_openai_is_sent_to_no_other_server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-openai-alone")
    async with stack(api_key=None) as (service, _server, wire):
        await wire.say("hello")
        await wire.until("response.done")
        assert "authorization" not in service.calls[0].headers


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"provider": "nobody"}, "upstream.provider"),
        ({"url": "ws://localhost:8001"}, "upstream.url is set, but upstream.provider is not"),
        ({"model": "m", "api_key": "k"}, "upstream.api_key is set, but upstream.provider is not"),
        ({"provider": "openai", "url": "localhost:8001"}, "no address of a Realtime service"),
        ({"provider": "openai", "colour": "red"}, "upstream.colour"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any], told):
    with pytest.raises(ConfigError, match=told):
        load_settings(upstream=given)


async def test_tables_that_have_no_effect_beside_it_are_named_at_start():
    groups: dict[str, Any] = {"llm": {"model": "x"}, "stt": {"language": "de"}}
    upstream = {"provider": "openai", "url": "ws://127.0.0.1:9/v1/realtime", "api_key": KEY}
    settings = load_settings(upstream=upstream, **groups)
    lines: list[str] = []
    sink = logger.add(lambda told: lines.append(str(told)), level="WARNING")
    try:
        async with running(settings, pipelines_for(settings)):
            pass
    finally:
        logger.remove(sink)
    assert any("[stt], [llm]: not used, as [upstream] hears and speaks" in one for one in lines)


def test_options_that_it_does_not_know_are_refused():
    settings = upstream_settings("ws://localhost:1/v1/realtime", options={"colour": "red"})
    with pytest.raises(ProviderSetupError, match=r"upstream\.options\.colour"):
        pipelines_for(settings)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("{base}/v1/realtime", "/v1/realtime"),
        ("{base}/v1/", "/v1/realtime"),
        ("{base}", "/v1/realtime"),
        ("{base}/openai/v1/realtime?api-version=1", "/openai/v1/realtime"),
    ],
)
async def test_the_address_may_be_a_base_url(given, path):
    async with fake_realtime() as service:
        url = given.format(base=f"http://127.0.0.1:{service.port}")
        settings = upstream_settings(url, model="deployment-7")
        async with running(settings, pipelines_for(settings)) as server, client(server.url) as wire:
            await wire.say("hello")
            await wire.until("response.done")
        assert service.calls[0].path == path
        assert service.calls[0].query["model"] == ["deployment-7"]


def test_processors_have_no_place_in_it():
    settings = upstream_settings("ws://127.0.0.1:9/v1/realtime")
    own = ["pipecat.processors.logger:FrameLogger"]
    settings = settings.model_copy(
        update={"processors": settings.processors.model_copy(update={"before_voice": own})}
    )
    with pytest.raises(ProviderSetupError, match="no stages between which processors"):
        pipelines_for(settings)


async def test_it_opens_no_translation_session():
    async with stack() as (_service, server, _wire):
        refused = await refusal(address(server))
    assert refused.error["code"] == "unsupported_endpoint"


def test_a_voice_that_it_does_not_have_is_refused_at_the_start():
    changed = {"voice_id": "nonsense", "options": {"voices": ["nova", "alloy"]}}
    with pytest.raises(ProviderSetupError, match=r"'nonsense' is no voice of .*: .*alloy, nova"):
        pipelines_for(upstream_settings("ws://localhost:1", **changed))
    # Another server may have any.
    pipelines_for(upstream_settings("ws://localhost:1", voice_id="nonsense"))

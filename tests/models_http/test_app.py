"""The application: who is let in, what it has, and how it begins and ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError, NotFoundError
from prometheus_client.parser import text_string_to_metric_families

from config import ConfigError, Settings
from models_http.app import models_app
from models_http.engines import Engines
from providers.base import ProviderSetupError
from tests.providers.held import HeldVoice
from tests.support.model_server import models
from tests.support.places import ROOT
from tests.support.running_server import plain_http, scripted_settings, serving

KEY = "k-0123456789abcdef"
PROBES = ("/livez", "/readyz", "/health")


async def test_with_keys_all_but_the_probes_need_one():
    settings = scripted_settings(server={"api_keys": [KEY]})
    async with models(settings, key="k-another-key-altogether") as server:
        for path in PROBES:
            assert (await server.get(path)).status_code == 200
        for path in ("/v1/models", "/v1/audio/voices", "/metrics"):
            refused = await server.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        for path in ("/v1/audio/speech", "/v1/audio/transcriptions"):
            assert (await server.post(path, json={})).status_code == 401
        with pytest.raises(AuthenticationError, match="Incorrect API key"):
            await server.sdk.models.list()
    async with models(settings, key=KEY) as server:
        assert (await server.sdk.models.list()).data


async def test_pages_of_other_sites_are_refused():
    async with models() as server:
        page = {"Origin": "https://evil.example"}
        answer = await server.post("/v1/audio/speech", json={}, headers=page)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "origin_not_allowed"


async def test_models_and_voices_are_listed():
    voice = HeldVoice()
    voice.voices = frozenset({"anna"})
    voice.named_voices = {"alloy": "anna"}
    settings = scripted_settings(tts={"provider": "scripted", "model": "tiny"})
    async with models(settings, tts=voice) as server:
        listed = (await server.sdk.models.list()).data
        assert [(one.id, one.owned_by) for one in listed] == [
            ("scripted", "open-realtime-server"),
            ("tiny", "open-realtime-server"),
        ]
        assert (await server.sdk.models.retrieve("tiny")).id == "tiny"
        with pytest.raises(NotFoundError, match="'huge' is not served"):
            await server.sdk.models.retrieve("huge")
        voices = (await server.get("/v1/audio/voices")).json()
    assert voices["voices"] == ["alloy", "anna"]
    assert voices["data"][0]["speaks_as"] == "anna"


async def test_one_of_the_two_may_be_served_alone():
    async with models(kinds=("tts",)) as server:
        assert (await server.sdk.models.list()).data[0].model_dump()["tasks"] == ["speech"]
        absent = await server.post("/v1/audio/transcriptions", json={})
        assert absent.status_code == 404
        assert "POST /v1/audio/transcriptions here" in absent.json()["error"]["message"]
    async with models(kinds=("stt",)) as server:
        assert (await server.get("/v1/audio/voices")).status_code == 404
        assert (await server.get("/v1/audio/transcriptions")).status_code == 405


class Loading(HeldVoice):
    """A voice that loads until it is told that it is there."""

    def __init__(self) -> None:
        super().__init__(first=0)
        self.loaded = asyncio.Event()
        self.closed = False

    async def start(self) -> None:
        await self.loaded.wait()

    async def close(self) -> None:
        self.closed = True


async def test_a_server_that_is_told_to_end_while_it_loads_has_not_failed():
    engines = Engines(scripted_settings(), tts=Loading())
    app = models_app(scripted_settings(), engines, lambda: None)
    async with serving(app) as port, plain_http() as http:
        assert (await http.get(f"http://127.0.0.1:{port}/livez")).status_code == 200
    # Its exit status comes of that.
    assert engines.state == "starting"


async def test_the_port_is_open_while_the_engines_load_and_calls_are_told_so():
    voice = Loading()
    settings = scripted_settings()
    app = models_app(settings, Engines(settings, tts=voice), voice.begun.set)
    async with serving(app) as port, plain_http() as http:
        base = f"http://127.0.0.1:{port}"
        assert (await http.get(f"{base}/livez")).status_code == 200
        for path in ("/readyz", "/health"):
            answer = await http.get(f"{base}{path}")
            assert (answer.status_code, answer.json()["status"]) == (503, "starting")
        early = await http.post(f"{base}/v1/audio/speech", json={})
        assert early.status_code == 503
        assert early.json()["error"]["code"] == "server_starting"
        assert early.headers["retry-after"] == "1"
        voice.loaded.set()
        await voice.begun.wait()
        assert (await http.get(f"{base}/readyz")).status_code == 200
        assert not voice.closed
    assert voice.closed


async def test_at_the_end_calls_are_finished_and_new_ones_refused():
    voice = HeldVoice()
    async with models(tts=voice) as server, plain_http() as http:
        body = {"input": "Hi.", "model": "tts-1", "voice": "x", "response_format": "pcm"}
        async with http.stream("POST", f"{server.base}/audio/speech", json=body) as response:
            pieces = response.aiter_raw()
            await anext(pieces)
            draining = asyncio.create_task(server.engines.drain(60))
            await asyncio.sleep(0)
            assert (await server.get("/readyz")).status_code == 503
            assert (await server.get("/livez")).status_code == 200
            late = await server.post("/v1/audio/speech", json=body)
            assert late.json()["error"]["code"] == "server_draining"
            assert not draining.done()
            voice.go_on.set()
            assert [piece async for piece in pieces]
        async with asyncio.timeout(30):
            await draining


async def test_who_hurries_waits_for_no_call():
    voice = HeldVoice()
    async with models(tts=voice) as server, plain_http() as http:
        body = {"input": "Hi.", "model": "tts-1", "voice": "x", "response_format": "pcm"}
        async with http.stream("POST", f"{server.base}/audio/speech", json=body) as response:
            await anext(response.aiter_raw())
            draining = asyncio.create_task(server.engines.drain(600))
            await asyncio.sleep(0)
            server.engines.hurry()
            async with asyncio.timeout(30):
                await draining


async def test_engines_that_cannot_be_loaded_end_the_start(capsys):
    class Missing(HeldVoice):
        async def start(self) -> None:
            raise ProviderSetupError("The model is missing: get it.")

    failed = asyncio.Event()
    engines = Engines(scripted_settings(), tts=Missing())
    app = models_app(scripted_settings(), engines, on_failed_start=failed.set)
    async with serving(app) as port, plain_http() as http:
        async with asyncio.timeout(30):
            await failed.wait()
        answer = await http.get(f"http://127.0.0.1:{port}/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "failed")
    assert "The model is missing: get it." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ({"server": {"workers": 2}}, r"server\.workers is 2"),
        ({"stacks": {"fast": {}}}, r"name others \(fast\)"),
        ({"upstream": {"provider": "openai"}}, r"upstream\.provider is openai"),
    ],
)
def test_what_it_would_not_heed_is_refused(groups, named):
    with pytest.raises(ConfigError, match=named):
        Engines(scripted_settings(**groups))


def document() -> str:
    return (ROOT / "docs" / "model-server.md").read_text(encoding="utf-8")


def rows(text: str, prefix: str) -> dict[str, str]:
    """Return name → second cell of the rows whose first cell begins with `prefix`."""
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    named = {cell[0].strip().strip("`"): cell[1].strip() for cell in cells}
    return {name: told for name, told in named.items() if name.startswith(prefix)}


def test_every_setting_is_in_the_document_with_its_default():
    def written(value: Any) -> str:
        if value is None:
            return "none"
        return f"{value:g}" if isinstance(value, float) else str(value)

    defaults = {f"model_server.{name}": written(v) for name, v in Settings().model_server}
    assert rows(document(), "model_server.") == defaults


async def test_every_metric_is_in_the_document_with_its_type():
    async with models() as server:
        text = (await server.get("/metrics")).text
    made = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(text)
        if family.name.startswith("models_") and not family.name.endswith("_created")
    }
    assert rows(document(), "models_") == made


def test_the_document_names_what_is_there():
    for name in ("requirements/sound.txt", "benchmarks/model_server.py"):
        assert Path(ROOT / name).is_file()
        assert name.removesuffix(".py").replace("/", ".") in document().replace("/", ".")
